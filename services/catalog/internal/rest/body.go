package rest

import (
	"fmt"
	"maps"
	"slices"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// BlueprintList is what the catalog page shows.
type BlueprintList struct {
	Items []Blueprint `json:"items" nullable:"false"`
}

// Blueprint is one Blueprint with its versions. The card is that of the newest version that may be installed.
type Blueprint struct {
	Name     string           `json:"name"`
	Version  string           `json:"version,omitempty" doc:"the newest version that may be installed; empty if none may"`
	Title    string           `json:"title"`
	Summary  string           `json:"summary"`
	Category string           `json:"category"`
	Owner    string           `json:"owner"`
	Icon     string           `json:"icon,omitempty" doc:"a data URI"`
	Versions []VersionSummary `json:"versions" doc:"newest first" nullable:"false"`
}

// VersionSummary says whether a version may be installed.
type VersionSummary struct {
	Version     string `json:"version"`
	Installable bool   `json:"installable"`
	Reason      string `json:"reason,omitempty" doc:"why it is refused: this version …"`
	Digest      string `json:"digest"`
}

// BlueprintVersion is everything that people see of a version.
type BlueprintVersion struct {
	Name         string         `json:"name"`
	Version      string         `json:"version"`
	Title        string         `json:"title"`
	Summary      string         `json:"summary"`
	Description  string         `json:"description" doc:"Markdown"`
	Category     string         `json:"category"`
	Owner        string         `json:"owner"`
	Icon         string         `json:"icon,omitempty" doc:"a data URI"`
	ConfigSchema map[string]any `json:"configSchema" doc:"JSON Schema 2020-12 of the settings"`
	Order        []string       `json:"order,omitempty" nullable:"false" doc:"the settings as their author ordered them"`
	Sizes        []Size         `json:"sizes,omitempty" nullable:"false"`
	Engine       string         `json:"engine,omitempty" enum:"helm,kustomize" doc:"what renders it"`
	Digest       string         `json:"digest"`
	SignedBy     string         `json:"signedBy,omitempty" doc:"fingerprint of the key"`
	Installable  bool           `json:"installable"`
	Reason       string         `json:"reason,omitempty" doc:"why it is refused: this version …"`
}

// Size is a ready-made set of settings.
type Size struct {
	Name   string         `json:"name"`
	Title  string         `json:"title"`
	Values map[string]any `json:"values"`
}

func summarise(e *shelf.Entry) Blueprint {
	b := Blueprint{Name: e.Name, Title: e.Name, Versions: make([]VersionSummary, 0, len(e.Versions))}
	if n := e.Newest; n != nil {
		b.Version, b.Title, b.Summary, b.Category, b.Owner, b.Icon = n.Version, n.Card.Title, n.Card.Summary, n.Card.Category, n.Card.Owner, n.Card.Icon
	}
	for _, v := range e.Versions {
		b.Versions = append(b.Versions, VersionSummary{Version: v.Version, Installable: v.Installable(), Reason: v.Reason, Digest: v.Digest})
	}
	return b
}

// detail reads the signed document for what the shelf does not keep.
func detail(v *shelf.Version) (BlueprintVersion, error) {
	out := BlueprintVersion{
		Name: v.Name, Version: v.Version, Title: v.Name, ConfigSchema: map[string]any{}, Digest: v.Digest,
		SignedBy: v.SignedBy, Installable: v.Installable(), Reason: v.Reason,
	}
	if !v.Installable() {
		return out, nil
	}
	b, err := blueprint.Parse(v.Document)
	if err != nil {
		return out, fmt.Errorf("read %s %s again: %w", v.Name, v.Version, err)
	}
	c := v.Card
	out.Title, out.Summary, out.Description, out.Category, out.Owner, out.Icon = c.Title, c.Summary, c.Description, c.Category, c.Owner, c.Icon
	out.Engine = string(b.Spec.Manifests.Engine)
	if document := b.Spec.ConfigSchema.Document(); document != nil {
		out.ConfigSchema, out.Order = document, b.Spec.ConfigSchema.Order()
	}
	for _, name := range slices.Sorted(maps.Keys(b.Spec.Overlays)) {
		overlay := b.Spec.Overlays[name]
		values, _ := overlay.Values.Value.(map[string]any)
		out.Sizes = append(out.Sizes, Size{Name: name, Title: overlay.Title, Values: values})
	}
	return out, nil
}
