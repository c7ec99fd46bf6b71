package main

import (
	"errors"

	"catalyst.openova.io/pkg/spine"
)

type config struct {
	listen string
	spine  spine.Config
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: getenv("CATALYST_LISTEN"),
		spine: spine.Config{
			URL: getenv("CATALYST_NATS_URL"), User: getenv("CATALYST_NATS_USER"), Password: getenv("CATALYST_NATS_PASSWORD"),
			Name: "projector",
		},
	}
	if c.listen == "" || c.spine.URL == "" {
		return c, errors.New("CATALYST_LISTEN and CATALYST_NATS_URL must be set")
	}
	return c, nil
}
