package check

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// maxDocuments is how many documents of one file are looked at.
const maxDocuments = 200

// lineOf is the line of a value in YAML, by its JSON pointer: that of its key, or of the nearest one above it that is
// there; 0 if there is none.
func lineOf(content []byte, pointer string) int {
	var doc yaml.Node
	if yaml.Unmarshal(content, &doc) != nil || len(doc.Content) != 1 {
		return 0
	}
	line, _ := find(doc.Content[0], pointer)
	return line
}

// find goes down a pointer as far as it leads.
func find(n *yaml.Node, pointer string) (int, *yaml.Node) {
	line := 0
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == token {
					line, next = n.Content[i].Line, n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.Content) {
				line, next = n.Content[i].Line, n.Content[i]
			}
		}
		if next == nil {
			return line, nil
		}
		n = next
	}
	return line, n
}

// lineIn is the line of a setting.
func lineIn(e gitlayout.Engine, content []byte, pointer string) int {
	if e != gitlayout.Kustomize {
		return lineOf(content, pointer)
	}
	name := strings.TrimPrefix(pointer, "/")
	for i, line := range strings.Split(string(content), "\n") {
		if before, _, ok := strings.Cut(strings.TrimSpace(line), "="); ok && before == name {
			return i + 1
		}
	}
	return 0
}

// holds tells whether a file itself says something under a pointer.
func holds(values map[string]any, pointer string) bool {
	var v any = values
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch here := v.(type) {
		case map[string]any:
			next, ok := here[token]
			if !ok {
				return false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(here) {
				return false
			}
			v = here[i]
		default:
			return false
		}
	}
	return len(values) > 0
}

var (
	atLine = regexp.MustCompile(`line (\d+)`)
	// cited is a part of the file that an error repeats.
	cited = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|'[^']*'")
)

// reason says why YAML cannot be read, and on which line; what stands there is left out, for it may be a secret.
func reason(err error) (line int, why string) {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if m := atLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) //nolint:errcheck // it is digits, and too many of them say nothing
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "error converting YAML to JSON: "), "yaml: ")
	if i := strings.Index(text, "unmarshal errors:"); i >= 0 {
		text = strings.TrimSpace(text[i+len("unmarshal errors:"):])
	}
	text = strings.TrimPrefix(text, "line "+strconv.Itoa(line)+": ")
	return line, cited.ReplaceAllString(text, "…")
}

// each calls f for each document of a file that can be read.
func each(content []byte, f func(*yaml.Node)) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for range maxDocuments {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) || err != nil {
			return
		}
		if len(doc.Content) == 1 {
			f(doc.Content[0])
		}
	}
}

func text(n *yaml.Node, pointer string) string {
	if _, v := find(n, pointer); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// digestOf is what the source in base/release.yaml is pinned to, and the line that says so.
func digestOf(release []byte) (digest string, line int) {
	each(release, func(n *yaml.Node) {
		if text(n, "/kind") == "OCIRepository" && digest == "" {
			digest = text(n, "/spec/ref/digest")
			line, _ = find(n, "/spec/ref/digest")
		}
	})
	return digest, line
}

// plain is a Secret with data in it.
type plain struct {
	name, keys string
	line       int
}

// plainSecrets finds the Secrets in a file whose data anybody can read. What SOPS encrypted says so.
func plainSecrets(content []byte) []plain {
	if !bytes.Contains(content, []byte("Secret")) {
		return nil
	}
	var out []plain
	each(content, func(n *yaml.Node) {
		if text(n, "/kind") != "Secret" {
			return
		}
		if _, sops := find(n, "/sops"); sops != nil {
			return
		}
		var keys []string
		line := 0
		for _, field := range []string{"/data", "/stringData"} {
			at, data := find(n, field)
			if data == nil || data.Kind != yaml.MappingNode {
				continue
			}
			for i := 0; i+1 < len(data.Content); i += 2 {
				if data.Content[i+1].Value != "" {
					keys = append(keys, shorten(data.Content[i].Value))
					line = at
				}
			}
		}
		if len(keys) > 0 {
			slices.Sort(keys)
			out = append(out, plain{name: text(n, "/metadata/name"), keys: strings.Join(keys[:min(len(keys), 5)], ", "), line: line})
		}
	})
	return out
}
