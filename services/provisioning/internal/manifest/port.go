package manifest

import "context"

// Tree is a branch of an Application's repository, as Flux applies it to an Environment.
type Tree struct {
	Environment, EnvType, Application string
	Files                             map[string][]byte
}

// Settings are the ConfigMaps of a tree, by name, from which a Blueprint takes what people set.
type Settings map[string]map[string]string

// Release is one Blueprint that a tree asks Flux to render.
type Release struct {
	// Owner is the HelmRelease or Kustomization.
	Owner    Object
	Settings Settings
	// Digest names the artifact, Payload is the layer of it that Flux takes.
	Digest  string
	Payload []byte
	// Upgrade tells that it ran before.
	Upgrade      bool
	Capabilities Capabilities
}

// Capabilities are what a chart may ask about a cluster. Without a version it is told Helm's own defaults.
type Capabilities struct {
	Version string   `json:"version,omitempty"`
	APIs    []string `json:"apis,omitempty"`
}

// Rendering is what Flux would apply.
type Rendering struct {
	Objects []Object
	// Notes say what is not in it.
	Notes []string
}

// Engine renders as Flux does. It is pure.
type Engine interface {
	Tree(t Tree) (Rendering, error)
	Release(r Release) (Rendering, error)
}

// Session is an Engine that can be given up.
type Session interface {
	Engine
	Close()
}

// Renderer starts Sessions. What is rendered was written by others: a Session ends when it takes too much time or
// memory, and every call of it then fails with the reason.
type Renderer interface {
	Open(ctx context.Context) (Session, error)
}

// Source is where a tree says that its Blueprint lies.
type Source struct{ URL, Digest, MediaType string }

// Blueprints fetches what a verified artifact holds for Flux.
type Blueprints interface {
	Payload(ctx context.Context, s Source) ([]byte, error)
}

// Check is what to ask a cluster about one object.
type Check struct {
	// Now is what Git says, Next what it will say; nil if it says nothing.
	Now, Next Object
	// Manager is who applies it.
	Manager string
}

// Finding answers a Check.
type Finding struct {
	// Live is what runs, Applied what would run if Now were applied again.
	Live, Applied Object
	// Problem is what the API server has against Next.
	Problem string
	// Err is why it could not be asked.
	Err error
}

// Cluster is asked as the account under which Flux applies in an Environment.
type Cluster interface {
	Capabilities(ctx context.Context) (Capabilities, error)
	// Inspect answers each check, in their order. It changes nothing.
	Inspect(ctx context.Context, environment string, checks []Check) []Finding
}
