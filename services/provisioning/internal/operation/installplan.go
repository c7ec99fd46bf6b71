package operation

import (
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// lifetime of an InstallPlan.
const lifetime = time.Hour

// InstallPlan is what a request would do, kept so that exactly this can be carried out. It is bound to the heads that it
// was planned on.
type InstallPlan struct {
	ID string `json:"id"`
	// Fingerprint of the request, to tell a repetition from a key that is used for something else.
	Fingerprint string    `json:"fingerprint"`
	Request     Request   `json:"request"`
	Operation   Operation `json:"operation"`
	Proposal    Proposal  `json:"proposal"`
	CreatedAt   time.Time `json:"createdAt"`
	ExpiresAt   time.Time `json:"expiresAt"`
}

// Proposal is what people see of a plan beside its commits.
type Proposal struct {
	Action      Action         `json:"action"`
	Environment string         `json:"environment,omitempty"`
	Version     string         `json:"version,omitempty"`
	Size        string         `json:"size,omitempty"`
	Values      map[string]any `json:"values,omitempty"`
	// Tree is what the Application needs, nil where the request does not touch that.
	Tree      *Node      `json:"tree,omitempty"`
	Manifests []Manifest `json:"manifests,omitempty"`
	Affected  []Affected `json:"affected,omitempty"`
	Warnings  []string   `json:"warnings,omitempty"`
	// Diffs of the files, by repository, place of the commit in its change, and path.
	Diffs map[string]string `json:"diffs,omitempty"`
}

// Node is one Application in a tree of dependencies.
type Node struct {
	Path        string         `json:"path"`
	Alias       string         `json:"alias,omitempty"`
	Application string         `json:"application"`
	Use         string         `json:"use"`
	Blueprint   string         `json:"blueprint"`
	Version     string         `json:"version,omitempty"`
	Range       string         `json:"range,omitempty"`
	Size        string         `json:"size,omitempty"`
	Values      map[string]any `json:"values,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	Offers      []Offer        `json:"offers,omitempty"`
	SharedWith  string         `json:"sharedWith,omitempty"`
	Depends     []Node         `json:"depends,omitempty"`
}

// Offer is an Application that is there and may satisfy a dependency.
type Offer struct {
	Application string `json:"application"`
	Version     string `json:"version,omitempty"`
	Phase       string `json:"phase,omitempty"`
	Fits        bool   `json:"fits"`
	Reason      string `json:"reason,omitempty"`
}

// Choice is how a person wants a dependency satisfied.
type Choice struct {
	// Use is new or existing.
	Use string `json:"use"`
	// Application is the existing one, or the name of the new one.
	Application string `json:"application,omitempty"`
}

// Manifest is what a plan does to the objects of one Application.
type Manifest struct {
	Application string `json:"application"`
	manifest.Preview
}

// Affected is an Application that a plan touches without writing to its repository.
type Affected struct {
	Application string `json:"application"`
	Environment string `json:"environment"`
	Why         string `json:"why"`
}

// Moved says who moved a branch that a plan was made on.
type Moved struct {
	Repo   forge.Repo
	Branch string
	// By, Commit and Message are of the newest change, empty where the branch is gone.
	By, Commit, Message string
	// Files that differ from those that the plan was made on.
	Files []string
}
