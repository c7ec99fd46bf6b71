package check_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/services/provisioning/internal/check"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

const digest = "sha256:abababababababababababababababababababababababababababababababab"

func blueprintOf(t testing.TB, name string) *blueprint.Blueprint {
	t.Helper()
	doc, err := os.ReadFile("../../../../blueprints/" + name + "/blueprint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := blueprint.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// installed is what the form makes of a Blueprint, and what it is compared with.
func installed(t testing.TB, name string, dependencies ...string) (check.Tree, check.Known) {
	t.Helper()
	doc := blueprintOf(t, name)
	values := map[string]any{"replicas": int64(2)}
	a := gitlayout.Application{
		Name: "shop", Organization: "acme", Environment: "acme-dev", EnvType: "dev", Values: values,
		Blueprint: gitlayout.Blueprint{
			Name: doc.Metadata.Name, Version: doc.Metadata.Version, Digest: digest, Repository: "oci://r/catalog/" + name, Engine: gitlayout.Engine(doc.Spec.Manifests.Engine), MediaType: "m", Operation: "copy",
		},
	}
	k := check.Known{Blueprint: doc, Digest: digest, Applications: map[string]bool{}}
	for _, d := range dependencies {
		a.Dependencies = append(a.Dependencies, gitlayout.Dependency{Alias: d, Blueprint: "bp-x", Application: d})
		k.Applications[d] = true
	}
	files, err := gitlayout.Files(a)
	if err != nil {
		t.Fatal(err)
	}
	return check.Tree{Application: "shop", EnvType: "dev", Files: files, Other: map[string]bool{}}, k
}

func TestWhatTheFormMakesIsRight(t *testing.T) {
	for _, name := range []string{"bp-podinfo", "bp-static-site"} {
		tree, k := installed(t, name, "db", "cache")
		if got := check.Check(tree, k); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
		paused, err := gitlayout.SetPaused(tree.Files, "dev", true)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(tree.Files, paused)
		if got := check.Check(tree, k); len(got) > 0 {
			t.Errorf("%s, paused: %v", name, got)
		}
	}
}

func TestWhatPeopleGetWrong(t *testing.T) {
	const values, overlay = "overlays/dev/values.yaml", "overlays/dev/kustomization.yaml"
	type found struct {
		code          check.Code
		file, pointer string
		line          int
		message       string
	}
	for _, tt := range []struct {
		reason, file, old, now string
		want                   found
	}{
		{"no YAML", "application.yaml", "spec:", "spec: [", found{check.CodeUnreadable, "application.yaml", "", 7, "did not find"}},
		{"no Blueprint", "application.yaml", "kind: Application", "kind: Nothing", found{check.CodeUnreadable, "application.yaml", "", 0, "names no Blueprint"}},
		{"another name", "application.yaml", "name: shop", "name: cart", found{check.CodeWrongName, "application.yaml", "/metadata/name", 4, "cart"}},
		{"another digest", "application.yaml", "sha256:ab", "sha256:cd", found{check.CodeWrongDigest, "application.yaml", "/spec/blueprint/digest", 10, "bp-podinfo"}},
		{"runs something else", "base/release.yaml", "digest: sha256:ab", "digest: sha256:cd", found{check.CodeWrongDigest, "base/release.yaml", "/spec/ref/digest", 10, "another digest"}},
		{"no such dependency", "application.yaml", "application: db", "application: nope", found{check.CodeDependencyMissing, "application.yaml", "/spec/dependencies/0/application", 12, `"nope"`}},
		{"a wrong type", values, "replicas: 2", "\nreplicas: many", found{check.CodeInvalidValues, values, "/replicas", 3, "whole number"}},
		{"a setting that is none", values, "replicas: 2", "replica: 2", found{check.CodeInvalidValues, values, "/replica", 2, "not a setting"}},
		{"wrong for every Environment", "base/values.yaml", "{}", "color: blue", found{check.CodeInvalidValues, "base/values.yaml", "/color", 2, "colour"}},
		{"values that are no YAML", values, "replicas: 2", "password: 'hunter2\n", found{check.CodeUnreadable, values, "", 0, ""}},
		{"twice", values, "replicas: 2", "replicas: 2\nreplicas: 3", found{check.CodeUnreadable, values, "", 3, "already set"}},
		{"a token", values, "replicas: 2", "message: ghp_" + strings.Repeat("aB3d", 9), found{check.CodePlainSecret, values, "/message", 2, "GitHub"}},
		{"a Secret", "base/release.yaml", "---", "---\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: hunter2\n---", found{check.CodePlainSecret, "base/release.yaml", "", 21, "password"}},
		{"a remote base", overlay, "../../base", "https://evil.example/base", found{check.CodeOutside, overlay, "/resources", 4, "outside"}},
		{"a remote base after ours", overlay, "  - ../../base", "  - ../../base\n  - github.com/evil/base?ref=main", found{check.CodeOutside, overlay, "/resources", 5, "outside"}},
		{"up and out", overlay, "../../base", "../../../other/base", found{check.CodeOutside, overlay, "/resources", 4, "outside"}},
		{"a chart", "base/kustomization.yaml", "resources:", "helmCharts:\n  - name: x\nresources:", found{check.CodeOutside, "base/kustomization.yaml", "/helmCharts", 3, "helmCharts"}},
		{"a file that is missing", overlay, "files: [values.yaml]", "files: [value.yaml]", found{check.CodeMissingFile, overlay, "/configMapGenerator", 7, "value.yaml"}},
		{"a generated Secret", overlay, "configMapGenerator:", "secretGenerator:\n  - name: x\n    literals: [password=hunter2]\nconfigMapGenerator:", found{check.CodePlainSecret, overlay, "", 7, "password"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			tree, k := installed(t, "bp-podinfo", "db")
			if !bytes.Contains(tree.Files[tt.file], []byte(tt.old)) {
				t.Fatalf("%s holds no %q", tt.file, tt.old)
			}
			tree.Files[tt.file] = bytes.Replace(tree.Files[tt.file], []byte(tt.old), []byte(tt.now), 1)
			all := check.Check(tree, k)
			i := slices.IndexFunc(all, func(p check.Problem) bool {
				return p.Code == tt.want.code && p.File == tt.want.file && p.Pointer == tt.want.pointer && (tt.want.line == 0 || p.Line == tt.want.line) && strings.Contains(p.Message, tt.want.message)
			})
			if i < 0 {
				t.Errorf("found %+v", all)
			}
			if strings.Contains(fmt.Sprint(all), "hunter2") || strings.Contains(fmt.Sprint(all), "ghp_") {
				t.Errorf("a value is told: %v", all)
			}
		})
	}
}

func TestWhatIsMissing(t *testing.T) {
	tree, k := installed(t, "bp-podinfo")
	for name := range tree.Files {
		if strings.HasSuffix(name, ".md") || name == "CODEOWNERS" {
			continue
		}
		without := tree
		without.Files = maps.Clone(tree.Files)
		delete(without.Files, name)
		if got := check.Check(without, k); len(got) == 0 {
			t.Errorf("nobody misses %s", name)
		}
	}
	tree.Links = []string{"base/link"}
	if got := check.Check(tree, k); len(got) != 1 || got[0].Code != check.CodeOutside {
		t.Errorf("a link: %v", got)
	}
	k = check.Known{Refused: "the catalog holds no Blueprint bp-podinfo 9.9.9."}
	tree.Links = nil
	got := check.Check(tree, k)
	if len(got) != 1 || got[0].Code != check.CodeBlueprintRefused || got[0].String() != "application.yaml line 9, spec.blueprint: the catalog holds no Blueprint bp-podinfo 9.9.9" {
		t.Errorf("a Blueprint that is not there: %v", got)
	}
}

// Whatever is pushed, the check ends soon, says the same each time, and tells no secret.
func TestCheckOfAnything(t *testing.T) {
	tree, k := installed(t, "bp-podinfo", "db")
	names := slices.Sorted(maps.Keys(tree.Files))
	rapid.Check(t, func(t *rapid.T) {
		broken := tree
		broken.Files = maps.Clone(tree.Files)
		name := rapid.SampledFrom(names).Draw(t, "file")
		content := string(tree.Files[name])
		at := rapid.IntRange(0, len(content)).Draw(t, "at")
		broken.Files[name] = []byte(content[:at] + rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"\npassword: hunter2\n", "&a *a", "[[[[", "{a: {b: ", "\n---\n", "kind: Secret\ndata: {a: hunter2}", "x: &x [*x, *x]", "? ", "!!binary hunter2", "\t", "<<: *x", "'hunter2", "hunter2: [", "- \"hunter2",
		})).Draw(t, "text") + content[rapid.IntRange(at, len(content)).Draw(t, "on"):])
		began := time.Now()
		first, again := check.Check(broken, k), check.Check(broken, k)
		if time.Since(began) > 20*time.Second {
			t.Fatalf("it took %v", time.Since(began))
		}
		if !slices.Equal(first, again) {
			t.Fatalf("it is not the same: %v and %v", first, again)
		}
		for _, p := range first {
			if strings.Contains(p.Message, "hunter2") && !strings.Contains(p.Message, "is not a setting") {
				t.Fatalf("a value is told: %+v", p)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	tree, k := installed(f, "bp-podinfo", "db")
	for i, name := range slices.Sorted(maps.Keys(tree.Files)) {
		f.Add(i, tree.Files[name])
	}
	names := slices.Sorted(maps.Keys(tree.Files))
	f.Fuzz(func(_ *testing.T, i int, content []byte) {
		broken := tree
		broken.Files = maps.Clone(tree.Files)
		broken.Files[names[max(i, -(i+1))%len(names)]] = content
		check.Check(broken, k)
	})
}
