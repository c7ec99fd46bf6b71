package blueprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a blueprint.yaml. They keep what a stranger wrote from costing more than it should.
const (
	MaxDocumentSize = 256 << 10
	maxDepth        = 64
	maxNodes        = 50_000
)

// InvalidError says everything that is wrong with a Blueprint.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Fields))
	for _, f := range e.Fields {
		s := f.Message
		if f.Pointer != "" {
			s = f.Pointer + " " + s
		}
		if f.Line > 0 {
			s = fmt.Sprintf("line %d: %s", f.Line, s)
		}
		lines = append(lines, s)
	}
	return strings.Join(lines, "; ")
}

func invalid(line int, format string, args ...any) error {
	return &InvalidError{Fields: []FieldError{{Message: fmt.Sprintf(format, args...), Line: line}}}
}

// Parse reads one blueprint.yaml. It refuses what is not exactly one YAML document of the known fields: unknown and
// duplicate keys, anchors and aliases, and documents that are too large or too deep. It does not judge what the fields
// say; Validate does.
func Parse(doc []byte) (*Blueprint, error) {
	if len(doc) > MaxDocumentSize {
		return nil, invalid(0, "the document has %d bytes; at most %d are allowed", len(doc), MaxDocumentSize)
	}
	if !utf8.Valid(doc) || bytes.IndexByte(doc, 0) >= 0 {
		return nil, invalid(0, "the document is not UTF-8 text")
	}
	if dense(doc) {
		return nil, invalid(0, "the document has more than %d values", maxNodes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(doc))
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, invalid(0, "the document is empty")
		}
		return nil, yamlError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, invalid(0, "there is more than one YAML document; a Blueprint is exactly one")
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, invalid(root.Line, "the document is not a mapping of fields")
	}
	walk := walker{lines: map[string]int{}}
	if err := walk.check(root.Content[0], "", 0); err != nil {
		return nil, err
	}
	b := &Blueprint{lines: walk.lines}
	strict := yaml.NewDecoder(bytes.NewReader(doc))
	strict.KnownFields(true)
	if err := strict.Decode(b); err != nil {
		return nil, yamlError(err)
	}
	if b.Spec.Visibility == "" {
		b.Spec.Visibility = Listed
	}
	return b, nil
}

// dense is true for a document that can only be a pile of tiny values, before anything is spent on reading it.
func dense(doc []byte) bool {
	n := 0
	for _, c := range []byte(",[{\n") {
		n += bytes.Count(doc, []byte{c})
	}
	return n > 2*maxNodes
}

// walker refuses what makes YAML dangerous or ambiguous before anything is decoded from it.
type walker struct {
	nodes int
	lines map[string]int
}

func (w *walker) check(n *yaml.Node, pointer string, depth int) error {
	if w.nodes++; w.nodes > maxNodes {
		return invalid(n.Line, "the document has more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return invalid(n.Line, "the document is nested deeper than %d levels", maxDepth)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return invalid(n.Line, "anchors and aliases (& and *) are not allowed; write the value out")
	}
	if depth < 8 {
		w.lines[pointer] = n.Line
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.checkMapping(n, pointer, depth)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if err := w.check(c, fmt.Sprintf("%s/%d", pointer, i), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) checkMapping(n *yaml.Node, pointer string, depth int) error {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return invalid(key.Line, "a key has to be a word, not a list or a mapping")
		}
		if key.ShortTag() == "!!merge" {
			return invalid(key.Line, "merge keys (<<) are not allowed; write the fields out")
		}
		if key.Anchor != "" {
			return invalid(key.Line, "anchors and aliases (& and *) are not allowed; write the value out")
		}
		if first, ok := seen[key.Value]; ok {
			return invalid(key.Line, "the key %q is there twice; it is first on line %d", shorten(key.Value), first)
		}
		seen[key.Value] = key.Line
		if err := w.check(value, pointer+"/"+escape(key.Value), depth+1); err != nil {
			return err
		}
	}
	return nil
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`field (.+) not found in type \S+`)
	yamlType    = regexp.MustCompile(`cannot unmarshal !!(\w+)(?: .*)? into (\S+)`)
)

// yamlError puts what the YAML library says into words that do not speak of Go.
func yamlError(err error) error {
	var own *InvalidError
	if errors.As(err, &own) {
		return own
	}
	messages := []string{err.Error()}
	var many *yaml.TypeError
	if errors.As(err, &many) {
		messages = many.Errors
	}
	out := &InvalidError{}
	for _, m := range messages {
		f := FieldError{Message: strings.TrimPrefix(m, "yaml: ")}
		if match := yamlLine.FindStringSubmatch(m); match != nil {
			_, _ = fmt.Sscan(match[1], &f.Line)
			f.Message = match[2]
		}
		f.Message = yamlUnknown.ReplaceAllString(f.Message, `there is no field "$1" here`)
		if match := yamlType.FindStringSubmatch(f.Message); match != nil {
			f.Message = fmt.Sprintf("%s cannot stand here; %s is expected", article(yamlKinds, match[1]), goKind(match[2]))
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

var yamlKinds = map[string]string{"map": "a mapping", "seq": "a list", "str": "text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}

func article(words map[string]string, kind string) string {
	if w, ok := words[kind]; ok {
		return w
	}
	return "a value of kind " + kind
}

func goKind(t string) string {
	switch {
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case t == "string", strings.HasSuffix(t, ".Engine"), strings.HasSuffix(t, ".Visibility"):
		return "text"
	default:
		return "a mapping of fields"
	}
}

// escape makes a key a token of a JSON pointer.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// shorten keeps what strangers wrote from filling a message.
func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
