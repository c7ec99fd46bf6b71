package blueprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of the settings of one Application.
const (
	maxSettingsSize  = 256 << 10
	maxSettingsDepth = 32
)

// Settings judges values against the configSchema. It returns a copy with the defaults filled in, and everything that
// is wrong, sorted by pointer. The values given are never changed.
//
// Numbers come back as int64 where they are whole and as float64 otherwise.
func (b *Blueprint) Settings(values map[string]any) (map[string]any, []FieldError) {
	settings, err := copyValues(values)
	if err != nil {
		return nil, []FieldError{{Message: err.Error()}}
	}
	schema, err := b.Spec.ConfigSchema.compile()
	if err != nil {
		return settings, []FieldError{{Message: "cannot be checked: the configSchema of " + b.Metadata.Name + " is broken: " + err.Error()}}
	}
	if schema == nil {
		return settings, b.noSettings(settings)
	}
	(&filler{budget: 10_000}).fill(schema, settings)
	if count(settings)*b.Spec.ConfigSchema.compiled.fanOut > maxChecks {
		return settings, []FieldError{{Message: "are too many to be checked against the configSchema of " + b.Metadata.Name}}
	}
	var wrong []FieldError
	if err := schema.Validate(settings); err != nil {
		wrong = fieldErrors(err, b.Spec.ConfigSchema.document)
	}
	if b.Spec.Manifests.Engine == Kustomize {
		wrong = append(wrong, flatValues(settings, wrong)...)
	}
	return settings, wrong
}

func (b *Blueprint) noSettings(settings map[string]any) []FieldError {
	var wrong []FieldError
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		wrong = append(wrong, FieldError{Pointer: "/" + escape(k), Message: "is not a setting: " + b.Metadata.Name + " has none"})
	}
	return wrong
}

// flatValues is the last word on what may reach Flux's variable substitution, whatever the schema allows: scalars
// without line breaks or a variable of their own.
func flatValues(settings map[string]any, already []FieldError) []FieldError {
	known := map[string]bool{}
	for _, f := range already {
		known[f.Pointer] = true
	}
	var wrong []FieldError
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		pointer := "/" + escape(k)
		if known[pointer] {
			continue
		}
		switch v := settings[k].(type) {
		case bool, int64, float64:
		case string:
			if strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }) {
				wrong = append(wrong, FieldError{Pointer: pointer, Message: "must be one line of text without control characters"})
			} else if strings.Contains(v, "${") {
				wrong = append(wrong, FieldError{Pointer: pointer, Message: "must not contain ${"})
			}
		default:
			wrong = append(wrong, FieldError{Pointer: pointer, Message: "must be a single text, number or yes/no"})
		}
	}
	return wrong
}

// copyValues brings values of any Go type to those of JSON, and bounds them.
func copyValues(values map[string]any) (map[string]any, error) {
	c := copier{left: maxSettingsSize}
	if out, ok := c.copy(values, 0); ok && c.left >= 0 {
		return out.(map[string]any), nil //nolint:forcetypeassert // it was copied from one
	}
	raw, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("the settings are not JSON values: %w", err)
	}
	if len(raw) > maxSettingsSize {
		return nil, fmt.Errorf("the settings have %d bytes; at most %d are allowed", len(raw), maxSettingsSize)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var decoded any
	if err := dec.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("the settings are not JSON values: %w", err)
	}
	decoded, err = copyValue(decoded, "", 0)
	if err != nil {
		return nil, err
	}
	return decoded.(map[string]any), nil //nolint:forcetypeassert // it was marshalled from one
}

// copier copies values that are those of JSON already, which is nearly always, without writing them as JSON. It gives up
// on everything else, and on what is too large or too deep.
type copier struct{ left int }

func (c *copier) copy(v any, depth int) (any, bool) {
	if c.left -= 4; c.left < 0 || depth > maxSettingsDepth {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			e, ok := c.copy(e, depth+1)
			if !ok || !c.text(k) {
				return nil, false
			}
			out[k] = e
		}
		return out, true
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			e, ok := c.copy(e, depth+1)
			if !ok {
				return nil, false
			}
			out[i] = e
		}
		return out, v != nil
	case string:
		return v, c.text(v)
	case nil, bool, int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	default:
		return nil, false
	}
}

func (c *copier) text(s string) bool {
	c.left -= len(s)
	return utf8.ValidString(s)
}

func copyValue(v any, pointer string, depth int) (any, error) {
	if depth > maxSettingsDepth {
		return nil, fmt.Errorf("the settings are nested deeper than %d levels", maxSettingsDepth)
	}
	var err error
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k], err = copyValue(e, pointer+"/"+escape(k), depth+1); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, e := range v {
			if v[i], err = copyValue(e, pointer+"/"+strconv.Itoa(i), depth+1); err != nil {
				return nil, err
			}
		}
	case json.Number:
		return number(v, pointer)
	}
	return v, nil
}

func number(n json.Number, pointer string) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("the number at %s is too large", pointer)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return f, nil
}

// filler puts defaults where nothing was given. The budget bounds schemas that refer to themselves in many ways.
type filler struct {
	budget int
	path   []*jsonschema.Schema
}

func (f *filler) fill(schema *jsonschema.Schema, into map[string]any) {
	if f.budget--; f.budget < 0 || schema == nil || slices.Contains(f.path, schema) {
		return
	}
	f.path = append(f.path, schema)
	defer func() { f.path = f.path[:len(f.path)-1] }()
	f.fill(schema.Ref, into)
	for _, sub := range schema.AllOf {
		f.fill(sub, into)
	}
	for name, property := range schema.Properties {
		f.fillProperty(name, property, into)
	}
}

func (f *filler) fillProperty(name string, property *jsonschema.Schema, into map[string]any) {
	target := property
	for hops := 0; target.Ref != nil && target.Default == nil && hops < 8; hops++ {
		target = target.Ref
	}
	existing, ok := into[name]
	if !ok {
		if target.Default != nil {
			into[name] = deepCopy(*target.Default)
		} else if len(target.Properties) > 0 {
			// An object that was left out appears when its own defaults make it complete.
			child := map[string]any{}
			f.fill(property, child)
			if len(child) > 0 && !slices.ContainsFunc(target.Required, func(r string) bool { _, has := child[r]; return !has }) {
				into[name] = child
			}
			return
		}
		existing = into[name]
	}
	if object, ok := existing.(map[string]any); ok {
		f.fill(property, object)
	}
}

// deepCopy is for values of a schema, which are bounded.
func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = deepCopy(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = deepCopy(e)
		}
		return out
	default:
		return v
	}
}
