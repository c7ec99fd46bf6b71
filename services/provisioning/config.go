package main

import (
	"cmp"
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/spine"
)

// config is everything that the environment says.
type config struct {
	listen     string
	spine      spine.Config
	issuer     string
	audience   string
	giteaURL   string
	giteaToken string
	catalog    string
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: cmp.Or(getenv("CATALYST_LISTEN"), "127.0.0.1:7082"),
		spine: spine.Config{URL: getenv("CATALYST_NATS_URL"), User: getenv("CATALYST_NATS_USER"),
			Password: getenv("CATALYST_NATS_PASSWORD"), Name: "provisioning"},
		issuer: getenv("CATALYST_ISSUER_URL"), audience: cmp.Or(getenv("CATALYST_AUDIENCE"), "catalyst"),
		giteaURL: getenv("CATALYST_GITEA_URL"), giteaToken: getenv("CATALYST_GITEA_TOKEN"), catalog: getenv("CATALYST_CATALOG_URL"),
	}
	var missing []string
	for _, v := range []struct{ name, value string }{
		{"CATALYST_NATS_URL", c.spine.URL}, {"CATALYST_ISSUER_URL", c.issuer}, {"CATALYST_GITEA_URL", c.giteaURL},
		{"CATALYST_GITEA_TOKEN", c.giteaToken}, {"CATALYST_CATALOG_URL", c.catalog},
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
