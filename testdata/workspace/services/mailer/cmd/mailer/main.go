// Command mailer sends what the queue holds.
package main

import (
	"os"

	"example.com/shop/libs/config"
	"example.com/shop/libs/log"
)

func main() {
	logger := log.New("mailer")
	settings, err := config.Load()
	if err != nil {
		logger.Error("no configuration", "error", err)
		os.Exit(1)
	}
	logger.Info("waiting", "queue", settings.Queue)
}
