// Package httpx has what every HTTP service of the shop needs.
package httpx

import (
	"encoding/json"
	"net/http"
	"os"
	"time"

	"example.com/shop/libs/log"
)

// Serve answers requests at $ADDRESS, or at :8080, until the process is stopped.
func Serve(logger *log.Logger, handler http.Handler) error {
	address := os.Getenv("ADDRESS")
	if address == "" {
		address = ":8080"
	}
	logger.Info("serving", "address", address)
	server := &http.Server{Addr: address, Handler: logged(logger, handler), ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
