// Command right shares its Dockerfile with left.
package main

func main() {}
