package pages

import (
	"strings"
	"testing"
)

func TestTheFirstPageHasPrices(t *testing.T) {
	var out strings.Builder
	if err := Write(&out, Home()); err != nil || !strings.Contains(out.String(), "teapot: 34.90") {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
