// Package server runs an HTTP server until the process is told to stop.
package server

import (
	"context"
	"net/http"
	"os/signal"

	"example.com/shop/libs/config"
	"example.com/shop/libs/log"
)

// Run serves until it receives a signal to stop.
func Run(service string, handler http.Handler) error {
	settings, err := config.Load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	server := &http.Server{Addr: settings.Address, Handler: handler}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	log.New(service).Info("listening", "address", settings.Address)
	return server.ListenAndServe()
}
