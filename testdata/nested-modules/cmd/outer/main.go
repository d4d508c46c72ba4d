// Command outer belongs to the outer module.
package main

import (
	"fmt"

	"example.com/outer/assets"
)

func main() {
	fmt.Println(assets.Names())
}
