package money

// Round drops the cents.
func (a Amount) Round() Amount {
	return (a + 50) / 100 * 100
}
