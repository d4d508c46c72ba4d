// Command cart keeps what people want to buy.
package main

import (
	"net/http"
	"os"
	"strconv"

	"example.com/shop/libs/httpx"
	"example.com/shop/libs/log"
	"example.com/shop/libs/money"
	"example.com/shop/libs/store"
	"example.com/shop/services/cart/internal/basket"
)

func main() {
	logger := log.New("cart")
	baskets := store.NewTable[basket.Basket]()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /carts/{owner}", func(w http.ResponseWriter, r *http.Request) {
		owned, _ := baskets.Get(r.PathValue("owner"))
		httpx.JSON(w, map[string]any{"items": owned, "total": owned.Total().String()})
	})
	mux.HandleFunc("POST /carts/{owner}/{item}", func(w http.ResponseWriter, r *http.Request) {
		price, err := strconv.ParseInt(r.FormValue("price"), 10, 64)
		if err != nil {
			http.Error(w, "price is not a number of cents", http.StatusBadRequest)
			return
		}
		owner := r.PathValue("owner")
		owned, _ := baskets.Get(owner)
		baskets.Put(owner, owned.With(r.PathValue("item"), money.Amount(price)))
	})
	if err := httpx.Serve(logger, mux); err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}
