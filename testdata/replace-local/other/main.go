// Command other uses nothing.
package main

func main() {}
