// Command auth signs people in.
package main

import (
	"net/http"
	"os"

	"example.com/shop/libs/httpx"
	"example.com/shop/libs/log"
	"example.com/shop/libs/store"
	"example.com/shop/services/auth/internal/token"
)

func main() {
	logger := log.New("auth")
	signer := token.NewSigner([]byte(os.Getenv("AUTH_KEY")))
	users := store.NewTable[string]()

	mux := http.NewServeMux()
	mux.HandleFunc("POST /users/{name}", func(w http.ResponseWriter, r *http.Request) {
		users.Put(r.PathValue("name"), r.FormValue("password"))
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("POST /tokens/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if password, found := users.Get(name); !found || password != r.FormValue("password") {
			http.Error(w, "wrong name or password", http.StatusForbidden)
			return
		}
		httpx.JSON(w, signer.Sign(name))
	})
	if err := httpx.Serve(logger, mux); err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}
