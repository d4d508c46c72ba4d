// Package money counts in cents, because fractions of them get lost.
package money

import "fmt"

// Amount is a number of cents.
type Amount int64

// Times returns the amount for several pieces.
func (a Amount) Times(count int) Amount { return a * Amount(count) }

func (a Amount) String() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	return fmt.Sprintf("%s%d.%02d", sign, a/100, a%100)
}
