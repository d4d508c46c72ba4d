// Package basket adds up what someone wants to buy.
package basket

import "example.com/shop/libs/money"

// Line is one kind of item.
type Line struct {
	Item  string
	Price money.Amount
	Count int
}

// Basket is a list of items.
type Basket []Line

// With returns the basket with one more of an item.
func (b Basket) With(item string, price money.Amount) Basket {
	more := append(Basket{}, b...)
	for i := range more {
		if more[i].Item == item {
			more[i].Count++
			return more
		}
	}
	return append(more, Line{Item: item, Price: price, Count: 1})
}

// Total returns what the basket costs. From ten items on there is a discount.
func (b Basket) Total() money.Amount {
	var total money.Amount
	count := 0
	for _, line := range b {
		total += line.Price.Times(line.Count)
		count += line.Count
	}
	if count >= 10 {
		total -= total.Percent(5)
	}
	return total
}
