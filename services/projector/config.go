package main

import (
	"errors"
	"fmt"
	"os"

	"catalyst.openova.io/pkg/spine"
)

type config struct {
	listen  string
	replica string
	spine   spine.Config
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: getenv("CATALYST_LISTEN"), replica: getenv("CATALYST_REPLICA"),
		spine: spine.Config{
			URL: getenv("CATALYST_NATS_URL"), Name: "projector", SeedFile: getenv("CATALYST_NATS_SEED_FILE"), TokenFile: getenv("CATALYST_NATS_TOKEN_FILE"),
		},
	}
	if c.spine.URL == "" {
		return c, errors.New("CATALYST_NATS_URL must be set")
	}
	if (c.spine.SeedFile == "") != (c.spine.TokenFile == "") {
		return c, errors.New("CATALYST_NATS_SEED_FILE and CATALYST_NATS_TOKEN_FILE must be set together")
	}
	if c.replica == "" {
		host, err := os.Hostname()
		if err != nil {
			return c, fmt.Errorf("CATALYST_REPLICA is not set, and the host has no name: %w", err)
		}
		c.replica = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	return c, nil
}
