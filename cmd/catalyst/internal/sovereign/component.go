package sovereign

// Component is one process of a Sovereign.
type Component struct {
	Name  string
	Title string
	// Own marks a service of Catalyst itself.
	Own bool
	// Binary is its file, Args and Env what it is told; the environment of the supervisor is passed on beneath Env.
	Binary string
	Args   []string
	Env    map[string]string
	// After names the components that must be ready before this one starts the first time. Restarts do not wait.
	After []string
	// Ready answers 2xx when the component can do its work.
	Ready Probe
	Port  int
}

// Probe is a URL that a component answers.
type Probe struct {
	URL string
	// Bearer is sent along, if not empty.
	Bearer string
}

// Binaries tells where each program lies.
type Binaries struct {
	// Own are the services and light servers, Console the built console, Gitea and Cluster the folders of the
	// third-party builds.
	Own, Console, Gitea, Cluster string
}

// Components lists the processes of the Sovereign, in the order in which a person should read them.
func Components(s Settings, sec *Secrets, bin Binaries) []Component {
	list := ownServices(s, sec, bin)
	list = append(list, lightServers(s, bin)...)
	list = append(list, gitea(s, bin))
	if s.Simulated() {
		list = append(list, cluster(s, sec, bin)...)
	}
	list = append(list, flux(s, bin)...)
	return list
}

// Names of components by what they are to the bootstrap.
var (
	ServiceNames = []string{"catalog", "provisioning", "projector", "observer", "environment-controller"}
	FluxNames    = []string{"source-controller", "kustomize-controller", "helm-controller"}
)

// ClusterNames are the components that make up the simulated cluster, besides the API server.
func (s Settings) ClusterNames() []string {
	if !s.Simulated() {
		return nil
	}
	return []string{"etcd", "apiserver", "controller-manager", "scheduler", "kwok"}
}
