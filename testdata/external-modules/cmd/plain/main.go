// Command plain uses the standard library alone.
package main

import "fmt"

func main() {
	fmt.Println("plain")
}
