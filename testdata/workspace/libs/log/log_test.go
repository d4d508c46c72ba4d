package log

import "testing"

func TestNew(t *testing.T) {
	if New("cart") == nil {
		t.Fatal("no logger")
	}
}
