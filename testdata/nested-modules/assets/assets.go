// Package assets embeds a folder; what lies in a module of its own is no part of it.
package assets

import "embed"

//go:embed files
var files embed.FS

// Names returns the names of all files.
func Names() []string {
	entries, _ := files.ReadDir("files")
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
