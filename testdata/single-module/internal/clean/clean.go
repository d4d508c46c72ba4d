// Package clean removes what is empty.
package clean

import "example.com/notes/internal/store"

// Run removes empty notes.
func Run() {
	for index, note := range store.All() {
		if note == "" {
			store.Remove(index)
		}
	}
}
