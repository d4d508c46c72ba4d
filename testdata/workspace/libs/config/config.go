// Package config reads the settings of a service from defaults and the environment.
package config

import (
	_ "embed"
	"encoding/json"
	"os"
)

//go:embed defaults.json
var defaults []byte

// Config is what every service has to know.
type Config struct {
	Address string `json:"address"`
	Queue   string `json:"queue"`
}

// Load returns the defaults, with what the environment overrides.
func Load() (Config, error) {
	var config Config
	if err := json.Unmarshal(defaults, &config); err != nil {
		return Config{}, err
	}
	if address := os.Getenv("ADDRESS"); address != "" {
		config.Address = address
	}
	return config, nil
}
