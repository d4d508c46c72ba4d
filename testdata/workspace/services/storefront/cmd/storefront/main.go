// Command storefront shows the shop to customers.
package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/shop/libs/server"
	"example.com/shop/services/storefront/internal/pages"
)

func main() {
	mux := http.NewServeMux()
	mux.Handle("/static/", http.FileServer(http.Dir("/srv")))
	mux.HandleFunc("/", pages.Home)
	if err := server.Run("storefront", mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
