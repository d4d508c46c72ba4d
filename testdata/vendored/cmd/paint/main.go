// Command paint prints a colour.
package main

import (
	"fmt"

	"example.org/color"
)

func main() {
	fmt.Println(color.Red)
}
