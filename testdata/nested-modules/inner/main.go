// Command inner is a module of its own inside the outer one.
package main

func main() {}
