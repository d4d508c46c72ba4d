// Command app greets.
package main

import (
	"fmt"

	"example.com/lib/greeting"
)

func main() {
	fmt.Println(greeting.Hello())
}
