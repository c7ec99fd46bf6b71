package main

import (
	"errors"
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/environment-controller/internal/kubernetes"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// config is everything that this service can be told. It comes from the environment and is read here only.
type config struct {
	Listen       string
	Spine        spine.Config
	Git          gitea.Config
	Organization organization.Settings
	Kubernetes   kubernetes.Config
}

func readConfig(getenv func(string) string) (config, error) {
	var missing []string
	need := func(name string) string {
		v := getenv(name)
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	c := config{
		Listen: need("CATALYST_LISTEN"),
		Spine: spine.Config{
			URL: need("CATALYST_NATS_URL"), User: getenv("CATALYST_NATS_USER"), Password: getenv("CATALYST_NATS_PASSWORD"),
			Name: "environment-controller",
		},
		Git: gitea.Config{URL: need("CATALYST_GITEA_URL"), Token: need("CATALYST_GITEA_TOKEN")},
		Organization: organization.Settings{
			WebhookURL: need("CATALYST_WEBHOOK_URL"), WebhookSecret: need("CATALYST_WEBHOOK_SECRET"),
			Writers: names(need("CATALYST_GITEA_WRITERS")), Readers: names(need("CATALYST_GITEA_READERS")),
		},
		Kubernetes: kubernetes.Config{
			Kubeconfig: getenv("KUBECONFIG"), Metrics: getenv("CATALYST_METRICS_LISTEN"),
			Credentials: kubernetes.Credentials{
				GitUser: need("CATALYST_FLUX_GIT_USER"), GitToken: need("CATALYST_FLUX_GIT_TOKEN"),
				PublicKeyFile: need("CATALYST_SIGNING_PUBLIC_KEY_FILE"),
			},
		},
	}
	if len(missing) > 0 {
		return config{}, fmt.Errorf("these environment variables must be set: %s", strings.Join(missing, ", "))
	}
	if strings.ContainsAny(c.Kubernetes.Kubeconfig, ":") {
		return config{}, errors.New("KUBECONFIG must name one file")
	}
	c.Kubernetes.GitURL = c.Git.URL
	return c, nil
}

func names(list string) []string {
	var out []string
	for n := range strings.SplitSeq(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}
