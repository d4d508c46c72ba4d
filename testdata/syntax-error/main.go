// Command syntax imports a package that does not parse.
package main

import "example.com/syntax/lib"

func main() {
	lib.Run()
}
