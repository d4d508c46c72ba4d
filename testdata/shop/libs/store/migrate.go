package store

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the names of the migrations in the order in which they are to be applied.
func Migrations() ([]string, error) {
	return fs.Glob(migrations, "migrations/*.sql")
}
