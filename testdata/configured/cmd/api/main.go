// Command api answers requests.
package main

import "example.com/configured/internal/tuning"

func main() {
	println(tuning.Level)
}
