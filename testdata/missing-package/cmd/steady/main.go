// Command steady needs nothing.
package main

func main() {}
