package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/environment-controller/internal/account"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/environment"
	"catalyst.openova.io/services/environment-controller/internal/kubernetes"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// config is everything that this service can be told. It comes from the environment and is read here only.
type config struct {
	Listen       string
	Spine        spine.Config
	Git          gitea.Config
	Organization organization.Settings
	Credential   credential.Settings
	Kubernetes   kubernetes.Config
	Accounts     accounts
}

// accounts is what it takes to make accounts on the spine. Without the seed none are made: then the server of the spine
// asks nobody who he is, and there is one account for all.
type accounts struct {
	OperatorSeedFile string
	SystemTokenFile  string
	Settings         account.Settings
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
			URL: need("CATALYST_NATS_URL"), Name: "environment-controller",
			SeedFile: getenv("CATALYST_NATS_SEED_FILE"), TokenFile: getenv("CATALYST_NATS_TOKEN_FILE"),
		},
		Git: gitea.Config{URL: need("CATALYST_GITEA_URL"), Token: need("CATALYST_GITEA_TOKEN")},
		Organization: organization.Settings{
			WebhookURL: need("CATALYST_WEBHOOK_URL"), WebhookKey: getenv("CATALYST_WEBHOOK_KEY"),
			Writers: names(need("CATALYST_GITEA_WRITERS")), Readers: names(need("CATALYST_GITEA_READERS")),
		},
		Kubernetes: kubernetes.Config{
			Kubeconfig: getenv("KUBECONFIG"), Metrics: getenv("CATALYST_METRICS_LISTEN"),
			PublicKeyFile: need("CATALYST_SIGNING_PUBLIC_KEY_FILE"),
		},
		Credential: credential.Settings{Age: 24 * time.Hour, Grace: 15 * time.Minute},
	}
	if c.Organization.WebhookKey == "" {
		c.Organization.WebhookSecret = need("CATALYST_WEBHOOK_SECRET")
	}
	var err error
	if age := getenv("CATALYST_PULL_CREDENTIAL_AGE"); age != "" {
		if c.Credential.Age, err = time.ParseDuration(age); err != nil || c.Credential.Age <= c.Credential.Grace {
			return config{}, fmt.Errorf("CATALYST_PULL_CREDENTIAL_AGE is %q: it must be a duration above %s, such as 24h", age, c.Credential.Grace)
		}
	}
	if c.Accounts.OperatorSeedFile = getenv("CATALYST_NATS_OPERATOR_SEED_FILE"); c.Accounts.OperatorSeedFile != "" {
		need("CATALYST_NATS_SEED_FILE")
		need("CATALYST_NATS_TOKEN_FILE")
		c.Accounts.SystemTokenFile = need("CATALYST_NATS_SYSTEM_TOKEN_FILE")
		c.Accounts.Settings, err = accountSettings(getenv, names(need("CATALYST_NATS_SERVICES")))
	}
	if len(missing) > 0 {
		return config{}, fmt.Errorf("these environment variables must be set: %s", strings.Join(missing, ", "))
	}
	if err != nil {
		return config{}, err
	}
	if strings.ContainsAny(c.Kubernetes.Kubeconfig, ":") {
		return config{}, errors.New("KUBECONFIG must name one file")
	}
	c.Kubernetes.GitURL = c.Git.URL
	return c, nil
}

// accountSettings reads what an Organization's account may hold: by default 1 GiB, of which three quarters are for events.
func accountSettings(getenv func(string) string, services []string) (account.Settings, error) {
	s := account.Settings{EnvTypes: environment.Types}
	for name, v := range map[string]struct {
		to *int64
		or int64
	}{
		"CATALYST_ACCOUNT_DISK_BYTES": {&s.Limits.Disk, 1 << 30},
		"CATALYST_ACCOUNT_STREAMS":    {&s.Limits.Streams, 16},
		"CATALYST_ACCOUNT_CONSUMERS":  {&s.Limits.Consumers, 256},
	} {
		*v.to = v.or
		if text := getenv(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n <= 0 {
				return s, fmt.Errorf("%s is %q: it must be a number above 0", name, text)
			}
			*v.to = n
		}
	}
	var err error
	if s.Services, err = account.ParseServices(services); err != nil {
		return s, fmt.Errorf("CATALYST_NATS_SERVICES: %w", err)
	}
	return s, nil
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
