package money

import "testing"

func TestString(t *testing.T) {
	if got := Amount(1250).String(); got != "12.50" {
		t.Fatal(got)
	}
}
