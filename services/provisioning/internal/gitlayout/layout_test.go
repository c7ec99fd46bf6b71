package gitlayout_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

var update = flag.Bool("update", false, "write the golden files")

func shop() gitlayout.Application {
	return gitlayout.Application{
		Name: "shop", Organization: "acme", Environment: "acme-dev", EnvType: "dev",
		Blueprint: gitlayout.Blueprint{
			Name: "bp-podinfo", Version: "1.0.0", Digest: "sha256:" + strings.Repeat("ab", 32), Repository: "oci://127.0.0.1:7091/catalog/bp-podinfo",
			Insecure: true, Engine: gitlayout.Helm, MediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", Operation: "copy",
			Settings: []gitlayout.Setting{
				{Name: "replicas", Title: "Replicas", Description: "How many copies run."}, {Name: "message", Title: "Message"},
				{Name: "color", Title: "Colour", Description: `The background, such as "#34577c".`},
				{Name: "debug", Description: "Say more."}, {Name: "resources", Title: "Resources"}, {Name: "hosts"},
			},
		},
		Values: map[string]any{
			"replicas": int64(2), "message": "Hello: from Catalyst", "color": "#34577c", "debug": false,
			"resources": map[string]any{"cpu": "100m", "memory": map[string]any{"limit": "1Gi"}}, "hosts": []any{"a.example", map[string]any{"name": "b", "port": int64(80)}},
		},
	}
}

func site() gitlayout.Application {
	a := shop()
	a.Name, a.Environment, a.EnvType = "site", "acme-prod", "prod"
	a.Blueprint.Name, a.Blueprint.Engine, a.Blueprint.Repository = "bp-static-site", gitlayout.Kustomize, "oci://127.0.0.1:7091/catalog/bp-static-site"
	a.Blueprint.MediaType, a.Blueprint.Operation, a.Blueprint.Insecure = "application/vnd.cncf.flux.content.v1.tar+gzip", "extract", false
	a.Values = map[string]any{"replicas": int64(3), "message": "It's 5 o'clock: hello", "debug": true}
	return a
}

// The golden folders are what a person sees in a new repository.
func TestFilesAreGolden(t *testing.T) {
	for dir, a := range map[string]gitlayout.Application{"helm": shop(), "kustomize": site()} {
		files, err := gitlayout.Files(a)
		if err != nil {
			t.Fatal(err)
		}
		files["TOMBSTONE.md"] = gitlayout.Tombstone(a.Name, a.Organization)
		golden(t, filepath.Join("testdata", dir), files)
	}
}

func golden(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			p := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, want := map[string]string{}, map[string]string{}
	for name, content := range files {
		got[name] = string(content)
	}
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		want[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs; look, then run with -update (-want +got):\n%s", dir, diff)
	}
}

// Kustomize is what Flux runs on the repository. The render must hold what Flux needs, and the settings byte for byte.
func TestKustomizeRendersThem(t *testing.T) {
	for _, a := range []gitlayout.Application{shop(), site()} {
		a.Dependencies = []gitlayout.Dependency{{Alias: "my-db", Blueprint: "bp-postgres", Application: "pg"}}
		objects := render(t, a)
		data := objects["ConfigMap/"+a.Name+"-dependencies"]["data"]
		if fmt.Sprint(data) != map[gitlayout.Engine]string{
			gitlayout.Helm:      "map[values.yaml:# On which Applications it stands, for the manifests of its Blueprint. It follows from application.yaml.\ncatalyst:\n  dependencies:\n    my-db:\n      application: pg\n      binding: pg-binding\n]",
			gitlayout.Kustomize: "map[dependency_my_db:pg]",
		}[a.Blueprint.Engine] {
			t.Errorf("dependencies of %s: %v", a.Name, data)
		}
		want := []string{"ConfigMap/" + a.Name + "-values", "ConfigMap/" + a.Name + "-values-overlay", "ConfigMap/" + a.Name + "-dependencies", "OCIRepository/" + a.Name}
		if a.Blueprint.Engine == gitlayout.Helm {
			want = append(want, "HelmRelease/"+a.Name)
		} else {
			want = append(want, "Kustomization/"+a.Name+"-blueprint")
			spec := objects["Kustomization/site-blueprint"]["spec"].(map[string]any)
			if spec["targetNamespace"] != "acme-prod" {
				t.Errorf("it would render into %v", spec["targetNamespace"])
			}
			data := objects["ConfigMap/site-values-overlay"]["data"]
			if diff := cmp.Diff(map[string]any{"replicas": "3", "message": "It's 5 o'clock: hello", "debug": "true"}, data); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(objects))); diff != "" {
			t.Errorf("objects of %s (-want +got):\n%s", a.Name, diff)
		}
	}
}

func render(t *testing.T, a gitlayout.Application) map[string]map[string]any {
	t.Helper()
	return renderFiles(t, files(t, a), a)
}

func renderFiles(t *testing.T, files map[string][]byte, a gitlayout.Application) map[string]map[string]any {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := fs.WriteFile("/repo/"+name, content); err != nil {
			t.Fatal(err)
		}
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, "/repo/overlays/"+a.EnvType)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]map[string]any{}
	for _, r := range m.Resources() {
		o, err := r.Map()
		if err != nil {
			t.Fatal(err)
		}
		objects[r.GetKind()+"/"+r.GetName()] = o
		if r.GetKind() == "ConfigMap" && r.GetLabels()["reconcile.fluxcd.io/watch"] != "Enabled" {
			t.Errorf("%s has no label that makes Flux look", r.GetName())
		}
	}
	return objects
}

func TestReadBack(t *testing.T) {
	for _, a := range []gitlayout.Application{shop(), site()} {
		files, err := gitlayout.Files(a)
		if err != nil {
			t.Fatal(err)
		}
		pin, err := gitlayout.ReadPin(files[gitlayout.ApplicationFile])
		if err != nil || pin != (gitlayout.Pin{Name: a.Blueprint.Name, Version: a.Blueprint.Version, Digest: a.Blueprint.Digest}) {
			t.Errorf("pin %+v, %v", pin, err)
		}
		got, err := gitlayout.ReadValues(a.Blueprint.Engine, files[gitlayout.OverlayValues(a.EnvType, a.Blueprint.Engine)], map[string]string{"replicas": "integer", "debug": "boolean"})
		if err != nil || !gitlayout.SameValues(got, a.Values) {
			t.Errorf("values %v, %v", got, err)
		}
	}
}

var hostile = []string{"no", "Yes", "~", "null", "1:30", "0x1f", "1e3", "012", "-", "- a", ": ", "a: b", "#", "a #b", "'", `"`, "\\", "{}", "[", "*a", "&a", "!!int 3", "|", ">", "%", "@", "`", " a ", "",
	"\ttab", "line\nbreak", "\u0085", "\u2028", "\x7f", "\ufeff", "é", "日本", "😀", "<<", "=", "2001-01-01", "+1", ".5", ".inf", "NaN", "y", "on", "---", "...", "a\r\nb", "trailing\\", "${replicas}", "\U0010ffff", "\u00ad"}

func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.StringMatching(`[a-zA-Z0-9:#. -]{0,12}`))
}

func value(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(text(), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64Range(-1<<53+1, 1<<53-1), func(i int64) any { return i }), rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(s []any) any { return s }),
		rapid.Map(rapid.MapOfN(text(), value(depth-1), 0, 3), func(m map[string]any) any { return m }))
}

func values() *rapid.Generator[map[string]any] { return rapid.MapOfN(text(), value(3), 0, 6) }

// Whatever a person types comes back, for the parser that Helm uses.
func TestValuesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := shop()
		a.Values = values().Draw(t, "values")
		files, err := gitlayout.Overlay(a)
		if err != nil {
			t.Fatal(err)
		}
		content := files["overlays/dev/values.yaml"]
		got, err := gitlayout.ReadValues(gitlayout.Helm, content, nil)
		if err != nil || !gitlayout.SameValues(got, a.Values) {
			t.Fatalf("wrote\n%s\nread %#v, %v", content, got, err)
		}
	})
}

// An edit says exactly the new values, whatever stood there, and one that changes nothing changes no byte.
func TestEditSaysTheNewValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := shop(), shop()
		a.Values, b.Values = values().Draw(t, "before"), values().Draw(t, "after")
		for k, v := range a.Values { // some stay
			if rapid.Bool().Draw(t, "keep") {
				b.Values[k] = v
			}
		}
		files, err := gitlayout.Overlay(a)
		if err != nil {
			t.Fatal(err)
		}
		old := files["overlays/dev/values.yaml"]
		edited, err := gitlayout.EditValues(b, old)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := gitlayout.ReadValues(gitlayout.Helm, edited, nil); err != nil || !gitlayout.SameValues(got, b.Values) {
			t.Fatalf("from\n%s\nto\n%s\nread %#v, %v", old, edited, got, err)
		}
		if same, err := gitlayout.EditValues(a, old); err != nil || string(same) != string(old) {
			t.Fatalf("no change, but from\n%s\nto\n%s\n%v", old, same, err)
		}
	})
}

func TestEditKeepsWhatPeopleWrote(t *testing.T) {
	const old = `# Ours. Ask the shop team.

# black friday
replicas: 7   # see the ticket
color: '#34577c'
resources:
    cpu: 100m # measured
    # the limit is a guess
    memory:
        limit: 1Gi
hosts:
- a.example

# keep me
message: >-
  folded
  text
`
	for _, tt := range []struct {
		reason string
		change func(map[string]any)
		want   func(string) string
	}{
		{"nothing", func(map[string]any) {}, func(s string) string { return s }},
		{"a number, with the remark behind it", func(v map[string]any) { v["replicas"] = int64(3) },
			func(s string) string { return strings.Replace(s, "replicas: 7   #", "replicas: 3   #", 1) }},
		{"deep in a mapping", func(v map[string]any) { v["resources"].(map[string]any)["cpu"] = "200m" },
			func(s string) string { return strings.Replace(s, "cpu: 100m", "cpu: 200m", 1) }},
		{"a list", func(v map[string]any) { v["hosts"] = []any{"a.example", "b.example"} },
			func(s string) string { return strings.Replace(s, "- a.example\n", "- a.example\n- b.example\n", 1) }},
		{"gone, with its comment", func(v map[string]any) { delete(v, "message") },
			func(s string) string { return strings.Split(s, "\n# keep me")[0] }},
		{"new ones at the end, with what the Blueprint says", func(v map[string]any) { v["debug"] = true },
			func(s string) string { return s + "# Say more.\ndebug: true\n" }},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			a := shop()
			v, err := gitlayout.ReadValues(gitlayout.Helm, []byte(old), nil)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(v)
			a.Values = v
			got, err := gitlayout.EditValues(a, []byte(old))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want(old), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be edited is left to people, with the reason; it is never written over.
func TestEditOfWhatCannotBeEdited(t *testing.T) {
	for _, tt := range []struct{ old, reason string }{
		{"- a\n", "no mapping"},
		{"base: &b\n  x: 1\nresources:\n  <<: *b\n  cpu: 1\n", "without changing something else"},
		{"? replicas\n: 1\n", "without changing something else"},
		{"\xff", "UTF-8"},
		{"a: 1\na: 2\n", "already set"},
		{"replicas: {a: 1, # why\n  b: 2}\n", "comments between"},
		{"a: 1\n---\nb: 2\n", "more than one document"},
		{"# {}\n" + strings.Repeat("#", 256<<10), "at most"},
		{"just text\n", "no mapping"},
		{"? [a, b]\n: 1\n", ""},
	} {
		a := shop()
		got, err := gitlayout.EditValues(a, []byte(tt.old))
		var refused *gitlayout.NotEditableError
		if !errors.As(err, &refused) || got != nil || !strings.Contains(refused.Reason, tt.reason) || refused.File != "overlays/dev/values.yaml" {
			t.Errorf("%.40q: %v\n%s", tt.old, err, got)
		}
	}
}

// What a parser reads and people rarely write is edited where that says what was asked, with what else stands there.
func TestEditOfUnusualFiles(t *testing.T) {
	for _, old := range []string{"", "{}\n", "# ours\n{}\n# more\n", "# ours\n", "{replicas: 2,\nmessage: x}\n", "replicas: [1,\n2]\n", "---\nreplicas: 1\n", "replicas: 1", "\ufeffreplicas: 1\r\nhosts:\r\n- x\r\n",
		"replicas:\n", "\"replicas\": 1\n'debug': true # yes\n", "hosts:\n-\n  name: x\n- - a\n  - b\n", "message: |+\n  a\n\n\ndebug: true\n", "replicas: 1\n...\n"} {
		a := shop()
		got, err := gitlayout.EditValues(a, []byte(old))
		if err != nil {
			t.Errorf("%q: %v", old, err)
			continue
		}
		if v, err := gitlayout.ReadValues(gitlayout.Helm, got, nil); err != nil || !gitlayout.SameValues(v, a.Values) {
			t.Errorf("from %q: %v\n%s", old, err, got)
		}
		for line := range strings.Lines(old) {
			if strings.HasPrefix(line, "#") && !strings.Contains(string(got), line) {
				t.Errorf("from %q: the comment %q is lost\n%s", old, line, got)
			}
		}
	}
}

func TestEditEnv(t *testing.T) {
	a := site()
	a.Values = map[string]any{"replicas": int64(5), "debug": true}
	got, err := gitlayout.EditValues(a, []byte("# mine\nreplicas=1\n\n# Message\nmessage=gone\n# extra\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("# mine\nreplicas=5\n\n# extra\n# Say more.\ndebug=true\n", string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []any{"two\nlines", []any{"a"}, map[string]any{}} {
		a.Values = map[string]any{"message": bad}
		if _, err := gitlayout.Overlay(a); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
}

func TestTombstone(t *testing.T) {
	files, err := gitlayout.Files(shop())
	if err != nil {
		t.Fatal(err)
	}
	if gitlayout.IsTombstone(files[gitlayout.ReadmeFile]) || !gitlayout.IsTombstone(gitlayout.Tombstone("shop", "acme")) {
		t.Error("a tombstone is not told from a README")
	}
}

func TestEveryFileIsYAML(t *testing.T) {
	for _, a := range []gitlayout.Application{shop(), site()} {
		files, err := gitlayout.Files(a)
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if !strings.HasSuffix(name, ".yaml") {
				continue
			}
			for _, doc := range strings.Split(string(content), "\n---\n") {
				var v map[string]any
				if err := yaml.UnmarshalStrict([]byte(doc), &v); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}
