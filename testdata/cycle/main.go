// Command cycle cannot be built: its packages import each other.
package main

import _ "example.com/cycle/a"

func main() {}
