package store

import "testing"

func TestMigrationsAreInOrder(t *testing.T) {
	names, err := Migrations()
	if err != nil || len(names) < 2 || names[0] != "migrations/0001_users.sql" {
		t.Errorf("got %v, %v", names, err)
	}
}

func TestWhatIsPutCanBeGot(t *testing.T) {
	table := NewTable[int]()
	table.Put("a", 1)
	if row, found := table.Get("a"); !found || row != 1 {
		t.Errorf("got %v, %v", row, found)
	}
}
