package money

// Percent returns a share of the amount, rounded half to even as banks do.
func (a Amount) Percent(percent int) Amount {
	product := int64(a) * int64(percent)
	whole, rest := product/100, product%100
	if rest > 50 || rest == 50 && whole%2 == 1 {
		whole++
	}
	return Amount(whole)
}
