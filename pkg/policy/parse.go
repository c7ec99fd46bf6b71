package policy

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

// Limits of a policy document.
const (
	MaxDocumentSize = 256 << 10
	maxDepth        = 32
	maxNodes        = 20_000
	maxRules        = 50
	maxList         = 100
	maxCovers       = 20 // windows, and freezes, of one rule
)

// FieldError is one thing that is wrong: where, as a JSON pointer and a line, and a sentence.
type FieldError struct {
	Pointer string `json:"pointer"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

func (e FieldError) String() string {
	s := e.Message
	if e.Pointer != "" {
		s = e.Pointer + " " + s
	}
	if e.Line > 0 {
		s = fmt.Sprintf("line %d: %s", e.Line, s)
	}
	return s
}

// InvalidError says everything that is wrong with a policy.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string { return sentences(e.Fields) }

func sentences(fields []FieldError) string {
	lines := make([]string, 0, len(fields))
	for _, f := range fields {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "; ")
}

// Parse reads one EnvironmentPolicy, YAML or JSON, as it stands in Git or as the API server gives it.
//
// With an error, an *InvalidError, it still returns a Policy, and that Policy is to be used: what could be read holds,
// and what could not is a broken gate, which stays closed. A policy of which not even appliesTo can be read binds every
// Environment; a caller that knows better makes one with Unavailable.
func Parse(doc []byte) (Policy, error) {
	r := reader{}
	root, err := document(doc)
	if err != nil {
		r.wrong = append(r.wrong, *err)
		return Policy{broken: sentences(r.wrong)}, &InvalidError{r.wrong}
	}
	p := r.policy(root)
	if len(r.wrong) > 0 {
		return p, &InvalidError{r.wrong}
	}
	return p, nil
}

// document reads YAML as far as it is one mapping of plain values.
func document(doc []byte) (*yaml.Node, *FieldError) {
	wrong := func(line int, format string, args ...any) (*yaml.Node, *FieldError) {
		return nil, &FieldError{Line: line, Message: fmt.Sprintf(format, args...)}
	}
	if len(doc) > MaxDocumentSize {
		return wrong(0, "the document has %d bytes; at most %d are allowed", len(doc), MaxDocumentSize)
	}
	if !utf8.Valid(doc) || bytes.IndexByte(doc, 0) >= 0 {
		return wrong(0, "the document is not UTF-8 text")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	var root yaml.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		return wrong(0, "the document is empty")
	} else if err != nil {
		return wrong(yamlError(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return wrong(0, "there is more than one YAML document; an EnvironmentPolicy is exactly one")
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return wrong(root.Line, "the document is not a mapping of fields")
	}
	nodes := 0
	if err := plain(root.Content[0], &nodes, 0); err != nil {
		return nil, err
	}
	return root.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

func yamlError(err error) (line int, format, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &line)
		message = m[2]
	}
	return line, "the document is not YAML: %s", message
}

// plain refuses what makes YAML ambiguous or costly.
func plain(n *yaml.Node, nodes *int, depth int) *FieldError {
	refuse := func(format string, args ...any) *FieldError {
		return &FieldError{Line: n.Line, Message: fmt.Sprintf(format, args...)}
	}
	*nodes++
	switch {
	case *nodes > maxNodes:
		return refuse("the document has more than %d values", maxNodes)
	case depth > maxDepth:
		return refuse("the document is nested deeper than %d levels", maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.ShortTag() == "!!merge":
		return refuse("anchors, aliases and merge keys (&, * and <<) are not allowed; write the value out")
	}
	seen := map[string]int{}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Kind != yaml.ScalarNode {
				return refuse("a key has to be a word, not a list or a mapping")
			}
			if first, ok := seen[c.Value]; ok {
				return &FieldError{Line: c.Line, Message: fmt.Sprintf("the key %q is there twice; it is first on line %d", shorten(c.Value), first)}
			}
			seen[c.Value] = c.Line
		}
		if err := plain(c, nodes, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// shorten keeps what somebody wrote from filling a message.
func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

var (
	policyName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$`)
	ruleName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$`)
)

// policy reads the document. What is wrong outside of a rule breaks the policy as a whole; its rules still hold.
func (r *reader) policy(root *yaml.Node) Policy {
	p := Policy{gates: []gate{}}
	var rules *yaml.Node
	ignore := func(*yaml.Node, string) {}
	r.mapping(root, "", "an EnvironmentPolicy", fields{
		"apiVersion": func(n *yaml.Node, at string) { r.exactly(n, at, APIVersion) },
		"kind":       func(n *yaml.Node, at string) { r.exactly(n, at, PolicyKind) },
		"metadata": func(n *yaml.Node, at string) {
			if name := child(n, "name"); name != nil {
				p.Name = r.text(name, at+"/name")
			}
		},
		"spec": func(n *yaml.Node, at string) {
			r.mapping(n, at, "spec", fields{
				"appliesTo":  func(n *yaml.Node, at string) { p.Spec.AppliesTo = r.appliesTo(n, at) },
				"rules":      func(n *yaml.Node, _ string) { rules = n },
				"breakGlass": func(n *yaml.Node, at string) { p.Spec.BreakGlass = r.breakGlass(n, at) },
			})
			if child(n, "appliesTo") == nil {
				r.add(n, at+"/appliesTo", "is required: it says which Environments the policy is for")
			}
		},
		"status": ignore,
	})
	for _, name := range []string{"apiVersion", "kind", "spec"} {
		if child(root, name) == nil {
			r.add(root, "/"+name, "is required")
		}
	}
	if !policyName.MatchString(p.Name) {
		r.add(root, "/metadata/name", "must be a name of lower-case letters, digits, dashes and dots")
	}
	p.broken = sentences(r.wrong)
	before := len(r.wrong)
	r.rules(rules, &p)
	if rules == nil || len(p.gates) == 0 && len(r.wrong) > before {
		if rules == nil && child(root, "spec") != nil {
			r.add(root, "/spec/rules", "is required: a policy without a rule asks for nothing")
		}
		p.broken = sentences(r.wrong)
	}
	return p
}

// rules reads every rule apart, so that one that is wrong does not take the others with it.
func (r *reader) rules(list *yaml.Node, p *Policy) {
	if list == nil {
		return
	}
	const at = "/spec/rules"
	switch {
	case list.Kind != yaml.SequenceNode || len(list.Content) == 0:
		r.add(list, at, "must be a list of at least one rule")
		return
	case len(list.Content) > maxRules:
		r.add(list, at, "must have at most %d rules, not %d", maxRules, len(list.Content))
		return
	}
	taken := map[string]bool{"policy": true, string(Frozen): true}
	given := make([]string, len(list.Content))
	for i, n := range list.Content {
		before, at := len(r.wrong), fmt.Sprintf("%s/%d", at, i)
		rule, check := r.rule(n, at)
		if rule.Name != "" && taken[rule.Name] {
			r.add(n, at+"/name", "must be a name that no other rule has, and neither policy nor freeze")
		}
		taken[rule.Name], given[i] = true, rule.Name
		p.Spec.Rules = append(p.Spec.Rules, rule)
		g := gate{rule: rule, check: check}
		if len(r.wrong) > before {
			g.broken, g.rule.Severity = sentences(r.wrong[before:]), Blocking
		}
		p.gates = append(p.gates, g)
	}
	for i := range p.gates {
		g := &p.gates[i]
		name := given[i]
		for n := 1; name == ""; n++ {
			candidate := string(g.rule.Kind)
			if candidate == "" {
				candidate = "rule"
			}
			if n > 1 {
				candidate = fmt.Sprintf("%s-%d", candidate, n)
			}
			if !taken[candidate] {
				name, taken[candidate] = candidate, true
			}
		}
		g.id = p.Name + "/" + name
	}
}
