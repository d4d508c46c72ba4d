package store_test

import (
	"testing"

	"example.com/notes/internal/store"
	"example.com/notes/internal/testkit"
)

func TestAll(t *testing.T) {
	testkit.Empty(t, store.All())
}
