package log

import (
	"strings"
	"testing"
)

func TestPairsFollowTheEvent(t *testing.T) {
	var out strings.Builder
	l := &Logger{service: "cart", out: &out}
	l.Info("added", "item", "mug", "count", 2)
	if got, want := out.String(), "cart: added item=mug count=2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
