// Command tags says what it was built for.
package main

import "fmt"

func main() {
	fmt.Println(system, edition)
}
