package main

import (
	"errors"
	"fmt"

	"catalyst.openova.io/pkg/spine"
)

type config struct {
	listen        string
	spine         spine.Config
	cluster       string
	kubeconfig    string
	giteaURL      string
	giteaToken    string
	webhookSecret string
}

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: getenv("CATALYST_LISTEN"), cluster: getenv("CATALYST_CLUSTER"), kubeconfig: getenv("KUBECONFIG"),
		giteaURL: getenv("CATALYST_GITEA_URL"), giteaToken: getenv("CATALYST_GITEA_TOKEN"), webhookSecret: getenv("CATALYST_WEBHOOK_SECRET"),
		spine: spine.Config{
			URL: getenv("CATALYST_NATS_URL"), User: getenv("CATALYST_NATS_USER"), Password: getenv("CATALYST_NATS_PASSWORD"), Name: "observer",
		},
	}
	var errs []error
	for name, value := range map[string]string{
		"CATALYST_LISTEN": c.listen, "CATALYST_CLUSTER": c.cluster, "CATALYST_GITEA_URL": c.giteaURL, "CATALYST_GITEA_TOKEN": c.giteaToken,
		"CATALYST_WEBHOOK_SECRET": c.webhookSecret, "CATALYST_NATS_URL": c.spine.URL,
	} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	return c, errors.Join(errs...)
}
