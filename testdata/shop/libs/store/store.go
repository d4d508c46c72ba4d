// Package store keeps rows by key, and knows how the database came to be.
package store

import "sync"

// Table is a set of rows that many goroutines may use at once.
type Table[Row any] struct {
	mu   sync.RWMutex
	rows map[string]Row
}

// NewTable returns an empty table.
func NewTable[Row any]() *Table[Row] {
	return &Table[Row]{rows: map[string]Row{}}
}

// Get returns the row with a key, and whether there is one.
func (t *Table[Row]) Get(key string) (Row, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	row, found := t.rows[key]
	return row, found
}

// Put sets the row with a key.
func (t *Table[Row]) Put(key string, row Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[key] = row
}
