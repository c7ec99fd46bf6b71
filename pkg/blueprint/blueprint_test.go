package blueprint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata:
  name: bp-podinfo
  version: 1.0.0
spec:
  card:
    title: Podinfo
    summary: A small web application.
    category: web
    icon: card/icon.svg
  owner: platform
  configSchema:
    type: object
    additionalProperties: false
    required: [host]
    properties:
      replicas: {type: integer, minimum: 1, maximum: 10, default: 2}
      host: {type: string, format: hostname}
      color:
        type: string
        pattern: "^#[0-9a-f]{6}$"
        x-message: "must be a colour such as #34577c"
      debug: {type: boolean, default: false}
      limits:
        type: object
        properties:
          cpu: {type: number, default: 0.5}
  manifests: {engine: helm, path: chart}
`

func mustParse(t *testing.T, doc string) *Blueprint {
	t.Helper()
	b, err := Parse([]byte(doc))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return b
}

func TestParseGood(t *testing.T) {
	b := mustParse(t, good)
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	if b.Metadata.Name != "bp-podinfo" || b.Spec.Manifests.Engine != Helm || b.Spec.Visibility != Listed {
		t.Errorf("read %+v", b)
	}
}

// The example of the platform's own architecture paper, as it stands there.
func TestParseSeed(t *testing.T) {
	b := mustParse(t, `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata:
  name: bp-wordpress
  version: 1.3.0
spec:
  configSchema: 
  depends:
    - blueprint: bp-postgres
      version: ^1.4
      alias: db
      when: "{{ .config.postgres.mode == 'embedded' }}"
      values:
        databases: ["{{ .application.name }}"]
`)
	if got := b.Spec.Depends[0]; got.Blueprint != "bp-postgres" || got.Alias != "db" {
		t.Errorf("depends %+v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for _, tc := range []struct{ reason, doc, want string }{
		{"empty", "", "is empty"},
		{"a list", "- a\n", "not a mapping"},
		{"too large", strings.Repeat("#", MaxDocumentSize+1), "at most 262144"},
		{"NUL", "kind: \x00", "UTF-8"},
		{"bad UTF-8", "kind: \xff\xfe", "UTF-8"},
		{"two documents", good + "---\nkind: Blueprint\n", "more than one"},
		{"alias bomb", bomb, "anchors and aliases"},
		{"anchored key", "&a kind: x\n", "anchors"},
		{"merge key", "metadata: {<<: {name: x}}\n", "merge keys"},
		{"deep in flow", "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "deeper"},
		{"deep beyond the parser", "a: " + strings.Repeat("[", 200_000), ""},
		{"deep by indentation", deepMapping(200), "deeper"},
		{"many values", "a: [" + strings.Repeat("x,", 100_000) + "]", "more than"},
		{"duplicate key", "kind: Blueprint\nmetadata: {}\nkind: Other\n", `line 3: the key "kind" is there twice; it is first on line 1`},
		{"duplicate key in the schema", "spec:\n  configSchema:\n    type: object\n    type: array\n", "line 4: the key \"type\" is there twice"},
		{"unknown field", "kind: Blueprint\nspec:\n  colour: red\n", `line 3: there is no field "colour" here`},
		{"wrong kind", "kind: Blueprint\nspec: [a]\n", "line 2: a list cannot stand here; a mapping of fields is expected"},
		{"schema is a list", "spec:\n  configSchema: [a]\n", "a schema has to be a mapping"},
		{"infinite", "spec:\n  configSchema: {maximum: .inf}\n", "not a number"},
		{"binary", "spec:\n  configSchema: {a: !!binary aGk=}\n", "tagged"},
		{"a block that is a list", "spec: {upgrades: {blocks: [[a]]}}\n", "a list cannot stand here"},
		{"a block with another field", "spec: {upgrades: {blocks: [{version: a}]}}\n", `there is no field "version" here`},
		{"complex key", "? [a]\n: b\n", "a key has to be a word"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := Parse([]byte(tc.doc))
			var own *InvalidError
			if !errors.As(err, &own) {
				t.Fatalf("got %v, want an InvalidError", err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want %q in it", err, tc.want)
			}
			if len(err.Error()) > 2000 {
				t.Errorf("the message has %d characters", len(err.Error()))
			}
		})
	}
}

func deepMapping(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestValidate(t *testing.T) {
	kustomize := strings.Replace(good, "engine: helm, path: chart", "engine: kustomize, path: kustomize", 1)
	for _, tc := range []struct{ reason, doc, from, to, want string }{
		{"name", good, "bp-podinfo", "podinfo", "line 4: /metadata/name must start with bp-"},
		{"version", good, "version: 1.0.0", "version: v1", "/metadata/version must be a version"},
		{"build metadata", good, "version: 1.0.0", "version: 1.0.0+a", "build metadata"},
		{"api version", good, "v1alpha1", "v9", "/apiVersion must be"},
		{"no owner", good, "owner: platform", "owner: ''", "line 12: /spec/owner must not be empty"},
		{"visibility", good, "owner: platform", "owner: a\n  visibility: secret", "listed, unlisted or private"},
		{"icon outside", good, "card/icon.svg", "../../etc/passwd.svg", "plain path inside"},
		{"icon kind", good, "card/icon.svg", "card/icon.exe", ".svg or .png"},
		{"absolute path", good, "path: chart", "path: /etc", "plain path inside"},
		{"engine", good, "engine: helm", "engine: cue", "must be helm or kustomize"},
		{"not a schema", good, "type: integer", "type: number-ish", "is not a JSON Schema"},
		{"file reference", good, "{type: string, format: hostname}", "{$ref: 'file:///etc/passwd'}", "points outside"},
		{"http reference", good, "{type: string, format: hostname}", "{$ref: 'http://169.254.169.254/'}", "points outside"},
		{"foreign dialect", good, "type: object\n    additional", "type: object\n    $schema: https://example.com/x\n    additional", "points outside"},
		{"missing reference", good, "{type: string, format: hostname}", "{$ref: '#/$defs/x'}", "configSchema"},
		{"lookahead", good, "^#[0-9a-f]{6}$", "^(?=a)b$", "are not supported"},
		{"pattern bomb", good, "^#[0-9a-f]{6}$", "^(" + strings.Repeat("a", 100) + "){1000}$", "repeats too much"},
		{"bad default", good, "maximum: 10, default: 2", "maximum: 10, default: 20", "/spec/configSchema/properties/replicas has a default that its own schema refuses: it must be 10 or less"},
		{"kustomize nested", kustomize, "", "", "/spec/configSchema/properties/limits must have one type"},
		{"kustomize free text", kustomize, "", "", "/spec/configSchema/properties/host must have an enum or a pattern"},
		{"kustomize open", kustomize, "    additionalProperties: false\n", "", "must say additionalProperties: false"},
		{"kustomize half-anchored", kustomize, "^#[0-9a-f]{6}$", "^a|b$", "/spec/configSchema/properties/color must have an enum or a pattern"},
		{"kustomize reserved", kustomize, "replicas:", "application:", "not application"},
		{"size", good, "manifests:", "overlays: {small: {values: {replicas: 99}}}\n  manifests:", "/spec/overlays/small/values/replicas must be 10 or less"},
		{"dependency", good, "manifests:", "depends: [{blueprint: postgres, version: abc}]\n  manifests:", "/spec/depends/0/blueprint"},
		{"dependency twice under one name", good, "manifests:", "depends: [{blueprint: bp-a}, {blueprint: bp-b, alias: a}]\n  manifests:", "is there twice"},
		{"passed values", good, "manifests:", "depends: [{blueprint: bp-a, values: [x]}]\n  manifests:", "/spec/depends/0/values must be a mapping"},
		{"a long condition", good, "manifests:", "depends: [{blueprint: bp-a, when: '" + strings.Repeat("x", 5000) + "'}]\n  manifests:", "/spec/depends/0/when must have at most 4000"},
		{"upgrades", good, "manifests:", "upgrades: {from: abc}\n  manifests:", "/spec/upgrades/from must be a range of versions"},
		{"blocked versions", good, "manifests:", "upgrades: {blocks: ['1.0.0', abc]}\n  manifests:", "/spec/upgrades/blocks/1 must be a range of versions"},
		{"a setting of our own", good, "host: {", "catalyst: {", "/spec/configSchema/properties/catalyst cannot be a setting"},
		{"dependency twice", good, "manifests:", "depends: [{blueprint: bp-a}, {blueprint: bp-a}]\n  manifests:", "is there twice"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			doc := strings.Replace(tc.doc, tc.from, tc.to, 1)
			err := mustParse(t, doc).Validate()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "root:") {
				t.Errorf("the message leaks a file: %v", err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	b := mustParse(t, good)
	full := func(more map[string]any) map[string]any {
		out := map[string]any{"replicas": int64(2), "debug": false, "host": "a.example", "limits": map[string]any{"cpu": 0.5}}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, tc := range []struct {
		reason string
		values map[string]any
		want   map[string]any
		wrong  []FieldError
	}{
		{"defaults", map[string]any{"host": "a.example"}, full(nil), nil},
		{"a number of JavaScript", map[string]any{"host": "a.example", "replicas": 3.0}, full(map[string]any{"replicas": int64(3)}), nil},
		{"nested given", map[string]any{"host": "a.example", "limits": map[string]any{"cpu": 1}}, full(map[string]any{"limits": map[string]any{"cpu": int64(1)}}), nil},
		{"missing", nil, nil, []FieldError{{Pointer: "/host", Message: "is required"}}},
		{"several", map[string]any{"host": "-", "replicas": "3", "color": "red", "nope": 1}, nil, []FieldError{
			{Pointer: "/color", Message: "must be a colour such as #34577c"},
			{Pointer: "/host", Message: "must be a valid hostname"},
			{Pointer: "/nope", Message: "is not a setting of this Blueprint; there are: color, debug, host, limits, replicas"},
			{Pointer: "/replicas", Message: "must be a whole number, not text"},
		}},
		{"too many", map[string]any{"host": "a.example", "replicas": 11}, nil, []FieldError{{Pointer: "/replicas", Message: "must be 10 or less"}}},
		{"huge number", map[string]any{"replicas": jsonNumber("1e999999999")}, nil, []FieldError{{Message: "the number at /replicas is too large"}}},
		{"deep", map[string]any{"host": nested(100)}, nil, []FieldError{{Message: "the settings are nested deeper than 32 levels"}}},
		{"not JSON", map[string]any{"host": func() {}}, nil, []FieldError{{Message: "the settings are not JSON values: json: unsupported type: func()"}}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, wrong := b.Settings(tc.values)
			if diff := cmp.Diff(tc.wrong, wrong); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if tc.want != nil {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("settings (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestSettingsLeavesInputAlone(t *testing.T) {
	in := map[string]any{"host": "a.example", "limits": map[string]any{}}
	mustParse(t, good).Settings(in)
	if diff := cmp.Diff(map[string]any{"host": "a.example", "limits": map[string]any{}}, in); diff != "" {
		t.Error(diff)
	}
}

// A schema that refers to itself in every way costs no more than the budget.
func TestSettingsRecursiveSchema(t *testing.T) {
	var props strings.Builder
	for i := range 12 {
		fmt.Fprintf(&props, "      p%d: {$ref: '#/$defs/d%d'}\n", i, i)
	}
	doc := good[:strings.Index(good, "  configSchema:")] + "  configSchema:\n    type: object\n    properties:\n" + props.String() + "    $defs:\n"
	for i := range 12 {
		doc += fmt.Sprintf("      d%d:\n        type: object\n        properties:\n          x: {default: 1}\n", i)
		for j := range 12 {
			doc += fmt.Sprintf("          q%d: {$ref: '#/$defs/d%d'}\n", j, j)
		}
	}
	doc += "  manifests: {engine: helm, path: chart}\n"
	if _, wrong := mustParse(t, doc).Settings(nil); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestFlatSettings(t *testing.T) {
	b := mustParse(t, `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: bp-site, version: 1.0.0}
spec:
  card: {title: Site, summary: A site., category: web}
  owner: platform
  configSchema:
    type: object
    additionalProperties: false
    properties:
      title: {type: string, pattern: "^(?s).*$"}
  manifests: {engine: kustomize, path: kustomize}
`)
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	for value, ok := range map[string]bool{"fine": true, "a\nb": false, "a\rb": false, "a\u2028b": false, "a\x00b": false, "a ${b}": false, "$5": true} {
		_, wrong := b.Settings(map[string]any{"title": value})
		if (len(wrong) == 0) != ok {
			t.Errorf("%q: %v", value, wrong)
		}
	}
}

func nested(n int) any {
	var v any = "x"
	for range n {
		v = []any{v}
	}
	return v
}
