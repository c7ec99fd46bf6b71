package blueprint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// schemaURL is the address that a configSchema has for itself. Nothing is ever loaded from it, or from anywhere else.
const schemaURL = "catalyst://blueprint/configSchema"

// messageKeyword in a property's schema is what a person reads when the value does not fit it.
const messageKeyword = "x-message"

// Schema is a JSON Schema as it was written. It is compiled once, at its first use, and never loads another document.
type Schema struct {
	document map[string]any
	order    []string
	compiled *compilation
}

type compilation struct {
	once   sync.Once
	schema *jsonschema.Schema
	fanOut int
	err    error
}

// NewSchema takes a schema from its decoded JSON, as a client of the catalog gets it.
func NewSchema(document map[string]any) Schema {
	return Schema{document: document, compiled: &compilation{}}
}

// Document is the schema as it was written, nil if there is none. Do not change it.
func (s Schema) Document() map[string]any { return s.document }

// IsZero is true when there is no schema, so no settings.
func (s Schema) IsZero() bool { return len(s.document) == 0 }

// MarshalJSON writes the schema as it was written.
func (s Schema) MarshalJSON() ([]byte, error) { return json.Marshal(s.document) }

// UnmarshalYAML reads the schema without interpreting it.
func (s *Schema) UnmarshalYAML(n *yaml.Node) error {
	v, err := plain(n, 0)
	if err != nil {
		return err
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return invalid(n.Line, "a schema has to be a mapping")
	}
	*s = NewSchema(m)
	s.order = propertyOrder(n)
	return nil
}

// Order names the top-level properties as their author ordered them, which a decoded mapping forgets. It is nil for a
// schema that was not read from YAML.
func (s Schema) Order() []string { return slices.Clone(s.order) }

func propertyOrder(schema *yaml.Node) []string {
	properties := mappingValue(schema, "properties")
	if properties == nil || properties.Kind != yaml.MappingNode {
		return nil
	}
	var out []string
	for i := 0; i+1 < len(properties.Content); i += 2 {
		out = append(out, properties.Content[i].Value)
	}
	return out
}

func mappingValue(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// compile returns nil without an error when there is no schema.
func (s Schema) compile() (*jsonschema.Schema, error) {
	if s.IsZero() {
		return nil, nil //nolint:nilnil // no schema is a good answer
	}
	s.compiled.once.Do(func() {
		c := s.compiled
		if c.schema, c.err = compileSchema(s.document); c.err != nil {
			return
		}
		f := fanOut{known: map[place]int{}, open: map[place]bool{}}
		if c.fanOut = f.of(c.schema, maxSettingsDepth); c.fanOut > maxFanOut {
			c.schema, c.err = nil, errors.New("refers to itself, or to other parts of it, in so many ways that checking settings would take too long")
		}
	})
	return s.compiled.schema, s.compiled.err
}

func compileSchema(document map[string]any) (compiled *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil { // a schema that breaks the compiler is the author's problem, not the service's
			compiled, err = nil, errors.New("the schema cannot be read")
		}
	}()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(denied{})
	c.UseRegexpEngine(compilePattern)
	c.AssertFormat()
	if err := c.AddResource(schemaURL, document); err != nil {
		return nil, schemaError(err)
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		return nil, schemaError(err)
	}
	return schema, nil
}

// denied refuses to load anything, so that a schema can reach neither the disk nor the network.
type denied struct{}

var errOutside = errors.New("points outside the schema; only references that start with # are allowed")

func (denied) Load(string) (any, error) { return nil, errOutside }

func schemaError(err error) error {
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return fmt.Errorf("$ref or $schema %q %w", shorten(load.URL), errOutside)
	}
	var bad *jsonschema.SchemaValidationError
	var detail *jsonschema.ValidationError
	if errors.As(err, &bad) && errors.As(bad.Err, &detail) {
		var out []string
		for _, f := range fieldErrors(detail, nil) {
			out = append(out, fmt.Sprintf("%s %s", f.Pointer, f.Message))
			if len(out) == 5 {
				break
			}
		}
		return fmt.Errorf("is not a JSON Schema: %s", strings.Join(out, "; "))
	}
	return errors.New(shortenTo(strings.ReplaceAll(err.Error(), schemaURL, ""), 300))
}

func shortenTo(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// Limits of one pattern. Go's expressions run in linear time, but a short one can compile to a very large program.
const (
	maxPatternLength = 1000
	maxPatternSize   = 20_000
)

type pattern struct{ *regexp.Regexp }

func compilePattern(s string) (jsonschema.Regexp, error) {
	if len(s) > maxPatternLength {
		return nil, fmt.Errorf("the pattern has %d characters; at most %d are allowed", len(s), maxPatternLength)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w (lookahead, lookbehind and back references are not supported)", err)
	}
	if patternSize(tree) > maxPatternSize {
		return nil, fmt.Errorf("the pattern %q repeats too much", shorten(s))
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, err
	}
	return pattern{re}, nil
}

// patternSize estimates the instructions that a pattern compiles to, before it is compiled.
func patternSize(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPatternSize+1)
}

// anchored is true when the whole text has to match, not a part of it.
func anchored(s string) bool {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || len(tree.Sub) < 2 {
		return false
	}
	return tree.Sub[0].Op == syntax.OpBeginText && tree.Sub[len(tree.Sub)-1].Op == syntax.OpEndText
}

// Knows is false when the schema rules out that there is such a setting, named from the outside in. A schema that leaves
// it open knows everything.
func (s Schema) Knows(path []string) bool {
	at := s.document
	if len(at) == 0 {
		return len(path) == 0
	}
	for _, name := range path {
		for hops := 0; at["$ref"] != nil && hops < 8; hops++ {
			ref, _ := at["$ref"].(string)
			if !strings.HasPrefix(ref, "#") || len(at) > 1 && at["properties"] != nil {
				return true
			}
			at = schemaAt(ref, s.document)
		}
		properties, _ := at["properties"].(map[string]any)
		next, ok := properties[name]
		if !ok {
			return at["additionalProperties"] != false || at["patternProperties"] != nil
		}
		if at, ok = next.(map[string]any); !ok {
			return true
		}
	}
	return true
}
