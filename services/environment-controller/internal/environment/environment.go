// Package environment decides which Applications run in an Environment: those whose repository holds application.yaml
// and an overlay for the Environment on the Environment's branch. Git is read anew for every decision. An Application
// is taken away only where Git says, twice, that it is gone; a forge that fails or falls silent takes nothing away.
package environment

import (
	"context"
	"fmt"
	"regexp"

	"catalyst.openova.io/pkg/forge"
)

// Environment is one stage of an Organization.
type Environment struct {
	// Name is {organization}-{env_type}, and the name of its namespace.
	Name         string
	Organization string
	EnvType      string
	Branch       string
}

// Types are the stages that there can be.
var Types = []string{"dev", "poc", "stg", "uat", "prod"}

// Trigger asks to look at one Application, because something about it may have changed. It carries no facts.
type Trigger struct{ Organization, Environment, Application string }

// Git reads the repositories; forge.Reader is one.
type Git interface {
	Branches(ctx context.Context, repo forge.Repo) (map[string]string, error)
	Tree(ctx context.Context, repo forge.Repo, commit string) ([]forge.Entry, error)
	File(ctx context.Context, repo forge.Repo, commit, path string) ([]byte, error)
	Repos(ctx context.Context, organization string) ([]forge.Repo, error)
}

// Application is how one should be set up.
type Application struct {
	Name string
	// Head of the branch, as Git says now.
	Head string
	// Fetch has Flux fetch the head at once if it has not. Who heard of a push has told it already.
	Fetch       bool
	Declaration Declaration
	// Waits are the Applications that have to be ready before this one is applied.
	Waits []string
	// Left are its dependencies that it does not wait for.
	Left []Left
	// Awaited is whether another Application waits for this one, so that it counts as ready only once it is healthy.
	Awaited bool
}

// Running is an Application that is set up in the cluster, whole or in part.
type Running struct {
	Name string
	// Waits and Awaited are what is in force there.
	Waits   []string
	Awaited bool
}

// Cluster is where the Applications of an Environment run.
type Cluster interface {
	// Applications that are set up in the Environment, whole or in part.
	Applications(ctx context.Context, env Environment) ([]Running, error)
	// Apply sets an Application up, or puts right what differs, and returns whether anything did.
	Apply(ctx context.Context, env Environment, app Application) (bool, error)
	// Remove takes an Application away.
	Remove(ctx context.Context, env Environment, app string) error
}

var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// CheckName tells why a repository of this name cannot be an Application, if it cannot.
func CheckName(name string) error {
	if !dnsLabel.MatchString(name) {
		return fmt.Errorf("the repository %q cannot be an Application: its name must be a DNS label (a-z, 0-9 and -, beginning with a letter)", name)
	}
	return nil
}
