package gitlayout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// Setting is one property of a Blueprint's configSchema, for the order and the comments of the values file.
type Setting struct {
	Name, Title, Description string
}

func (s Setting) comment() string {
	text := strings.TrimSuffix(s.Title, ".")
	switch {
	case text == "":
		text = s.Description
	case s.Description != "":
		text += ": " + s.Description
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 110
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0xd800 && r < 0xe000 || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, text)
}

// ordered returns the names in values: first those of the settings in their order, then the rest by name.
func ordered(values map[string]any, settings []Setting) []string {
	names := make([]string, 0, len(values))
	for _, s := range settings {
		if _, ok := values[s.Name]; ok && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	return names
}

func comments(settings []Setting) map[string]string {
	m := map[string]string{}
	for _, s := range settings {
		if c := s.comment(); c != "" {
			m[s.Name] = "# " + c
		}
	}
	return m
}

// writeYAML writes a values.yaml with a comment above each setting.
func writeYAML(head string, values map[string]any, settings []Setting) []byte {
	var b strings.Builder
	b.WriteString(head)
	if len(values) == 0 {
		b.WriteString("{}\n")
		return []byte(b.String())
	}
	about := comments(settings)
	for _, name := range ordered(values, settings) {
		if c := about[name]; c != "" {
			b.WriteString(c + "\n")
		}
		b.WriteString(strings.Join(entry(0, name, values[name]), "\n") + "\n")
	}
	return []byte(b.String())
}

// writeEnv writes a values.env. Kustomize reads a line as KEY=value, without any quotes.
func writeEnv(head string, values map[string]any, settings []Setting) ([]byte, error) {
	var b strings.Builder
	b.WriteString(head)
	about := comments(settings)
	for _, name := range ordered(values, settings) {
		line, err := envLine(name, values[name])
		if err != nil {
			return nil, err
		}
		if c := about[name]; c != "" {
			b.WriteString(c + "\n")
		}
		b.WriteString(line + "\n")
	}
	return []byte(b.String()), nil
}

func envLine(name string, v any) (string, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case bool, int, int64, float64:
		text = scalar(v)
	default:
		return "", fmt.Errorf("setting %s must be a single text, number or yes/no", name)
	}
	if !envName(name) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("setting %s cannot be written to %s: one line of text is allowed", name, envFile)
	}
	return name + "=" + text, nil
}

func envName(s string) bool {
	for i, r := range s {
		if !(r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || i > 0 && '0' <= r && r <= '9') {
			return false
		}
	}
	return s != ""
}

// readYAML reads a values.yaml that people may have edited.
func readYAML(b []byte) (map[string]any, error) {
	if len(b) > maxEdited {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are read", len(b), maxEdited)
	}
	var m map[string]any
	if err := yaml.UnmarshalStrict(b, &m, exactNumbers); err != nil {
		return nil, fmt.Errorf("%s is not a mapping in YAML: %w", yamlFile, err)
	}
	if m == nil {
		m = map[string]any{}
	}
	return normal(m).(map[string]any), nil //nolint:forcetypeassert // it keeps the type
}

func exactNumbers(d *json.Decoder) *json.Decoder { d.UseNumber(); return d }

// readEnv reads a values.env. Texts take the type that the schema of the setting names.
func readEnv(b []byte, types map[string]string) map[string]any {
	m := map[string]any{}
	for line := range strings.Lines(string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))) {
		name, text, ok := strings.Cut(strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t"), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		m[name] = typed(text, types[name])
	}
	return m
}

func typed(text, kind string) any {
	switch kind {
	case "integer":
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	case "number":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return normal(f)
		}
	case "boolean":
		if v, err := strconv.ParseBool(text); err == nil {
			return v
		}
	}
	return text
}

// normal brings numbers to int64 where they are whole and float64 otherwise, in a copy.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = normal(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normal(e)
		}
		return out
	case int:
		return int64(v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return normal(f)
		}
		return v.String()
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
			return int64(v)
		}
		return v
	default:
		return v
	}
}

func equal(a, b any) bool { return reflect.DeepEqual(normal(a), normal(b)) }
