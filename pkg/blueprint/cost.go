package blueprint

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of what checking settings may cost. A few references that each lead to two others are a short schema that takes
// for ever to check, so the work is counted before any is done.
const (
	maxFanOut = 1_000     // how often one value can be looked at, whatever the settings are
	maxChecks = 2_000_000 // values of the settings, times that
)

// fanOut is an upper bound of how often a schema looks at one value of settings: at itself and along one way down to the
// deepest value that settings may have.
type fanOut struct {
	known map[place]int
	open  map[place]bool
}

type place struct {
	schema *jsonschema.Schema
	depth  int
}

func (f *fanOut) of(s *jsonschema.Schema, depth int) int {
	at := place{s, depth}
	if s == nil || depth < 0 || f.open[at] {
		return 0
	}
	if n, ok := f.known[at]; ok {
		return n
	}
	f.open[at] = true
	n := 1 + f.below(s, depth-1)
	for _, same := range sameValue(s) {
		if n += f.of(same, depth); n > maxFanOut {
			break
		}
	}
	delete(f.open, at)
	f.known[at] = min(n, maxFanOut+1)
	return f.known[at]
}

// sameValue are the schemas that judge the same value again.
func sameValue(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Concat([]*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	if s.DynamicRef != nil {
		out = append(out, s.DynamicRef.Ref)
	}
	for _, d := range s.DependentSchemas {
		out = append(out, d)
	}
	for _, d := range s.Dependencies {
		if d, ok := d.(*jsonschema.Schema); ok {
			out = append(out, d)
		}
	}
	return out
}

// below is the most that one value inside is looked at.
func (f *fanOut) below(s *jsonschema.Schema, depth int) int {
	n, property, prefix := 0, 0, 0
	for _, p := range s.Properties {
		property = max(property, f.of(p, depth))
	}
	for _, p := range s.PrefixItems {
		prefix = max(prefix, f.of(p, depth))
	}
	for _, p := range s.PatternProperties {
		n += f.of(p, depth)
	}
	for _, p := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items, s.UnevaluatedProperties, s.UnevaluatedItems, s.Items2020, s.Contains, s.PropertyNames} {
		switch p := p.(type) {
		case *jsonschema.Schema:
			n += f.of(p, depth)
		case []*jsonschema.Schema:
			for _, p := range p {
				prefix = max(prefix, f.of(p, depth))
			}
		}
	}
	return min(n+property+prefix, maxFanOut+1)
}

// count is the number of values in some settings.
func count(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += count(e)
		}
	case []any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}
