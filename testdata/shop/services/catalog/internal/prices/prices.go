// Package prices says what products cost.
package prices

import (
	"encoding/json"
	"os"

	"example.com/shop/libs/money"
)

const tax = 19

// Product is something that is for sale.
type Product struct {
	Name  string       `json:"name"`
	Price money.Amount `json:"price"`
}

// WithTax returns what the product costs a customer.
func (p Product) WithTax() money.Amount { return p.Price + p.Price.Percent(tax) }

// Load reads products from a file.
func Load(path string) ([]Product, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var products []Product
	return products, json.Unmarshal(bytes, &products)
}
