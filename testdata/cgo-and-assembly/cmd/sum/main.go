// Command sum adds in assembly.
package main

import (
	"fmt"

	"example.com/native/add"
)

func main() {
	fmt.Println(add.Add(1, 2))
}
