package main

import (
	"errors"
	"fmt"
	"net/url"

	"catalyst.openova.io/pkg/spine"
)

type config struct {
	listen     string
	spine      spine.Config
	publicURL  *url.URL
	consoleDir string

	issuer, audience       string
	clientID, clientSecret string
	catalog, provisioning  *url.URL
	bootstrap              *url.URL // nil where no supervisor tells of its start
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: getenv("CATALYST_LISTEN"), consoleDir: getenv("CATALYST_CONSOLE_DIR"),
		issuer: getenv("CATALYST_ISSUER_URL"), audience: getenv("CATALYST_AUDIENCE"),
		clientID: getenv("CATALYST_OIDC_CLIENT_ID"), clientSecret: getenv("CATALYST_OIDC_CLIENT_SECRET"),
		spine: spine.Config{
			URL: getenv("CATALYST_NATS_URL"), Name: "gateway",
			SeedFile: getenv("CATALYST_NATS_SEED_FILE"), TokenFile: getenv("CATALYST_NATS_TOKEN_FILE"),
		},
	}
	var errs []error
	for name, value := range map[string]string{
		"CATALYST_LISTEN": c.listen, "CATALYST_CONSOLE_DIR": c.consoleDir, "CATALYST_ISSUER_URL": c.issuer,
		"CATALYST_AUDIENCE": c.audience, "CATALYST_OIDC_CLIENT_ID": c.clientID, "CATALYST_NATS_URL": c.spine.URL,
	} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	address := func(name string, optional bool) *url.URL {
		raw := getenv(name)
		if raw == "" && optional {
			return nil
		}
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("%s is no URL: %q", name, raw))
		}
		return u
	}
	c.publicURL = address("CATALYST_PUBLIC_URL", false)
	c.catalog = address("CATALYST_CATALOG_URL", false)
	c.provisioning = address("CATALYST_PROVISIONING_URL", false)
	c.bootstrap = address("CATALYST_BOOTSTRAP_URL", true)
	return c, errors.Join(errs...)
}
