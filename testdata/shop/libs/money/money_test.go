package money

import "testing"

func TestPercentRoundsHalfToEven(t *testing.T) {
	for amount, want := range map[Amount]Amount{50: 2, 150: 8, 250: 12, 1999: 100} {
		if got := amount.Percent(5); got != want {
			t.Errorf("5 %% of %v is %v, want %v", amount, got, want)
		}
	}
}

func TestNegativeAmountsKeepTheirCents(t *testing.T) {
	if got := Amount(-1205).String(); got != "-12.05" {
		t.Errorf("got %s", got)
	}
}
