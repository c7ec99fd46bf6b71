package main

import (
	"cmp"
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/spine"
)

// config is everything that the environment says.
type config struct {
	listen string
	spine  spine.Config
	// intents is the server that holds what was asked: it writes through to the disk before it answers.
	intents    spine.Config
	issuer     string
	audience   string
	giteaURL   string
	giteaToken string
	catalog    string
	// registry of Blueprints, where in it they lie, and the keys that they are signed with.
	registry, prefix, keys string
	// kubeconfig of the cluster that plans are tried against.
	kubeconfig string
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: cmp.Or(getenv("CATALYST_LISTEN"), "127.0.0.1:7082"),
		spine: spine.Config{URL: getenv("CATALYST_NATS_URL"), Name: "provisioning",
			SeedFile: getenv("CATALYST_NATS_SEED_FILE"), TokenFile: getenv("CATALYST_NATS_TOKEN_FILE")},
		issuer: getenv("CATALYST_ISSUER_URL"), audience: cmp.Or(getenv("CATALYST_AUDIENCE"), "catalyst"),
		giteaURL: getenv("CATALYST_GITEA_URL"), giteaToken: getenv("CATALYST_GITEA_TOKEN"), catalog: getenv("CATALYST_CATALOG_URL"),
		registry: getenv("CATALYST_REGISTRY"), prefix: cmp.Or(getenv("CATALYST_CATALOG_PREFIX"), "catalog"),
		keys: getenv("CATALYST_SIGNING_PUBLIC_KEY_FILE"), kubeconfig: getenv("KUBECONFIG"),
	}
	c.intents = c.spine
	c.intents.URL = cmp.Or(getenv("CATALYST_INTENTS_URL"), c.spine.URL)
	var missing []string
	for _, v := range []struct{ name, value string }{
		{"CATALYST_NATS_URL", c.spine.URL}, {"CATALYST_ISSUER_URL", c.issuer}, {"CATALYST_GITEA_URL", c.giteaURL},
		{"CATALYST_GITEA_TOKEN", c.giteaToken}, {"CATALYST_CATALOG_URL", c.catalog},
		{"CATALYST_REGISTRY", c.registry}, {"CATALYST_SIGNING_PUBLIC_KEY_FILE", c.keys},
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
