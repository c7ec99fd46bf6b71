package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// reader turns YAML into the fields of a policy, and notes everything that is wrong on the way.
type reader struct{ wrong []FieldError }

// fields are the readers of a mapping's values, by key.
type fields map[string]func(n *yaml.Node, at string)

func (r *reader) add(n *yaml.Node, at, format string, args ...any) {
	r.wrong = append(r.wrong, FieldError{Pointer: at, Line: n.Line, Message: fmt.Sprintf(format, args...)})
}

// child is the value of a key, if the node is a mapping that has it.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (r *reader) mapping(n *yaml.Node, at, of string, known fields) {
	if n.Kind != yaml.MappingNode {
		r.add(n, at, "must be a mapping of fields")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		if !ok {
			r.add(key, at+"/"+pointer(key.Value), "is not a field of %s; there are: %s", of, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			continue
		}
		read(value, at+"/"+key.Value)
	}
}

// pointer makes a key a token of a JSON pointer.
func pointer(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(shorten(key), "~", "~0"), "/", "~1")
}

func (r *reader) text(n *yaml.Node, at string) string {
	tag := n.ShortTag()
	switch {
	case n.Kind != yaml.ScalarNode || tag != "!!str" && tag != "!!timestamp":
		r.add(n, at, "must be text")
	case strings.TrimSpace(n.Value) == "":
		r.add(n, at, "must not be empty")
	case utf8.RuneCountInString(n.Value) > 300:
		r.add(n, at, "must have at most 300 characters")
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		r.add(n, at, "must be one line of text")
	default:
		return n.Value
	}
	return ""
}

func (r *reader) exactly(n *yaml.Node, at, want string) {
	if n.Kind != yaml.ScalarNode || n.Value != want {
		r.add(n, at, "must be %s", want)
	}
}

// oneOf reads a word that must be among some.
func oneOf[T ~string](r *reader, n *yaml.Node, at string, words []T) T {
	if n.Kind == yaml.ScalarNode && slices.Contains(words, T(n.Value)) {
		return T(n.Value)
	}
	names := make([]string, 0, len(words))
	for _, w := range words {
		names = append(names, string(w))
	}
	r.add(n, at, "must be %s", listed(names, "or"))
	return ""
}

// list reads the entries of a list that is not empty, each with a reader of its own.
func (r *reader) list(n *yaml.Node, at string, entry func(n *yaml.Node, at string)) {
	switch {
	case n.Kind != yaml.SequenceNode:
		r.add(n, at, "must be a list")
	case len(n.Content) == 0:
		r.add(n, at, "must not be empty")
	case len(n.Content) > maxList:
		r.add(n, at, "must have at most %d entries, not %d", maxList, len(n.Content))
	default:
		for i, c := range n.Content {
			entry(c, fmt.Sprintf("%s/%d", at, i))
		}
	}
}

func (r *reader) texts(n *yaml.Node, at string) []string {
	var out []string
	r.list(n, at, func(n *yaml.Node, at string) {
		if s := r.text(n, at); s != "" {
			out = append(out, s)
		}
	})
	return out
}

func words[T ~string](r *reader, n *yaml.Node, at string, known []T) []T {
	var out []T
	r.list(n, at, func(n *yaml.Node, at string) {
		if w := oneOf(r, n, at, known); w != "" {
			out = append(out, w)
		}
	})
	return out
}

func (r *reader) integer(n *yaml.Node, at string, least, most int) *int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < least || v > most {
		r.add(n, at, "must be a whole number from %d to %d", least, most)
		return nil
	}
	return &v
}

func (r *reader) duration(n *yaml.Node, at string) Duration {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.add(n, at, "must be a duration such as 90m, 72h, 3d or 1d12h")
		return 0
	}
	d, err := ParseDuration(n.Value)
	switch {
	case err != nil:
		r.add(n, at, "%s", err)
	case d == 0:
		r.add(n, at, "must be longer than nothing")
	}
	return d
}

var envTypes = []string{"dev", "stg", "uat", "prod", "poc"}

func (r *reader) appliesTo(n *yaml.Node, at string) AppliesTo {
	var a AppliesTo
	before := len(r.wrong)
	r.mapping(n, at, "appliesTo", fields{
		"environments":  func(n *yaml.Node, at string) { a.Environments = r.texts(n, at) },
		"envTypes":      func(n *yaml.Node, at string) { a.EnvTypes = words(r, n, at, envTypes) },
		"organizations": func(n *yaml.Node, at string) { a.Organizations = r.texts(n, at) },
		"applications":  func(n *yaml.Node, at string) { a.Applications = r.texts(n, at) },
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		r.add(n, at, "must name environments, envTypes, organizations or applications")
	}
	if len(r.wrong) > before {
		return AppliesTo{} // half of a condition would bind fewer than were meant
	}
	return a
}

func (r *reader) breakGlass(n *yaml.Node, at string) *BreakGlass {
	var b BreakGlass
	before := len(r.wrong)
	r.mapping(n, at, "breakGlass", fields{
		"roles":       func(n *yaml.Node, at string) { b.Roles = r.texts(n, at) },
		"opens":       func(n *yaml.Node, at string) { b.Opens = words(r, n, at, append(slices.Clone(Kinds), Frozen)) },
		"maxDuration": func(n *yaml.Node, at string) { b.MaxDuration = r.duration(n, at) },
	})
	if n.Kind == yaml.MappingNode && child(n, "roles") == nil {
		r.add(n, at+"/roles", "is required: it names the roles that may break the glass")
	}
	if len(r.wrong) > before {
		return nil
	}
	b.MaxDuration = cmp.Or(b.MaxDuration, Duration(longestGrant))
	return &b
}
