// Command catalog knows products and prices.
package main

import (
	"net/http"
	"os"

	"example.com/shop/libs/httpx"
	"example.com/shop/libs/log"
	"example.com/shop/libs/store"
	"example.com/shop/services/catalog/internal/prices"
)

func main() {
	logger := log.New("catalog")
	products, err := prices.Load("/data/products.json")
	if err != nil {
		logger.Error("no products", "error", err)
		os.Exit(1)
	}
	table := store.NewTable[prices.Product]()
	for _, product := range products {
		table.Put(product.Name, product)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /products/{name}", func(w http.ResponseWriter, r *http.Request) {
		product, found := table.Get(r.PathValue("name"))
		if !found {
			http.NotFound(w, r)
			return
		}
		httpx.JSON(w, map[string]any{"name": product.Name, "price": product.WithTax().String()})
	})
	if err := httpx.Serve(logger, mux); err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}
