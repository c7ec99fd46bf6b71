// Package manifest says what a change of an Application's repository does to the objects in its Environment: what Flux
// would create, update and delete, what has been changed behind its back, and what the cluster has against it.
package manifest

import "context"

// Request is one change to one Application in one Environment.
type Request struct {
	Organization, Environment, EnvType, Application string
	// Before and After are the files of the Environment's branch by path; nil where the repository is not there.
	Before, After map[string][]byte
}

// Action is what happens to an object.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
	None   Action = "none"
)

// Change is what happens to one object.
type Change struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	Action     Action `json:"action"`
	// Diff is what changes, unified, in YAML. The data of a Secret is never in it.
	Diff string `json:"diff,omitempty"`
	// Drift is how what runs differs from what Git says now.
	Drift string `json:"drift,omitempty"`
	// Problem is what the API server says against the new object.
	Problem string `json:"problem,omitempty"`
}

// Preview is what a Request would do.
type Preview struct {
	// Changes are in the order of namespace, API group, kind and name, Flux's own objects first.
	Changes []Change `json:"changes"`
	// Incomplete is why not everything could be rendered, or the cluster could not be asked; empty if all was seen.
	Incomplete string `json:"incomplete,omitempty"`
}

// Previewer tells what a Request would do.
type Previewer interface {
	Preview(ctx context.Context, r Request) (Preview, error)
}
