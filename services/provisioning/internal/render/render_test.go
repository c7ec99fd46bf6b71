package render_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/manifest"
	"catalyst.openova.io/services/provisioning/internal/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

// here renders without a process of its own.
type here struct{ render.Flux }

func (h here) Open(context.Context) (manifest.Session, error) { return h, nil }
func (here) Close()                                           {}

// shelf is a registry in memory.
type shelf map[string][]byte

func (s shelf) Payload(_ context.Context, from manifest.Source) ([]byte, error) {
	payload, ok := s[from.Digest]
	if !ok {
		return nil, errors.New("no such artifact")
	}
	return payload, nil
}

// publish packs a Blueprint as it is published and puts what Flux takes of it on the shelf.
func (s shelf) publish(t *testing.T, folder fs.FS) gitlayout.Blueprint {
	t.Helper()
	pack, err := artifact.Pack(folder)
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := artifact.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	meta := pack.Blueprint.Metadata
	if _, err := artifact.Publish(t.Context(), store, artifact.Reference{Repository: "catalog/" + meta.Name, Version: meta.Version}, pack, key, false); err != nil {
		t.Fatal(err)
	}
	desc, err := store.Resolve(t.Context(), meta.Version)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := content.FetchAll(t.Context(), store, desc)
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	mediaType, operation := artifact.PayloadMediaType(pack.Blueprint.Spec.Manifests.Engine)
	if s[pack.Digest.String()], err = content.FetchAll(t.Context(), store, m.Layers[1]); err != nil {
		t.Fatal(err)
	}
	return gitlayout.Blueprint{
		Name: meta.Name, Version: meta.Version, Digest: pack.Digest.String(), Repository: "oci://registry.test/catalog/" + meta.Name,
		Engine: gitlayout.Engine(pack.Blueprint.Spec.Manifests.Engine), MediaType: mediaType, Operation: operation,
	}
}

// changed is a folder in which some files are others.
type changed struct {
	fs.FS
	files map[string]func(string) string
}

func (c changed) ReadFile(name string) ([]byte, error) {
	b, err := fs.ReadFile(c.FS, name)
	if edit := c.files[name]; edit != nil && err == nil {
		b = []byte(edit(string(b)))
	}
	return b, err
}

func blueprint(name string) fs.FS { return os.DirFS(filepath.Join("../../../../blueprints", name)) }

func tree(t *testing.T, b gitlayout.Blueprint, values map[string]any) map[string][]byte {
	t.Helper()
	files, err := gitlayout.Files(gitlayout.Application{
		Name: "shop", Organization: "acme", Environment: "acme-dev", EnvType: "dev", Blueprint: b, Values: values,
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func preview(t *testing.T, s shelf, before, after map[string][]byte) manifest.Preview {
	t.Helper()
	p, err := (&manifest.Renders{Renderer: here{}, Blueprints: s}).Preview(t.Context(), manifest.Request{
		Organization: "acme", Environment: "acme-dev", EnvType: "dev", Application: "shop", Before: before, After: after,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const noCluster = "there is no cluster to ask, so what runs now is not compared"

// golden compares a preview with what a person has read and found right.
func golden(t *testing.T, name string, p manifest.Preview, digests ...string) {
	t.Helper()
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "=== %s %s %s %s/%s\n%s", c.Action, c.APIVersion, c.Kind, c.Namespace, c.Name, c.Diff)
	}
	if p.Incomplete != noCluster {
		fmt.Fprintf(&b, "=== incomplete: %s\n", p.Incomplete)
	}
	text := b.String()
	for i, d := range digests {
		text = strings.ReplaceAll(text, d, fmt.Sprintf("sha256:%d", i+1))
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestPreviewOfPodinfo(t *testing.T) {
	s := shelf{}
	one := s.publish(t, blueprint("bp-podinfo"))
	version := func(text string) string { return strings.Replace(text, "version: 1.0.0", "version: 1.1.0", 1) }
	two := s.publish(t, changed{blueprint("bp-podinfo"), map[string]func(string) string{
		"blueprint.yaml": version,
		"chart/Chart.yaml": func(text string) string {
			return strings.Replace(version(text), "appVersion: 6.9.2", "appVersion: 6.10.0", 1)
		},
		"chart/templates/networkpolicy.yaml": func(string) string { return "" },
	}})
	values := map[string]any{"replicas": int64(2), "message": "Hello"}
	installed := tree(t, one, values)
	golden(t, "podinfo-install", preview(t, s, nil, installed), one.Digest, two.Digest)
	golden(t, "podinfo-setting", preview(t, s, installed, tree(t, one, map[string]any{"replicas": int64(1), "message": "Hello"})), one.Digest, two.Digest)
	golden(t, "podinfo-upgrade", preview(t, s, installed, tree(t, two, values)), one.Digest, two.Digest)
}

func TestPreviewOfStaticSite(t *testing.T) {
	s := shelf{}
	one := s.publish(t, blueprint("bp-static-site"))
	two := s.publish(t, changed{blueprint("bp-static-site"), map[string]func(string) string{
		"blueprint.yaml":            func(text string) string { return strings.Replace(text, "version: 1.0.0", "version: 1.1.0", 1) },
		"kustomize/deployment.yaml": func(text string) string { return strings.Replace(text, "1.27.2-alpine3.20", "1.29.0-alpine3.22", 1) },
	}})
	values := map[string]any{"title": "Shop", "replicas": int64(2)}
	installed := tree(t, one, values)
	golden(t, "static-site-install", preview(t, s, nil, installed), one.Digest, two.Digest)
	golden(t, "static-site-setting", preview(t, s, installed, tree(t, one, map[string]any{"title": "Shop", "replicas": int64(3)})), one.Digest, two.Digest)
	golden(t, "static-site-upgrade", preview(t, s, installed, tree(t, two, values)), one.Digest, two.Digest)
}

func TestNothingChangesOrEverythingGoes(t *testing.T) {
	s := shelf{}
	installed := tree(t, s.publish(t, blueprint("bp-podinfo")), map[string]any{"replicas": int64(2)})
	same := maps.Clone(installed)
	same["README.md"] = []byte("another text")
	gone := map[string][]byte{"README.md": []byte("gone")}
	for _, tc := range []struct {
		reason        string
		before, after map[string][]byte
		want          manifest.Action
	}{
		{"the same tree", installed, installed, manifest.None},
		{"what Flux does not read", installed, same, manifest.None},
		{"it was uninstalled", installed, gone, manifest.Delete},
		{"it is brought back", gone, installed, manifest.Create},
	} {
		p := preview(t, s, tc.before, tc.after)
		if len(p.Changes) < 8 || p.Incomplete != noCluster {
			t.Errorf("%s: %d changes, %q", tc.reason, len(p.Changes), p.Incomplete)
		}
		for _, c := range p.Changes {
			if c.Action != tc.want || (c.Action == manifest.None) != (c.Diff == "") {
				t.Errorf("%s: %s %s: %s\n%s", tc.reason, c.Kind, c.Name, c.Action, c.Diff)
			}
		}
	}
}

// A paused release is left as it runs, whatever Git says of it.
func TestPausedReleaseIsLeft(t *testing.T) {
	s := shelf{}
	b := s.publish(t, blueprint("bp-podinfo"))
	installed := tree(t, b, map[string]any{"replicas": int64(2)})
	paused := tree(t, b, map[string]any{"replicas": int64(5)})
	paused["base/release.yaml"] = []byte(strings.Replace(string(paused["base/release.yaml"]), "kind: HelmRelease\nmetadata:\n  name: shop\nspec:\n", "kind: HelmRelease\nmetadata:\n  name: shop\nspec:\n  suspend: true\n", 1))
	for _, c := range preview(t, s, installed, paused).Changes {
		want := manifest.None
		if c.Kind == "HelmRelease" || c.Name == "shop-values-overlay" {
			want = manifest.Update
		}
		if c.Action != want {
			t.Errorf("%s %s: %s, want %s", c.Kind, c.Name, c.Action, want)
		}
	}
}

func tarball(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for name, b := range files {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(b))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
