// Command paint reads a module that is not in the repository.
package main

import (
	"fmt"

	"example.org/color"
)

func main() {
	fmt.Println(color.Red)
}
