// Package store keeps notes in memory.
package store

var notes []string

// All returns all notes.
func All() []string {
	return notes
}

// Remove removes one note.
func Remove(index int) {
	notes = append(notes[:index], notes[index+1:]...)
}
