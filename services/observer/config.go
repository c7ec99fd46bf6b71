package main

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/observer/internal/gitea"
)

type config struct {
	listen        string
	spine         spine.Config
	clusters      []cluster
	giteaURL      string
	giteaToken    string
	webhookSecret string
}

// cluster is one that is observed.
type cluster struct{ name, kubeconfig string }

func load(getenv func(string) string) (config, error) {
	c := config{
		listen: getenv("CATALYST_LISTEN"), giteaURL: getenv("CATALYST_GITEA_URL"), giteaToken: getenv("CATALYST_GITEA_TOKEN"),
		webhookSecret: getenv("CATALYST_WEBHOOK_SECRET"),
		spine: spine.Config{
			URL: getenv("CATALYST_NATS_URL"), Name: "observer", SeedFile: getenv("CATALYST_NATS_SEED_FILE"), TokenFile: getenv("CATALYST_NATS_TOKEN_FILE"),
		},
	}
	var errs []error
	for name, value := range map[string]string{
		"CATALYST_LISTEN": c.listen, "CATALYST_GITEA_URL": c.giteaURL, "CATALYST_GITEA_TOKEN": c.giteaToken,
		"CATALYST_WEBHOOK_SECRET": c.webhookSecret, "CATALYST_NATS_URL": c.spine.URL,
	} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	var err error
	c.clusters, err = clusters(getenv)
	return c, errors.Join(append(errs, err)...)
}

// clusters reads CATALYST_CLUSTERS, name=kubeconfig separated by commas; without it there is one cluster, which
// CATALYST_CLUSTER names and KUBECONFIG leads to.
func clusters(getenv func(string) string) ([]cluster, error) {
	list := getenv("CATALYST_CLUSTERS")
	if list == "" {
		list = getenv("CATALYST_CLUSTER") + "=" + getenv("KUBECONFIG")
	}
	var out []cluster
	seen := map[string]bool{path.Base(gitea.Source): true} // the forge is a source too
	for _, item := range strings.Split(list, ",") {
		name, kubeconfig, _ := strings.Cut(strings.TrimSpace(item), "=")
		switch {
		case name == "":
			return nil, errors.New("neither CATALYST_CLUSTERS (name=kubeconfig,…) nor CATALYST_CLUSTER names a cluster")
		case seen[name]:
			return nil, fmt.Errorf("no two clusters may be called %q, and none may be called forge", name)
		}
		seen[name] = true
		out = append(out, cluster{name, kubeconfig})
	}
	return out, nil
}
