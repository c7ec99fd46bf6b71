package resolve

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const wordpress = `  configSchema:
    type: object
    additionalProperties: false
    properties:
      postgres:
        type: object
        properties: {mode: {type: string, enum: [embedded, external], default: embedded}, host: {type: string}}
      replicas: {type: integer, minimum: 1, maximum: 9, default: 1}
      tags: {type: array, items: {type: string}}
  overlays:
    large: {values: {replicas: 3, tags: [big]}}
  depends:
    - blueprint: bp-postgres
      version: ^1.4
      alias: db
      when: "{{ .config.postgres.mode == 'embedded' }}"
      values:
        databases: ["{{ .application.name }}"]
        size: "{{ config.replicas * 2 }}"
`

const postgres = `  configSchema:
    type: object
    additionalProperties: false
    required: [databases]
    properties:
      databases: {type: array, items: {type: string, minLength: 1}}
      size: {type: integer, maximum: 10, default: 1}
      log: {type: boolean, default: false}
`

func blog(t *testing.T) Input {
	in := input("bp-wordpress", map[string][]Candidate{
		"bp-wordpress": {candidate(t, "bp-wordpress", "1.3.0", wordpress)},
		"bp-postgres":  {candidate(t, "bp-postgres", "1.4.2", postgres)},
	})
	in.Application = "blog"
	return in
}

func TestPassedValues(t *testing.T) {
	in := blog(t)
	in.Size, in.Values = "large", map[string]any{"tags": []any{"mine"}}
	tree := resolved(t, in)
	if diff := cmp.Diff(map[string]any{"replicas": int64(3), "tags": []any{"mine"}}, tree.Root.Values); diff != "" {
		t.Errorf("what a person gives wins over the size (-want +got):\n%s", diff)
	}
	db := tree.Root.Depends[0]
	if diff := cmp.Diff(map[string]any{"databases": []any{"blog"}, "size": int64(6)}, db.Values); diff != "" {
		t.Errorf("values passed down (-want +got):\n%s", diff)
	}
	if db.Application != "blog-postgres" || db.Alias != "db" || db.Range != "^1.4" || db.Blueprint.Metadata.Version != "1.4.2" {
		t.Errorf("the dependency is %+v", db)
	}
	if diff := cmp.Diff(map[string]any{"tags": []any{"mine"}}, in.Values); diff != "" {
		t.Errorf("the input was changed: %s", diff)
	}
}

func TestOff(t *testing.T) {
	in := blog(t)
	delete(in.Catalog, "bp-postgres") // not even asked for
	in.Values = map[string]any{"postgres": map[string]any{"mode": "external"}}
	in.Choices = map[string]Choice{"db": {Use: New}, "cache": {Use: New}}
	tree := resolved(t, in)
	db := tree.Root.Depends[0]
	if db.Use != Off || db.Application != "" || db.Reason != "not needed: {{ .config.postgres.mode == 'embedded' }} does not hold" || len(tree.Order) != 1 {
		t.Errorf("the dependency is %+v", db)
	}
	if diff := cmp.Diff([]string{"The choice for cache has no effect: nothing of that name is needed."}, tree.Notes); diff != "" {
		t.Error(diff)
	}
}

// An existing Application keeps its settings, and that is said.
func TestExistingKeepsItsSettings(t *testing.T) {
	in := blog(t)
	in.Installed = []Installed{{Application: "pg", Blueprint: "bp-postgres", Version: "1.4.2"}}
	in.Choices = map[string]Choice{"db": {Use: Existing, Application: "pg"}}
	tree := resolved(t, in)
	if db := tree.Root.Depends[0]; db.Use != Existing || db.Values != nil || db.Blueprint == nil || len(tree.Order) != 1 {
		t.Errorf("the dependency is %+v", db)
	}
	if diff := cmp.Diff([]string{"pg keeps its own settings; for a new one blog would set databases, size."}, tree.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	in := blog(t)
	in.Values = map[string]any{"replicas": 99, "nope": true}
	want := []Problem{
		{Pointer: "/nope", Code: CodeSettings, Message: "is not a setting of this Blueprint; there are: postgres, replicas, tags"},
		{Pointer: "/replicas", Code: CodeSettings, Message: "must be 9 or less"},
	}
	if diff := cmp.Diff(want, refused(t, in)); diff != "" {
		t.Errorf("of the root (-want +got):\n%s", diff)
	}
	in.Values = map[string]any{"replicas": 9}
	got := refused(t, in)[0]
	if got.Path != "db" || got.Code != CodeSettings || got.Pointer != "/size" ||
		got.Message != "db cannot be made from bp-postgres 1.4.2: its setting /size must be 10 or less. It is set by bp-wordpress 1.3.0." {
		t.Errorf("of a dependency: %+v", got)
	}
	in.Catalog["bp-postgres"] = append(in.Catalog["bp-postgres"], candidate(t, "bp-postgres", "1.4.1", strings.Replace(postgres, "maximum: 10", "maximum: 20", 1)))
	tree := resolved(t, in)
	if db := tree.Root.Depends[0]; db.Version != "1.4.1" || !strings.HasPrefix(db.Reason, "bp-postgres 1.4.2 is passed over. db cannot be made") || len(tree.Notes) != 1 {
		t.Errorf("an older one that fits: %+v, %q", db, tree.Notes)
	}
	in.Values = map[string]any{"replicas": 99}
	in.Catalog["bp-wordpress"] = append(in.Catalog["bp-wordpress"], candidate(t, "bp-wordpress", "1.2.0", strings.Replace(wordpress, "maximum: 9", "maximum: 99", 1)))
	if got := refused(t, in)[0]; got.Pointer != "/replicas" {
		t.Errorf("what a person wrote led to an older version: %+v", got)
	}
}

// A condition that cannot be told is an error with the Blueprint's name, never a silent no.
func TestConditionsThatCannotBeTold(t *testing.T) {
	for _, tc := range []struct{ reason, when, values, want string }{
		{"missing key", "config.postgres.host == 'x'", "", `Whether bp-wordpress 1.3.0 needs db cannot be told: its condition "config.postgres.host == 'x'" asks for the setting postgres.host, which has no value. Tell its author, or give that setting.`},
		{"no bool", "config.replicas", "", "gives int, not true or false"},
		{"a loop", "[1,2,3].all(x, [1,2,3].all(y, x != y))", "", "is not an expression"},
		{"huge output", "'" + strings.Repeat("x", 900) + "' == ''", strings.Repeat("{{ '"+strings.Repeat("x", 900)+"' }}", 80), "more than 65536 characters"},
		{"a passed value without a key", "true", "{{ config.postgres.host }}", "What bp-wordpress 1.3.0 sets in db cannot be told: /databases/0: the expression asks for the setting postgres.host"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			in := blog(t)
			b := *in.Catalog["bp-wordpress"][0].Blueprint
			b.Spec.Depends = append(b.Spec.Depends[:0:0], b.Spec.Depends...)
			b.Spec.Depends[0].When = tc.when
			if tc.values != "" {
				b.Spec.Depends[0].When = "true"
				b.Spec.Depends[0].Values.Value = map[string]any{"databases": []any{tc.values}}
			}
			in.Catalog["bp-wordpress"][0].Blueprint = &b
			got := refused(t, in)[0]
			if got.Code != CodeCondition || !strings.Contains(got.Message, tc.want) || len(got.Message) > 1500 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	b := candidate(t, "bp-wordpress", "1.3.0", wordpress).Blueprint
	if wrong := Check(b); len(wrong) > 0 {
		t.Errorf("the good one: %v", wrong)
	}
	for _, tc := range []struct{ from, to, pointer, want string }{
		{"'embedded' }}", "'embedded' && }}", "/spec/depends/0/when", "is not an expression"},
		{"postgres.mode ==", "mysql.mode ==", "/spec/depends/0/when", "asks for the setting mysql.mode, which is not in configSchema"},
		{"config.replicas * 2", "config.replica * 2", "/spec/depends/0/values", "asks for the setting replica, which is not in configSchema"},
		{".application.name", ".application.id", "/spec/depends/0/values", "asks for application.id"},
	} {
		wrong := Check(candidate(t, "bp-wordpress", "1.3.0", strings.Replace(wordpress, tc.from, tc.to, 1)).Blueprint)
		if len(wrong) != 1 || wrong[0].Pointer != tc.pointer || !strings.Contains(wrong[0].Message, tc.want) {
			t.Errorf("%s: %v", tc.to, wrong)
		}
	}
}
