// Command reindex lists the migrations that a database needs. It is for operators and is not deployed.
package main

import (
	"os"

	"example.com/shop/libs/log"
	"example.com/shop/libs/store"
)

func main() {
	logger := log.New("reindex")
	names, err := store.Migrations()
	if err != nil {
		logger.Error("no migrations", "error", err)
		os.Exit(1)
	}
	for _, name := range names {
		logger.Info("migration", "name", name)
	}
}
