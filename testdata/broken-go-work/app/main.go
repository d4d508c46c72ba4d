// Command app lies below a go.work that Go refuses.
package main

func main() {}
