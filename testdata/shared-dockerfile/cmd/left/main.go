// Command left shares its Dockerfile with right.
package main

func main() {}
