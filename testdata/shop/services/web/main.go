// Command web shows the shop in a browser.
package main

import (
	"net/http"
	"os"

	"example.com/shop/libs/httpx"
	"example.com/shop/libs/log"
	"example.com/shop/services/web/internal/pages"
)

func main() {
	logger := log.New("web")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if err := pages.Write(w, pages.Home()); err != nil {
			logger.Error("page", "error", err)
		}
	})
	if err := httpx.Serve(logger, mux); err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}
