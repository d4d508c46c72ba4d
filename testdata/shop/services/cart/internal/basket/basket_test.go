package basket

import "testing"

func TestTenItemsAreCheaper(t *testing.T) {
	var b Basket
	for range 10 {
		b = b.With("mug", 1000)
	}
	if got := b.Total().String(); got != "95.00" {
		t.Errorf("got %s", got)
	}
}
