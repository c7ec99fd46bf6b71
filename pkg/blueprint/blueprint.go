// Package blueprint reads and checks a Blueprint: the signed, versioned folder from which an Application is installed.
// It is pure: nothing here touches a network or a file system, and what it reads may have been written by anybody.
package blueprint

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// APIVersion and Kind that a blueprint.yaml states.
const (
	APIVersion = "catalyst.openova.io/v1alpha1"
	Kind       = "Blueprint"
)

// DocumentName is the file that makes a folder a Blueprint.
const DocumentName = "blueprint.yaml"

// Blueprint is one version of a Blueprint as its author wrote it. Get one from Parse; it is immutable after that and
// safe for concurrent use.
type Blueprint struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Kind       string   `json:"kind" yaml:"kind"`
	Metadata   Metadata `json:"metadata" yaml:"metadata"`
	Spec       Spec     `json:"spec" yaml:"spec"`

	lines map[string]int // JSON pointer -> line, for messages
}

// Metadata names a Blueprint and its version.
type Metadata struct {
	// Name starts with bp- and is a DNS label.
	Name string `json:"name" yaml:"name"`
	// Version is a semantic version without build metadata (an OCI tag cannot hold a plus sign).
	Version string `json:"version" yaml:"version"`
}

// Spec is what a Blueprint says about itself.
type Spec struct {
	// Card is what people see before they install.
	Card Card `json:"card" yaml:"card"`
	// Owner is the team to ask.
	Owner string `json:"owner" yaml:"owner"`
	// Visibility says who finds it; empty means listed.
	Visibility Visibility `json:"visibility,omitempty" yaml:"visibility"`
	// ConfigSchema is the JSON Schema (2020-12) of its settings; the form is drawn from it. Empty: no settings.
	ConfigSchema Schema `json:"configSchema,omitzero" yaml:"configSchema"`
	// Depends are other Blueprints that have to be there.
	Depends []Dependency `json:"depends,omitempty" yaml:"depends"`
	// Manifests is what Flux renders.
	Manifests Manifests `json:"manifests" yaml:"manifests"`
	// Overlays are ready-made settings for a size such as small, medium or large.
	Overlays map[string]Overlay `json:"overlays,omitempty" yaml:"overlays"`
	// Upgrades says from which versions this one can be reached.
	Upgrades *Upgrades `json:"upgrades,omitempty" yaml:"upgrades"`

	// What follows is kept as written: this version of Catalyst does not act on it.
	PlacementSchema Free `json:"placementSchema,omitzero" yaml:"placementSchema"`
	Provides        Free `json:"provides,omitzero" yaml:"provides"`
	Needs           Free `json:"needs,omitzero" yaml:"needs"`
	Rotation        Free `json:"rotation,omitzero" yaml:"rotation"`
	Observability   Free `json:"observability,omitzero" yaml:"observability"`
}

// Card is what people see of a Blueprint before they install it.
type Card struct {
	Title    string `json:"title" yaml:"title"`
	Summary  string `json:"summary" yaml:"summary"`
	Category string `json:"category" yaml:"category"`
	// Icon is the path of an SVG or PNG in the folder.
	Icon string `json:"icon,omitempty" yaml:"icon"`
	// Description is the path of a Markdown file in the folder.
	Description string `json:"description,omitempty" yaml:"description"`
}

// Visibility says who finds a Blueprint in the catalog.
type Visibility string

// The visibilities. An unlisted one can be installed by whoever knows its name.
const (
	Listed   Visibility = "listed"
	Unlisted Visibility = "unlisted"
	Private  Visibility = "private"
)

// Dependency is another Blueprint that has to run for this one to work.
type Dependency struct {
	Blueprint string `json:"blueprint" yaml:"blueprint"`
	// Version is a range such as ^1.4.
	Version string `json:"version,omitempty" yaml:"version"`
	Alias   string `json:"alias,omitempty" yaml:"alias"`
	// When is the condition under which it is needed, a CEL expression over config, application and environment; empty
	// means always. Package expression reads it.
	When string `json:"when,omitempty" yaml:"when"`
	// Values are its settings. Texts in them may hold expressions: {{ application.name }}.
	Values Free `json:"values,omitzero" yaml:"values"`
}

// Name is the alias, or the Blueprint's name without bp-.
func (d Dependency) Name() string {
	if d.Alias != "" {
		return d.Alias
	}
	return strings.TrimPrefix(d.Blueprint, "bp-")
}

// Engine renders manifests.
type Engine string

// The engines that Flux brings.
const (
	Helm      Engine = "helm"
	Kustomize Engine = "kustomize"
)

// Manifests is the part of the folder that Flux renders.
type Manifests struct {
	Engine Engine `json:"engine" yaml:"engine"`
	// Path is the folder of the chart or of the kustomization.
	Path string `json:"path" yaml:"path"`
}

// Overlay is a ready-made set of settings.
type Overlay struct {
	Title  string `json:"title,omitempty" yaml:"title"`
	Values Free   `json:"values,omitzero" yaml:"values"`
}

// Upgrades says how this version can be reached.
type Upgrades struct {
	// From is the range of versions that this one may follow, newer ones included; empty means every older version.
	From string `json:"from,omitempty" yaml:"from"`
	// Blocks are versions that this one may not follow, whatever From says.
	Blocks []Block `json:"blocks,omitempty" yaml:"blocks"`
}

// Block is a range of versions that cannot be upgraded from. In the document it may be the range alone.
type Block struct {
	Versions string `json:"versions"`
	Reason   string `json:"reason,omitempty"`
}

// UnmarshalYAML reads a range, or a mapping of versions and reason.
func (b *Block) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		b.Versions = n.Value
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return invalid(n.Line, "a list cannot stand here; a range of versions, or versions and reason, is expected")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return invalid(value.Line, "text is expected here")
		}
		switch key.Value {
		case "versions":
			b.Versions = value.Value
		case "reason":
			b.Reason = value.Value
		default:
			return invalid(key.Line, "there is no field %q here", shorten(key.Value))
		}
	}
	return nil
}

// FieldError is one thing that is wrong with a value, in plain words.
type FieldError struct {
	// Pointer is the JSON pointer of the value, such as /replicas; empty for the whole.
	Pointer string `json:"pointer"`
	Message string `json:"message"`
	// Line in blueprint.yaml, 0 if it is not about that file or not known.
	Line int `json:"line,omitempty"`
}
