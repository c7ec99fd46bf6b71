package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/expression"
)

// expansion is what a version makes of the settings that it is given.
type expansion struct {
	values   map[string]any // given, over those of the size
	settings map[string]any // with defaults
	edges    []edge
	problems []Problem
}

// edge is a dependency of a version, worked out.
type edge struct {
	*blueprint.Dependency
	off    string // why it is not needed
	values map[string]any
}

// memoryKey has everything that an expansion depends on within one input. The edge stands for the values that it passes
// down: it is worked out once.
type memoryKey struct {
	version           *version
	application, size string
	from              *edge
}

// expand works out a version for a slot, or remembers it: the search may come back to it many times.
func (s *search) expand(n *slot, v *version) expansion {
	key := memoryKey{v, n.application, n.size, n.from}
	e, ok := s.memory[key]
	if !ok {
		e = s.work(n, v)
		s.memory[key] = e
	}
	return e
}

func (s *search) work(n *slot, v *version) expansion {
	b := v.Blueprint
	label := n.blueprint + " " + v.name
	if !b.HasSize(n.size) {
		return failed(CodeSize, "", "%s has no size %q; it has %s.", label, shorten(n.size), listed(slices.Sorted(maps.Keys(b.Spec.Overlays)), "none"))
	}
	e := expansion{values: n.given}
	if n.parent == nil { // what is passed down is a copy already, and has no size
		var err error
		if e.values, err = b.Sized(n.size, n.given); err != nil {
			return failed(CodeSettings, "", "The settings of %s cannot be used: %s.", n.name(), err)
		}
	}
	settings, wrong := b.Settings(e.values)
	for _, w := range wrong {
		e.problems = append(e.problems, Problem{Code: CodeSettings, Pointer: w.Pointer, Message: s.settingMessage(n, label, w)})
	}
	if len(wrong) > 0 {
		return e
	}
	e.settings = settings
	scope := expression.Scope{
		Config: settings, Application: n.application, Organization: s.in.Organization,
		Environment: s.in.Environment, EnvType: s.in.EnvType,
	}.Ready()
	for i := range b.Spec.Depends {
		d, problem := workEdge(&b.Spec.Depends[i], scope, label)
		if problem != nil {
			e.problems = append(e.problems, *problem)
			return e
		}
		e.edges = append(e.edges, d)
	}
	return e
}

func workEdge(d *blueprint.Dependency, scope expression.Scope, label string) (edge, *Problem) {
	e := edge{Dependency: d}
	if d.When != "" {
		holds, err := expression.Holds(d.When, scope)
		if err != nil {
			return e, problem(CodeCondition, "", "Whether %s needs %s cannot be told: its condition %q %s. Tell its author, or give that setting.", label, d.Name(), shorten(d.When), err)
		}
		if !holds {
			e.off = "not needed: " + shorten(strings.TrimSpace(d.When)) + " does not hold"
			return e, nil
		}
	}
	given, _ := d.Values.Value.(map[string]any)
	values, err := expression.Fill(given, scope)
	if err != nil {
		return e, problem(CodeCondition, "", "What %s sets in %s cannot be told: %s. Tell its author, or give that setting.", label, d.Name(), err)
	}
	e.values = values
	return e, nil
}

// settingMessage speaks to the person about what they gave, and of what a Blueprint passed down otherwise.
func (s *search) settingMessage(n *slot, label string, w blueprint.FieldError) string {
	if n.parent == nil {
		return w.Message
	}
	return fmt.Sprintf("%s cannot be made from %s: its setting %s %s. It is set by %s %s.", n.path, label, w.Pointer, w.Message, n.parent.blueprint, n.parent.version.name)
}

func failed(code, pointer, format string, args ...any) expansion {
	return expansion{problems: []Problem{*problem(code, pointer, format, args...)}}
}

func problem(code, pointer, format string, args ...any) *Problem {
	return &Problem{Code: code, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}
