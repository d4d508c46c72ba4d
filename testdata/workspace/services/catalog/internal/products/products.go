// Package products knows what is for sale.
package products

import (
	"embed"
	"encoding/json"
	"path"

	"example.com/shop/libs/money"
)

//go:embed data/*.json
var data embed.FS

// Product is one thing for sale.
type Product struct {
	Name  string       `json:"name"`
	Price money.Amount `json:"price"`
}

// List returns all products.
func List() []Product {
	files, _ := data.ReadDir("data")
	var products []Product
	for _, file := range files {
		text, _ := data.ReadFile(path.Join("data", file.Name()))
		var some []Product
		_ = json.Unmarshal(text, &some)
		products = append(products, some...)
	}
	return products
}
