// Command plain uses no other module.
package main

func main() {}
