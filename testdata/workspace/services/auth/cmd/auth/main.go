// Command auth signs and checks tokens.
package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/shop/libs/server"
	"example.com/shop/services/auth/internal/token"
)

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, token.Sign(r.FormValue("user")))
	})
	if err := server.Run("auth", handler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
