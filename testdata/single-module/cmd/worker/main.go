// Command worker tidies notes.
package main

import "example.com/notes/internal/clean"

func main() {
	clean.Run()
}
