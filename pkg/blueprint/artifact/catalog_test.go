package artifact

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"catalyst.openova.io/pkg/blueprint"
)

// Every Blueprint of the public catalog packs, and what it falls back to without settings is what its schema says.
func TestPublicCatalog(t *testing.T) {
	folders, err := filepath.Glob("../../../blueprints/bp-*")
	if err != nil || len(folders) < 2 {
		t.Fatalf("blueprints: %v, %v", folders, err)
	}
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := mustPack(t, os.DirFS(dir))
			if p.Blueprint.Metadata.Name != filepath.Base(dir) {
				t.Errorf("is named %s", p.Blueprint.Metadata.Name)
			}
			defaults, wrong := p.Blueprint.Settings(nil)
			if len(wrong) > 0 {
				t.Fatalf("cannot be installed as it is: %v", wrong)
			}
			payload := filepath.Join(dir, p.Blueprint.Spec.Manifests.Path)
			if p.Blueprint.Spec.Manifests.Engine == blueprint.Helm {
				checkChartDefaults(t, payload, defaults)
			} else {
				checkVariables(t, payload, defaults)
			}
		})
	}
}

func checkChartDefaults(t *testing.T, payload string, defaults map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(payload, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		t.Fatal(err)
	}
	b := blueprint.Blueprint{}
	same, _ := b.Settings(values) // numbers as settings have them
	if diff := cmp.Diff(defaults, same); diff != "" {
		t.Errorf("values.yaml is not what configSchema says (-schema +chart):\n%s", diff)
	}
}

var variable = regexp.MustCompile(`\$\{([^}:]*)(?::=([^}]*))?\}`)

// Each variable is a setting (or the Application's name), and falls back to that setting's default.
func checkVariables(t *testing.T, payload string, defaults map[string]any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(payload, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"application": true}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range variable.FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
			if m[1] == "application" {
				continue
			}
			want, err := yaml.Marshal(defaults[m[1]])
			if err != nil {
				t.Fatal(err)
			}
			var text any
			if err := yaml.Unmarshal(want, &text); err != nil || m[2] == "" || toText(text) != m[2] {
				t.Errorf("%s: ${%s} falls back to %q, its schema says %v", f, m[1], m[2], text)
			}
		}
	}
	for name := range defaults {
		if !used[name] {
			t.Errorf("the setting %s is not used", name)
		}
	}
}

func toText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw[:len(raw)-1])
}

// Nothing that could leave its place in a manifest or a page passes the settings of the static site.
func TestStaticSiteRefusesInjection(t *testing.T) {
	b := mustPack(t, os.DirFS("../../../blueprints/bp-static-site")).Blueprint
	for _, bad := range []string{"a\nb: c", `a"b`, `a\b`, "<script>", "a & b", "${replicas}", "$x", "{{ x }}", "a`b", " a", "-", "", "- a", "a\u2028b", "a #b", "a|b", "a%b"} {
		for _, name := range []string{"title", "message", "accent"} {
			if _, wrong := b.Settings(map[string]any{name: bad}); len(wrong) == 0 {
				t.Errorf("%s accepts %q", name, bad)
			}
		}
	}
	for _, good := range []string{"It's here: news!", "Zürich 2026 (a+b)", "日本語"} {
		if _, wrong := b.Settings(map[string]any{"title": good, "message": good}); len(wrong) > 0 {
			t.Errorf("refuses %q: %v", good, wrong)
		}
	}
}
