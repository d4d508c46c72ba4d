// Command twice doubles in C.
package main

import (
	"fmt"

	"example.com/native/twice"
)

func main() {
	fmt.Println(twice.Twice(21))
}
