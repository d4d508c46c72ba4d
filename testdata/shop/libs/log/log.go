// Package log writes one line for each event.
package log

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Logger writes the events of one service.
type Logger struct {
	service string
	out     io.Writer
}

// New returns a logger that writes to standard error.
func New(service string) *Logger {
	return &Logger{service: service, out: os.Stderr}
}

// Info reports an event; pairs are names and values.
func (l *Logger) Info(event string, pairs ...any) {
	l.write(plain, event, pairs)
}

// Error reports a failure; pairs are names and values.
func (l *Logger) Error(event string, pairs ...any) {
	l.write(red, event, pairs)
}

func (l *Logger) write(style func(string) string, event string, pairs []any) {
	var line strings.Builder
	line.WriteString(l.service + ": " + style(event))
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&line, " %v=%v", pairs[i], pairs[i+1])
	}
	fmt.Fprintln(l.out, line.String())
}

func plain(text string) string { return text }
