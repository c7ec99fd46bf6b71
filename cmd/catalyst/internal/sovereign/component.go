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

// Names of the components that the console needs, and of those that make the cluster.
var (
	FrontNames   = []string{"nats", "issuer", "gateway"}
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

// Order returns names so that each comes after those it waits for; what waits in a circle comes last.
func Order(list []Component) []string {
	var order []string
	placed := map[string]bool{}
	known := map[string]bool{}
	for _, c := range list {
		known[c.Name] = true
	}
	for len(order) < len(list) {
		before := len(order)
		for _, c := range list {
			if !placed[c.Name] && all(c.After, func(n string) bool { return placed[n] || !known[n] }) {
				placed[c.Name] = true
				order = append(order, c.Name)
			}
		}
		if len(order) == before {
			for _, c := range list {
				if !placed[c.Name] {
					placed[c.Name] = true
					order = append(order, c.Name)
				}
			}
		}
	}
	return order
}

func all(names []string, ok func(string) bool) bool {
	for _, n := range names {
		if !ok(n) {
			return false
		}
	}
	return true
}
