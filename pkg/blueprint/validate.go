package blueprint

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
)

var (
	namePattern     = regexp.MustCompile(`^bp-[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	labelPattern    = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	variablePattern = regexp.MustCompile(`^[_A-Za-z][_A-Za-z0-9]*$`)
)

// Limits of what a Blueprint can ask for.
const (
	maxDepends   = 50
	maxCondition = 4000
)

// ValidName is true for a name that a Blueprint can have.
func ValidName(name string) bool { return len(name) <= 63 && namePattern.MatchString(name) }

// Validate judges what the fields say. It returns an *InvalidError with everything that is wrong, or nil.
func (b *Blueprint) Validate() error {
	v := &validation{blueprint: b}
	v.identity()
	v.card()
	v.manifests()
	v.schema()
	v.depends()
	v.upgrades()
	if len(v.wrong) == 0 {
		return nil
	}
	return &InvalidError{Fields: v.wrong}
}

type validation struct {
	blueprint *Blueprint
	wrong     []FieldError
}

// add notes a wrong field, with the line of the nearest thing that is written.
func (v *validation) add(pointer, format string, args ...any) {
	f := FieldError{Pointer: pointer, Message: fmt.Sprintf(format, args...)}
	for at := pointer; ; at = at[:strings.LastIndex(at, "/")] {
		if line, ok := v.blueprint.lines[at]; ok {
			f.Line = line
			break
		}
		if at == "" {
			break
		}
	}
	v.wrong = append(v.wrong, f)
}

func (v *validation) identity() {
	b := v.blueprint
	if b.APIVersion != APIVersion {
		v.add("/apiVersion", "must be %s", APIVersion)
	}
	if b.Kind != Kind {
		v.add("/kind", "must be %s", Kind)
	}
	if !ValidName(b.Metadata.Name) {
		v.add("/metadata/name", "must start with bp- and have only lower-case letters, digits and dashes, at most 63 in all")
	}
	if version, err := semver.StrictNewVersion(b.Metadata.Version); err != nil {
		v.add("/metadata/version", "must be a version such as 1.4.0 or 2.0.0-rc.1")
	} else if version.Metadata() != "" {
		v.add("/metadata/version", "must not have build metadata (+%s): a registry's tag cannot hold it", version.Metadata())
	} else if len(b.Metadata.Version) > 128 {
		v.add("/metadata/version", "must have at most 128 characters")
	}
	v.text("/spec/owner", b.Spec.Owner, 100)
	if !slices.Contains([]Visibility{Listed, Unlisted, Private}, b.Spec.Visibility) {
		v.add("/spec/visibility", "must be listed, unlisted or private")
	}
}

func (v *validation) text(pointer, s string, most int) {
	switch {
	case strings.TrimSpace(s) == "":
		v.add(pointer, "must not be empty")
	case utf8.RuneCountInString(s) > most:
		v.add(pointer, "must have at most %d characters", most)
	case strings.ContainsFunc(s, unicode.IsControl):
		v.add(pointer, "must be one line of text")
	}
}

func (v *validation) card() {
	card := v.blueprint.Spec.Card
	v.text("/spec/card/title", card.Title, 80)
	v.text("/spec/card/summary", card.Summary, 200)
	if len(card.Category) > 40 || !labelPattern.MatchString(card.Category) {
		v.add("/spec/card/category", "must be one lower-case word such as web or database")
	}
	if card.Icon != "" {
		v.path("/spec/card/icon", card.Icon)
		if ext := path.Ext(card.Icon); ext != ".svg" && ext != ".png" {
			v.add("/spec/card/icon", "must be an .svg or .png file")
		}
	}
	if card.Description != "" {
		v.path("/spec/card/description", card.Description)
	}
}

// path is for a file or folder within the Blueprint.
func (v *validation) path(pointer, p string) {
	switch {
	case p == "":
		v.add(pointer, "must not be empty")
	case path.IsAbs(p), strings.Contains(p, `\`), path.Clean(p) != p, p == ".", p == "..", strings.HasPrefix(p, "../"):
		v.add(pointer, "must be a plain path inside the folder, such as chart or card/icon.svg")
	case len(p) > 200 || strings.ContainsFunc(p, unicode.IsControl):
		v.add(pointer, "must have at most 200 characters and no control characters")
	}
}

func (v *validation) manifests() {
	m := v.blueprint.Spec.Manifests
	if m.Engine != Helm && m.Engine != Kustomize {
		v.add("/spec/manifests/engine", "must be helm or kustomize")
	}
	v.path("/spec/manifests/path", m.Path)
}

func (v *validation) schema() {
	const at = "/spec/configSchema"
	s := v.blueprint.Spec.ConfigSchema
	compiled, err := s.compile()
	if err != nil {
		v.add(at, "%s", err)
		return
	}
	if compiled == nil {
		return
	}
	if s.document["type"] != "object" {
		v.add(at, "must say type: object, because settings have names")
	}
	if properties, _ := s.document["properties"].(map[string]any); properties["catalyst"] != nil {
		v.add(at+"/properties/catalyst", "cannot be a setting: under this name Catalyst tells the manifests what they stand on")
	}
	if v.blueprint.Spec.Manifests.Engine == Kustomize {
		v.flatSchema()
	}
	_, wrong := v.blueprint.Settings(nil)
	for _, w := range wrong {
		if w.Message != "is required" {
			v.add(at+"/properties"+w.Pointer, "has a default that its own schema refuses: it %s", w.Message)
		}
	}
	for _, size := range slices.Sorted(maps.Keys(v.blueprint.Spec.Overlays)) {
		v.overlay(size)
	}
}

func (v *validation) overlay(size string) {
	at := "/spec/overlays/" + escape(size)
	if !labelPattern.MatchString(size) {
		v.add(at, "must be named by a lower-case word such as small")
	}
	raw := v.blueprint.Spec.Overlays[size].Values.Value
	values, ok := raw.(map[string]any)
	if !ok && raw != nil {
		v.add(at+"/values", "must be a mapping of settings")
		return
	}
	_, wrong := v.blueprint.Settings(values)
	for _, w := range wrong {
		if w.Message != "is required" {
			v.add(at+"/values"+w.Pointer, "%s", w.Message)
		}
	}
}

// flatSchema keeps the settings of a Kustomize Blueprint to what variable substitution can carry: scalars by name,
// and text of which the author has said what it may hold.
func (v *validation) flatSchema() {
	const at = "/spec/configSchema"
	document := v.blueprint.Spec.ConfigSchema.document
	if document["additionalProperties"] != false {
		v.add(at, "must say additionalProperties: false, because each setting of a Kustomize Blueprint becomes a variable")
	}
	properties, _ := document["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		pointer := at + "/properties/" + escape(name)
		if !variablePattern.MatchString(name) || name == "application" {
			v.add(pointer, "must be named like a variable (letters, digits, underscore; not application), because Flux substitutes it")
		}
		property, _ := properties[name].(map[string]any)
		switch property["type"] {
		case "integer", "number", "boolean":
		case "string":
			p, _ := property["pattern"].(string)
			if property["enum"] == nil && property["const"] == nil && !anchored(p) {
				v.add(pointer, "must have an enum or a pattern from ^ to $, because the text is put into manifests as it is")
			}
		default:
			v.add(pointer, "must have one type of string, integer, number and boolean, because a Kustomize Blueprint knows no nested settings")
		}
	}
}

func (v *validation) depends() {
	aliases := map[string]bool{}
	for i, d := range v.blueprint.Spec.Depends {
		at := fmt.Sprintf("/spec/depends/%d", i)
		if !ValidName(d.Blueprint) {
			v.add(at+"/blueprint", "must be the name of a Blueprint, such as bp-postgres")
		}
		if d.Version != "" {
			v.versions(at+"/version", d.Version)
		}
		if d.Alias != "" && (len(d.Alias) > 30 || !labelPattern.MatchString(d.Alias)) {
			v.add(at+"/alias", "must be a lower-case word, at most 30 characters")
		}
		if name := d.Name(); aliases[name] {
			v.add(at, "is there twice; give one of them an alias of its own")
		} else {
			aliases[name] = true
		}
		if len(d.When) > maxCondition {
			v.add(at+"/when", "must have at most %d characters", maxCondition)
		}
		if _, ok := d.Values.Value.(map[string]any); !ok && !d.Values.IsZero() {
			v.add(at+"/values", "must be a mapping of settings")
		}
	}
	if len(v.blueprint.Spec.Depends) > maxDepends {
		v.add("/spec/depends", "must have at most %d entries", maxDepends)
	}
}

func (v *validation) upgrades() {
	u := v.blueprint.Spec.Upgrades
	if u == nil {
		return
	}
	if u.From != "" {
		v.versions("/spec/upgrades/from", u.From)
	}
	for i, b := range u.Blocks {
		v.versions(fmt.Sprintf("/spec/upgrades/blocks/%d", i), b.Versions)
		if utf8.RuneCountInString(b.Reason) > 300 {
			v.add(fmt.Sprintf("/spec/upgrades/blocks/%d/reason", i), "must have at most 300 characters")
		}
	}
}

// versions is for a range of versions.
func (v *validation) versions(pointer, s string) {
	if len(s) > 200 {
		v.add(pointer, "must have at most 200 characters")
	} else if _, err := semver.NewConstraint(s); err != nil {
		v.add(pointer, "must be a range of versions such as ^1.4 or >=1.2.0 <2")
	}
}
