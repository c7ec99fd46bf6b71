package sovereign

import (
	"fmt"
	"net"
	"strconv"
)

// Port is one port of the Sovereign, before the offset.
type Port struct {
	Name string
	// Component that listens on it.
	Component string
	Number    int
}

// The ports, all on 127.0.0.1.
const (
	portControl = 7079 + iota
	portGateway
	portCatalog
	portProvisioning
	portProjector
	portObserver
	portEnvironments
)

const (
	portIssuer = 7090 + iota
	portRegistry
	portGitea
	portNATS
	portNATSMonitor
	portEtcd
	portEtcdPeer
	portAPIServer
	portControllerManager
	portScheduler
	portKwok
	portSource
	portSourceHealth
	portSourceStorage
	portKustomize
	portKustomizeHealth
	portHelm
	portHelmHealth
	portIntents
	portIntentsMonitor
)

var ports = []Port{
	{"the supervisor's control", "supervisor", portControl},
	{"the console", "gateway", portGateway},
	{"catalog", "catalog", portCatalog},
	{"provisioning", "provisioning", portProvisioning},
	{"projector", "projector", portProjector},
	{"observer", "observer", portObserver},
	{"environment-controller", "environment-controller", portEnvironments},
	{"the OIDC issuer", "issuer", portIssuer},
	{"the OCI registry", "registry", portRegistry},
	{"Gitea", "gitea", portGitea},
	{"NATS", "nats", portNATS},
	{"NATS's monitor", "nats", portNATSMonitor},
	{"NATS for intents", "intents", portIntents},
	{"its monitor", "intents", portIntentsMonitor},
	{"etcd", "etcd", portEtcd},
	{"etcd's peers", "etcd", portEtcdPeer},
	{"the Kubernetes API server", "apiserver", portAPIServer},
	{"kube-controller-manager", "controller-manager", portControllerManager},
	{"kube-scheduler", "scheduler", portScheduler},
	{"kwok", "kwok", portKwok},
	{"source-controller's metrics", "source-controller", portSource},
	{"source-controller's health", "source-controller", portSourceHealth},
	{"source-controller's artifacts", "source-controller", portSourceStorage},
	{"kustomize-controller's metrics", "kustomize-controller", portKustomize},
	{"kustomize-controller's health", "kustomize-controller", portKustomizeHealth},
	{"helm-controller's metrics", "helm-controller", portHelm},
	{"helm-controller's health", "helm-controller", portHelmHealth},
}

// Ports lists every port that the Sovereign takes, with the offset added.
func (s Settings) Ports() []Port {
	var list []Port
	for _, p := range ports {
		if !s.Simulated() && clusterOwn[p.Component] {
			continue
		}
		p.Number += s.PortOffset
		list = append(list, p)
	}
	return list
}

// clusterOwn are the components that an existing cluster brings along.
var clusterOwn = map[string]bool{
	"etcd": true, "apiserver": true, "controller-manager": true, "scheduler": true, "kwok": true,
}

func (s Settings) addr(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+s.PortOffset))
}

func (s Settings) http(port int) string { return "http://" + s.addr(port) }

// The addresses that the bootstrap talks to.
func (s Settings) ControlAddr() string { return s.addr(portControl) }
func (s Settings) ControlURL() string  { return s.http(portControl) }
func (s Settings) ConsoleURL() string  { return s.http(portGateway) }
func (s Settings) GiteaURL() string    { return s.http(portGitea) }
func (s Settings) RegistryURL() string { return s.http(portRegistry) }
func (s Settings) IssuerURL() string   { return s.http(portIssuer) }
func (s Settings) CatalogURL() string  { return s.http(portCatalog) }
func (s Settings) WebhookURL() string  { return s.http(portObserver) + "/webhooks/gitea" }
func (s Settings) NATSURL() string     { return "nats://" + s.addr(portNATS) }
func (s Settings) IntentsURL() string  { return "nats://" + s.addr(portIntents) }

// APIServerURL is the simulated cluster's.
func (s Settings) APIServerURL() string { return fmt.Sprintf("https://%s", s.addr(portAPIServer)) }
