package gitlayout_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

func files(t interface{ Fatal(...any) }, a gitlayout.Application) map[string][]byte {
	out, err := gitlayout.Files(a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply is a tree after a change.
func apply(tree, change map[string][]byte) map[string][]byte {
	out := maps.Clone(tree)
	for name, content := range change {
		if out[name] = content; content == nil {
			delete(out, name)
		}
	}
	return out
}

func version(t *rapid.T, a gitlayout.Application) gitlayout.Application {
	n := rapid.IntRange(0, 99).Draw(t, "version")
	a.Blueprint.Version, a.Blueprint.Digest = fmt.Sprintf("1.%d.0", n), fmt.Sprintf("sha256:%064d", n)
	a.Blueprint.Insecure = rapid.Bool().Draw(t, "insecure")
	a.Blueprint.MediaType = rapid.SampledFrom([]string{"application/a+gzip", "application/b"}).Draw(t, "media type")
	a.Size = rapid.SampledFrom([]string{"", "small", "no"}).Draw(t, "size")
	a.Dependencies = nil
	for _, alias := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"cache", "db", "on", "my-queue"}), func(s string) string { return s }).Draw(t, "dependencies") {
		a.Dependencies = append(a.Dependencies, gitlayout.Dependency{
			Alias: alias, Blueprint: "bp-" + alias, Application: rapid.SampledFrom([]string{"x", "pg", "null"}).Draw(t, "of"), Owned: rapid.Bool().Draw(t, "owned"),
		})
	}
	slices.SortFunc(a.Dependencies, func(x, y gitlayout.Dependency) int { return strings.Compare(x.Alias, y.Alias) })
	return a
}

// An upgrade leaves the tree that an install of the new version would have made, and reads back as what was asked.
func TestUpgradeIsLikeAnInstall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]gitlayout.Application{shop(), site()}).Draw(t, "engine")
		a, b := version(t, base), version(t, base)
		before, want := files(t, a), files(t, b)
		change, err := gitlayout.Upgrade(before, b)
		if err != nil {
			t.Fatal(err)
		}
		got := apply(before, change)
		for _, name := range []string{"base/dependencies.yaml", "base/dependencies.env"} { // what stays there keeps its place
			if got[name] != nil {
				got[name], want[name] = sorted(got[name]), sorted(want[name])
			}
		}
		if diff := cmp.Diff(asText(want), asText(got)); diff != "" {
			t.Fatalf("(-install +upgrade):\n%s", diff)
		}
		spec, err := gitlayout.ReadApplication(got[gitlayout.ApplicationFile])
		if err != nil || spec.Name != b.Name || spec.Size != b.Size || spec.Pin != (gitlayout.Pin{Name: b.Blueprint.Name, Version: b.Blueprint.Version, Digest: b.Blueprint.Digest}) || !slices.Equal(spec.Dependencies, b.Dependencies) {
			t.Fatalf("read %+v, %v", spec, err)
		}
		if again, err := gitlayout.Upgrade(apply(before, change), b); err != nil || len(again) != 0 {
			t.Fatalf("a second upgrade to the same changes %v, %v", slices.Collect(maps.Keys(again)), err)
		}
	})
}

func sorted(b []byte) []byte {
	lines := strings.SplitAfter(string(b), "\n")
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

func asText(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, b := range files {
		out[name] = string(b)
	}
	return out
}

// What people wrote into the files stays where it is.
func TestUpgradeKeepsWhatPeopleWrote(t *testing.T) {
	a := shop()
	tree := files(t, a)
	replace := func(file, old, now string) {
		t.Helper()
		if !bytes.Contains(tree[file], []byte(old)) {
			t.Fatalf("%s holds no %q", file, old)
		}
		tree[file] = bytes.Replace(tree[file], []byte(old), []byte(now), 1)
	}
	replace("application.yaml", "spec:\n", "spec:\n  rejectedVersions: [1.0.1] # it lost orders\n\n  # ours\n")
	replace("application.yaml", "  placement: {}\n", "  placement:\n    zone: 'a'\n# end")
	replace("base/release.yaml", "  interval: 10m\n", "  interval:   5m # faster\n")
	replace("base/release.yaml", "  install:\n", "    - {kind: ConfigMap, name: extra}\n  # ours\n  install:\n")
	replace("base/kustomization.yaml", "resources:\n", "# more of ours\nresources:\n  - extra.yaml\n")
	b := a
	b.Blueprint.Version, b.Blueprint.Digest, b.Size = "1.1.0", "sha256:"+strings.Repeat("cd", 32), "small"
	b.Dependencies = []gitlayout.Dependency{{Alias: "db", Blueprint: "bp-postgres", Application: "pg"}}
	change, err := gitlayout.Upgrade(tree, b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"application.yaml":        {"  rejectedVersions: [1.0.1] # it lost orders\n\n  # ours\n", "    version: \"1.1.0\"\n", "  size: small\n  dependencies:\n    - alias: db\n      application: pg\n      blueprint: bp-postgres\n", "    zone: 'a'\n# end"},
		"base/release.yaml":       {"  interval:   5m # faster\n", strings.Repeat("cd", 32) + " # 1.1.0\n", "  valuesFrom:\n    - kind: ConfigMap\n      name: shop-dependencies\n", "    - {kind: ConfigMap, name: extra}\n  # ours\n"},
		"base/kustomization.yaml": {"# more of ours\nresources:\n  - extra.yaml\n  - release.yaml\n", "  - name: shop-dependencies\n"},
		"base/dependencies.yaml":  {"catalyst:\n  dependencies:\n    db:\n      application: pg\n      binding: pg-binding\n"},
	} {
		for _, w := range want {
			if !strings.Contains(string(change[name]), w) {
				t.Errorf("%s holds no %q:\n%s", name, w, change[name])
			}
		}
	}
	back, err := gitlayout.Upgrade(apply(tree, change), a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asText(tree), asText(apply(apply(tree, change), back))); diff != "" {
		t.Errorf("there and back again (-was +is):\n%s", diff)
	}
}

func TestUpgradeRefusesWhatItCannotEdit(t *testing.T) {
	for _, tt := range []struct {
		file, content, reason string
	}{
		{"application.yaml", "kind: Nothing\n", "names no Blueprint"},
		{"application.yaml", "kind: Application\nspec: {blueprint: {name: a, version: b}, # x\n  size: c}\n", "comments"},
		{"base/release.yaml", "kind: HelmRelease\n", "0 objects of kind OCIRepository"},
		{"base/release.yaml", "a: [\n", "did not find"},
		{"base/kustomization.yaml", "- a\n", "no mapping"},
		{"base/kustomization.yaml", "", ""},
	} {
		tree := files(t, shop())
		tree[tt.file] = []byte(tt.content)
		b := shop()
		b.Dependencies = []gitlayout.Dependency{{Alias: "db", Blueprint: "bp-postgres", Application: "pg"}}
		b.Size = "small"
		change, err := gitlayout.Upgrade(tree, b)
		var refused *gitlayout.NotEditableError
		if tt.content == "" {
			if err != nil {
				t.Errorf("an empty %s: %v", tt.file, err)
			}
			continue
		}
		if !errors.As(err, &refused) || change != nil || refused.File != tt.file || !strings.Contains(refused.Reason, tt.reason) {
			t.Errorf("%s %q: %v", tt.file, tt.content, err)
		}
	}
	if _, err := gitlayout.Upgrade(files(t, shop()), func() gitlayout.Application { a := shop(); a.Blueprint.Engine = gitlayout.Kustomize; return a }()); err == nil {
		t.Error("a chart became a kustomization")
	}
}

// Pausing changes what Flux does in one Environment, and resuming leaves no trace.
func TestPauseAndResume(t *testing.T) {
	for _, a := range []gitlayout.Application{shop(), site()} {
		tree := files(t, a)
		overlay := "overlays/" + a.EnvType + "/kustomization.yaml"
		for _, variant := range []string{"", "\n# the end\n", "nameSuffix: -x # why\n", "patches:\n# ours\n- path: ours.yaml\n", "\r\n"} {
			old := string(tree[overlay])
			switch {
			case variant == "\r\n":
				old = strings.ReplaceAll(old, "\n", "\r\n")
			case strings.HasPrefix(variant, "patches:") && strings.Contains(old, "patches:\n"):
				old = strings.Replace(old, "patches:\n", variant, 1)
				old = strings.ReplaceAll(old, "\n- path", "\n  - path")
			default:
				old += variant
			}
			before := apply(tree, map[string][]byte{overlay: []byte(old)})
			change, err := gitlayout.SetPaused(before, a.EnvType, true)
			if err != nil || len(change) != 1 || gitlayout.IsPaused(before, a.EnvType) {
				t.Fatalf("%q: %v, %v", variant, change, err)
			}
			paused := apply(before, change)
			if !gitlayout.IsPaused(paused, a.EnvType) || gitlayout.IsPaused(paused, "uat") {
				t.Errorf("%q: it is not paused there, and only there:\n%s", variant, change[overlay])
			}
			if again, err := gitlayout.SetPaused(paused, a.EnvType, true); err != nil || len(again) > 0 {
				t.Errorf("%q: pausing twice: %v, %v", variant, again, err)
			}
			back, err := gitlayout.SetPaused(paused, a.EnvType, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(old, string(back[overlay])); diff != "" {
				t.Errorf("%q: pause and resume left (-was +is):\n%s", variant, diff)
			}
			if variant != "" {
				continue
			}
			for name, o := range renderFiles(t, paused, a) {
				spec, _ := o["spec"].(map[string]any)
				_, suspended := spec["suspend"]
				if inner := strings.HasPrefix(name, "HelmRelease/") || strings.HasPrefix(name, "Kustomization/"); suspended != inner {
					t.Errorf("%s: suspended is %v", name, suspended)
				}
			}
		}
	}
}

func TestPausedByHand(t *testing.T) {
	tree := files(t, shop())
	overlay := "overlays/dev/kustomization.yaml"
	for name, by := range map[string]struct {
		file, text string
		paused     bool
	}{
		"another patch":     {overlay, "patches:\n  - patch: |-\n      kind: HelmRelease\n      metadata: {name: shop}\n      spec: {suspend: true}\n", true},
		"for any target":    {overlay, "patches:\n  - patch: '[{op: replace, path: /spec/suspend, value: true}]'\n", true},
		"of another object": {overlay, "patches:\n  - target: {kind: OCIRepository}\n    patch: '[{op: add, path: /spec/suspend, value: true}]'\n", false},
		"taken back":        {overlay, "patches:\n  - target: {kind: HelmRelease}\n    patch: '[{op: add, path: /spec/suspend, value: false}]'\n", false},
		"no patch":          {overlay, "patches:\n  - patch: '['\n", false},
		"where it is made":  {"base/release.yaml", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			now := maps.Clone(tree)
			if now[by.file] = append(slices.Clone(tree[by.file]), by.text...); by.text == "" {
				now[by.file] = bytes.Replace(tree[by.file], []byte("  releaseName:"), []byte("  suspend: true\n  releaseName:"), 1)
			}
			if got := gitlayout.IsPaused(now, "dev"); got != by.paused {
				t.Errorf("it is taken for paused: %v", got)
			}
			if !by.paused {
				return
			}
			change, err := gitlayout.SetPaused(now, "dev", false)
			var refused *gitlayout.NotEditableError
			if !errors.As(err, &refused) || refused.File != by.file || change != nil {
				t.Errorf("resumed: %v, %v", change, err)
			}
		})
	}
}
