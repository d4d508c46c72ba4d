// Command broken has a go.mod that Go refuses.
package main

func main() {}
