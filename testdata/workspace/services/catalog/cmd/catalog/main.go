// Command catalog lists the products.
package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/shop/libs/server"
	"example.com/shop/services/catalog/internal/products"
)

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, products.List())
	})
	if err := server.Run("catalog", handler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
