// Package resolve finds out which Applications an install, a new configuration or another version needs: which Blueprint
// in which version each of them is, with which settings, and which of them are there already. It is pure: the same input
// gives the same tree, and what is not in the input is asked for by name.
package resolve

import (
	"strings"

	"catalyst.openova.io/pkg/blueprint"
)

// Candidate is one version of a Blueprint in the catalog.
type Candidate struct {
	Version string
	// Blueprint is nil when the version is refused.
	Blueprint *blueprint.Blueprint
	// Refused completes "is refused because it …". Empty: the version may be installed.
	Refused string
}

// Installed is an Application that runs in the Environment.
type Installed struct {
	Application, Blueprint, Version string
	// Phase is how it is, in the words of the read model.
	Phase string
	// DependsOn are the Applications that it needs itself.
	DependsOn []string
}

// Use says how a dependency is satisfied.
type Use string

// The ways to satisfy a dependency.
const (
	// New is an Application of its own, made by this plan.
	New Use = "new"
	// Existing is an Application that is there already.
	Existing Use = "existing"
	// Shared is another node of the same tree.
	Shared Use = "shared"
	// Off is a dependency whose condition does not hold.
	Off Use = "off"
)

// Choice is what a person decided for one dependency.
type Choice struct {
	// Use is New or Existing.
	Use Use
	// Application is the name of the existing one, or of the new one; empty means the default name.
	Application string
}

// Input is everything that a tree is made of. Resolve changes nothing in it.
type Input struct {
	Application, Organization, Environment, EnvType string
	// Blueprint is what the Application is installed from.
	Blueprint string
	// Version is exact, or empty for the newest that can be installed.
	Version string
	// Size names one of the Blueprint's overlays; it may be empty.
	Size   string
	Values map[string]any
	// Choices by path: aliases joined by a slash, such as db or db/backup.
	Choices map[string]Choice
	// Catalog has the versions of each Blueprint that was asked for, in any order. A Blueprint that the catalog does not
	// have is there with no versions; one that is missing here is asked for with a *NeedError.
	Catalog map[string][]Candidate
	// Installed are the Applications of this Environment.
	Installed []Installed
	// Taken are the names of the Organization's repositories.
	Taken map[string]bool
}

// Tree is the answer.
type Tree struct {
	Root *Node
	// Order has the nodes to be made, each after those that it needs; the root is last.
	Order []*Node
	// Notes are sentences that a person should read before agreeing.
	Notes []string
}

// Node is one dependency, or the root.
type Node struct {
	// Path is empty for the root.
	Path, Alias string
	// Application is the one that satisfies the dependency; empty when the dependency is off.
	Application string
	Use         Use
	// Blueprint is the version that was chosen. It is nil when the dependency is off, and for an existing Application
	// of which the catalog no longer has the version.
	Blueprint *blueprint.Blueprint
	// Name and Version are those of the Blueprint, also where Blueprint is nil; Version is empty when the dependency is
	// off.
	Name, Version string
	// Range is what the parent asks for; empty means any version.
	Range string
	Size  string
	// Values are the settings without the Blueprint's defaults: those of the size below those that were given.
	Values map[string]any
	// Reason says why the dependency is off, or why it is satisfied in this way.
	Reason string
	// Offers are existing Applications of the same Blueprint.
	Offers  []Offer
	Depends []*Node
	// SharedWith is the path of the node that satisfies this one too.
	SharedWith string
}

// Offer is an existing Application that could satisfy a dependency.
type Offer struct {
	Application, Version, Phase string
	Fits                        bool
	// Reason says why it does not fit.
	Reason string
}

// NeedError asks for the versions of Blueprints: add them to Input.Catalog and resolve again.
type NeedError struct{ Blueprints []string }

func (e *NeedError) Error() string {
	return "the versions of these Blueprints are needed: " + strings.Join(e.Blueprints, ", ")
}

// Codes of problems.
const (
	CodeSettings  = "invalid_settings"      // a setting does not fit; Pointer says which
	CodeName      = "invalid_name"          // a name that was chosen cannot be used or is taken
	CodeSize      = "unknown_size"          // the Blueprint has no such size
	CodeMissing   = "blueprint_not_found"   // the catalog has no such Blueprint
	CodeVersion   = "version_not_found"     // no version fits
	CodeRefused   = "version_refused"       // the version may not be installed
	CodeConflict  = "version_conflict"      // several need the same Application in versions that exclude each other
	CodeCycle     = "dependency_cycle"      // something would need itself
	CodeCondition = "broken_condition"      // a condition or a passed value cannot be worked out
	CodeExisting  = "application_not_found" // an existing Application that was chosen is not there, or is another thing
	CodeUnfit     = "application_unfit"     // it is there, but its version does not fit
	CodeChoice    = "invalid_choice"        // a choice that is neither new nor existing
	CodeTooLarge  = "plan_too_large"        // more Applications, or more work, than a plan may have
)

// Problem is one reason why there is no tree, in plain words that also say what to do.
type Problem struct {
	// Path of the dependency that it is about; empty for the root.
	Path string
	// Pointer of the setting that it is about, if any.
	Pointer       string
	Code, Message string
}

// Problems is the error when there is no tree.
type Problems struct{ List []Problem }

func (e *Problems) Error() string {
	out := make([]string, 0, len(e.List))
	for _, p := range e.List {
		out = append(out, p.Message)
	}
	return strings.Join(out, " ")
}
