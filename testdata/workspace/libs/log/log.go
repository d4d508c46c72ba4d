// Package log writes structured lines to standard error.
package log

import (
	"log/slog"
	"os"
)

// New returns the logger of a service.
func New(service string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", service)
}
