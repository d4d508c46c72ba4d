// Command cart keeps what customers want to buy.
package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/shop/libs/server"
	"example.com/shop/services/cart/internal/basket"
)

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, basket.Total(r.FormValue("customer")))
	})
	if err := server.Run("cart", handler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
