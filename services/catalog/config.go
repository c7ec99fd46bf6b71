package main

import (
	"cmp"
	"fmt"
	"strings"
)

// config is everything that the environment says.
type config struct {
	listen   string
	issuer   string
	audience string
	registry string
	prefix   string
	keyFile  string
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen:   cmp.Or(getenv("CATALYST_LISTEN"), "127.0.0.1:7081"),
		issuer:   getenv("CATALYST_ISSUER_URL"),
		audience: cmp.Or(getenv("CATALYST_AUDIENCE"), "catalyst"),
		registry: getenv("CATALYST_REGISTRY"),
		prefix:   cmp.Or(getenv("CATALYST_CATALOG_PREFIX"), "catalog"),
		keyFile:  getenv("CATALYST_SIGNING_PUBLIC_KEY_FILE"),
	}
	var missing []string
	for _, v := range []struct{ name, value string }{
		{"CATALYST_ISSUER_URL", c.issuer}, {"CATALYST_REGISTRY", c.registry}, {"CATALYST_SIGNING_PUBLIC_KEY_FILE", c.keyFile},
	} {
		if v.value == "" {
			missing = append(missing, v.name)
		}
	}
	if len(missing) > 0 {
		return c, fmt.Errorf("set %s in the environment", strings.Join(missing, ", "))
	}
	return c, nil
}
