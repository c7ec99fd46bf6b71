package expression

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var scope = Scope{
	Config: map[string]any{
		"cache": true, "replicas": int64(3), "ratio": 0.5, "mode": "embedded", "hosts": []any{"a", "b"},
		"postgres": map[string]any{"mode": "embedded"}, "nothing": nil, "long": strings.Repeat("x", 60_000),
	},
	Application: "shop", Organization: "acme", Environment: "acme-dev", EnvType: "dev",
}

func TestHolds(t *testing.T) {
	for source, want := range map[string]bool{
		"config.cache": true,
		"config.replicas > 2 && environment.type != 'prod'": true,
		"config.ratio > 0":                                      true,
		"config['postgres'].mode == \"external\"":               false,
		"'b' in config.hosts":                                   true,
		"has(config.gone) && config.gone == 'x'":                false,
		"has(config.postgres) ? config.cache : false":           true,
		"application.name.startsWith('sh')":                     true,
		"{{ .config.postgres.mode == 'embedded' }}":             true,
		"  {{config.postgres.mode == 'embedded'}}  ":            true,
		"size(config.hosts) == 2 && config.nothing == null":     true,
		"application.organization + '-dev' == environment.name": true,
	} {
		got, err := Holds(source, scope)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
}

// What cannot be told is said, never guessed.
func TestHoldsRefuses(t *testing.T) {
	for _, tc := range []struct{ reason, source, want string }{
		{"empty", " ", "is empty"},
		{"missing", "config.postgres.size == 1", "asks for the setting postgres.size, which has no value"},
		{"missing above", "config.gone.size == 1", "asks for the setting gone.size, which has no value"},
		{"missing beside a guarded one", "has(config.a) && config.a || config.b", "asks for the setting b, which has no value"},
		{"no bool", "config.replicas", "gives int, not true or false"},
		{"no bool, seen at once", "'x' + 'y'", "gives string, not true or false"},
		{"Go template", "{{ if eq .config.mode \"x\" }}", "is not an expression"},
		{"no such name", "settings.cache", "is not an expression: undeclared reference to 'settings'"},
		{"no such field", "application.nam == 'x'", "asks for application.nam; application has name and organization"},
		{"different kinds", "config.mode > 3", "puts values of different kinds together"},
		{"a loop", "config.hosts.exists(h, h == 'a')", "is not an expression"},
		{"a nested loop", "[1,2].map(a, [1,2].map(b, a*b)) == []", "is not an expression"},
		{"a pattern", "config.mode.matches('(a+)+$')", "is not an expression"},
		{"a time zone from a file", "timestamp('2020-01-01T00:00:00Z').getHours('../../../etc/passwd') > 1", "is not an expression"},
		{"too long", strings.Repeat("true && ", 200) + "true", "has more than 1000 characters"},
		{"too deep", strings.Repeat("(", 400) + "true" + strings.Repeat(")", 400), "is not an expression"},
		{"too deep without brackets", strings.Repeat("!", 400) + "true", ""},
		{"costs too much", "(config.long + config.long + config.long + config.long).contains('y')", "costs more to work out than is allowed"},
		{"division by zero", "1 / (config.replicas - 3) == 1", "cannot be worked out: division by zero"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := Holds(tc.source, scope)
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the message has %d characters", len(err.Error()))
			}
		})
	}
}

func TestFill(t *testing.T) {
	given := map[string]any{
		"databases": []any{"{{ .application.name }}", "plain"}, "replicas": "{{config.replicas}}", "flag": "{{ config.cache }}",
		"host": "{{ application.name }}-{{ config.replicas }}.{{ environment.type }}", "list": "{{ config.hosts }}", "none": "{{ config.nothing }}",
		"pg": "{{ config.postgres }}", "nested": map[string]any{"n": int64(1), "s": "{{ {'a': {'b': 1}} }}"}, "braces": "{{ '{{ }}' }}", "ratio": "x{{ config.ratio }}",
	}
	before, _ := json.Marshal(given)
	got, err := Fill(given, scope)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"databases": []any{"shop", "plain"}, "replicas": int64(3), "flag": true, "host": "shop-3.dev", "list": []any{"a", "b"}, "none": nil,
		"pg": map[string]any{"mode": "embedded"}, "nested": map[string]any{"n": int64(1), "s": map[string]any{"a": map[string]any{"b": int64(1)}}}, "braces": "{{ }}", "ratio": "x0.5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filled (-want +got):\n%s", diff)
	}
	if after, _ := json.Marshal(given); string(after) != string(before) {
		t.Error("what was given was changed")
	}
	for _, tc := range []struct{ text, want string }{
		{"{{ config.gone }}", "/a/0: the expression asks for the setting gone"},
		{"{{ config.hosts", "has no end"},
		{"a {{ config.hosts }}", "gives list, which cannot stand in a text"},
		{"{{ }}", "is empty"},
		{"{{ {1: 2} }}", "names that are no text"},
		{"{{ b'x' }}", "gives bytes, which is no setting"},
		{"{{ config.long }}{{ config.long }}", "gives more than"},
	} {
		_, err := Fill(map[string]any{"a": []any{tc.text}}, scope)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestAsks(t *testing.T) {
	asks, err := CheckCondition("has(config.a.b) && config['c'].d == application.name || .config.e[0] == 1")
	if err != nil {
		t.Fatal(err)
	}
	want := []Ask{{Path: []string{"a", "b"}, Guarded: true}, {Path: []string{"c", "d"}}, {Path: []string{"e"}}}
	if diff := cmp.Diff(want, asks); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	if asks, err = CheckValues(map[string]any{"x": []any{"{{ config.a }}-{{ config.b }}"}}); err != nil || len(asks) != 2 {
		t.Errorf("values: %v, %v", asks, err)
	}
}

// Whatever is written, it is worked out or refused soon, and the result is one that settings can hold.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		"config.cache", "{{ .config.postgres.mode == 'embedded' }}", "has(config.x) && config.x", "[[[1]]]", "((((((((true))))))))", "1/0 == 1",
		"config.long + config.long == ''", "{'a': {'b': config}}.a.b.cache", "!!!!!true", "config[config.mode]", "-9223372036854775808 < 1", "1.0 % 2",
		"'\\u0000' == \"\\x00\"", "config.hosts[99999999999] == 'a'", "size(config.long) > 3 ? config.cache : !config.cache", "{{ '}}' == '}}' }}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		start := time.Now()
		_, err := Holds(source, scope)
		filled, errFill := Fill(map[string]any{"v": source, "w": "{{" + source + "}}"}, scope)
		if took := time.Since(start); took > time.Second {
			t.Fatalf("took %v", took)
		}
		for _, err := range []error{err, errFill} {
			if err != nil && len(err.Error()) > 1000 {
				t.Fatalf("the message has %d characters", len(err.Error()))
			}
		}
		if errFill != nil {
			return
		}
		raw, err := json.Marshal(filled)
		if err != nil || len(raw) > 8*maxResult+6*len(source) {
			t.Fatalf("%v, %d bytes from %d characters", err, len(raw), len(source))
		}
	})
}
