// Command jobs works at night.
package main

func main() {
	println(size)
}
