package sovereign

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// Our services, and what each is told. The names of the variables are theirs: see their config.go.

func ownServices(s Settings, sec *Secrets, bin Binaries) []Component {
	login := map[string]string{"CATALYST_ISSUER_URL": s.IssuerURL(), "CATALYST_AUDIENCE": "catalyst"}
	forge := func(account string) map[string]string {
		return map[string]string{"CATALYST_GITEA_URL": s.GiteaURL(), "CATALYST_GITEA_TOKEN": sec.GiteaToken[account]}
	}
	service := func(name, title string, port int, env ...map[string]string) Component {
		c := Component{
			Name: name, Title: title, Own: true, Port: port + s.PortOffset, Binary: filepath.Join(bin.Own, name),
			Ready: Probe{URL: s.http(port) + "/readyz"},
			Env:   map[string]string{"CATALYST_LISTEN": s.addr(port), "GOMEMLIMIT": "96MiB", "GOGC": "50"},
		}
		if _, ok := sovereignRights[name]; ok {
			c.After = []string{"nats"}
			c.Env["CATALYST_NATS_URL"] = s.NATSURL()
			c.Env["CATALYST_NATS_SEED_FILE"], c.Env["CATALYST_NATS_TOKEN_FILE"] = s.seedFile(name), s.tokenFile(name)
		}
		for _, m := range env {
			for k, v := range m {
				c.Env[k] = v
			}
		}
		if c.Env["CATALYST_INTENTS_URL"] != "" {
			c.After = append(c.After, "intents")
		}
		return c
	}
	issuer := service("issuer", "OIDC issuer with the demo people", portIssuer, map[string]string{
		"CATALYST_PUBLIC_URL": s.ConsoleURL(), "CATALYST_ISSUER_URL": s.IssuerURL(), "CATALYST_AUDIENCE": "catalyst",
		"CATALYST_OIDC_CLIENT_ID": "catalyst-console", "CATALYST_OIDC_CLIENT_SECRET": sec.OIDCSecret,
		"CATALYST_STATE_DIR": s.File("issuer"),
	})
	return []Component{
		service("gateway", "Gateway and console", portGateway, login, map[string]string{
			"CATALYST_PUBLIC_URL": s.ConsoleURL(), "CATALYST_CONSOLE_DIR": bin.Console,
			"CATALYST_CATALOG_URL": s.CatalogURL(), "CATALYST_PROVISIONING_URL": s.http(portProvisioning),
			"CATALYST_BOOTSTRAP_URL":  s.ControlURL(),
			"CATALYST_OIDC_CLIENT_ID": "catalyst-console", "CATALYST_OIDC_CLIENT_SECRET": sec.OIDCSecret,
		}),
		service("catalog", "Catalog", portCatalog, login, map[string]string{
			"CATALYST_REGISTRY": s.RegistryURL(), "CATALYST_CATALOG_PREFIX": "catalog",
			"CATALYST_SIGNING_PUBLIC_KEY_FILE": s.SigningPublicKey(),
		}),
		service("provisioning", "Provisioning", portProvisioning, login, forge("catalyst-provisioning"), map[string]string{
			"CATALYST_CATALOG_URL": s.CatalogURL(),
			"CATALYST_REGISTRY":    s.RegistryURL(), "CATALYST_CATALOG_PREFIX": "catalog",
			"CATALYST_INTENTS_URL": s.IntentsURL(),
			// What a plan would change is rendered from verified Blueprints and tried against the cluster.
			"CATALYST_SIGNING_PUBLIC_KEY_FILE": s.SigningPublicKey(), "KUBECONFIG": s.KubeconfigOf("provisioning"),
		}),
		service("projector", "Projector", portProjector, map[string]string{"CATALYST_REPLICA": "projector"}),
		service("observer", "Observer", portObserver, forge("catalyst-observer"), map[string]string{
			"CATALYST_WEBHOOK_SECRET": sec.WebhookSecret, "CATALYST_CLUSTER": "local",
			"CATALYST_SIMULATED": strconv.FormatBool(s.Simulated()), "KUBECONFIG": s.KubeconfigOf("observer"),
		}),
		service("environment-controller", "Environment controller", portEnvironments, forge("catalyst-controller"), map[string]string{
			"CATALYST_WEBHOOK_URL": s.WebhookURL(), "CATALYST_WEBHOOK_SECRET": sec.WebhookSecret,
			"CATALYST_SIGNING_PUBLIC_KEY_FILE": s.SigningPublicKey(),
			"CATALYST_GITEA_WRITERS":           "catalyst-provisioning",
			"CATALYST_GITEA_READERS":           "catalyst-observer",
			"KUBECONFIG":                       s.KubeconfigOf("environment-controller"),
			"CATALYST_NATS_OPERATOR_SEED_FILE": s.seedFile(operatorSigning), "CATALYST_NATS_SYSTEM_TOKEN_FILE": s.tokenFile(systemUser),
			"CATALYST_NATS_SERVICES": spineServices(sec),
		}),
		issuer,
	}
}

func lightServers(s Settings, bin Binaries) []Component {
	return []Component{
		{
			Name: "nats", Title: "NATS JetStream", Port: portNATS + s.PortOffset,
			Binary: filepath.Join(bin.Own, "nats-server"), Args: []string{"-c", s.NATSConfigFile()},
			Ready: Probe{URL: s.http(portNATSMonitor) + "/healthz"},
		},
		{
			Name: "intents", Title: "NATS JetStream for what was asked", Port: portIntents + s.PortOffset,
			Binary: filepath.Join(bin.Own, "nats-server"), Args: []string{"-c", s.IntentsConfigFile()},
			Ready: Probe{URL: s.http(portIntentsMonitor) + "/healthz"},
			Env:   map[string]string{"GOMEMLIMIT": "32MiB"},
		},
		{
			Name: "registry", Title: "OCI registry", Port: portRegistry + s.PortOffset,
			Binary: filepath.Join(bin.Own, "registry"), Args: []string{"serve", s.RegistryConfigFile()},
			Ready: Probe{URL: s.RegistryURL() + "/v2/"},
			Env:   map[string]string{"OTEL_TRACES_EXPORTER": "none"},
		},
	}
}

// RegistryConfigFile is where the registry reads its configuration.
func (s Settings) RegistryConfigFile() string { return s.File("registry", "config.yml") }

// RegistryConfig renders it.
func RegistryConfig(s Settings, httpSecret string) string {
	return fmt.Sprintf(`version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: %s
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: %s
  secret: %s
`, strconv.Quote(s.File("registry", "data")), s.addr(portRegistry), httpSecret)
}
