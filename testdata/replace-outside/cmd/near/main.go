// Command near reads nothing outside.
package main

func main() {}
