package registry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/provisioning/internal/check"
	"catalyst.openova.io/services/provisioning/internal/registry"
)

// serve is a registry of what is in a store, below its tags.
func serve(t *testing.T, store *memory.Store, tags ...string) *httptest.Server {
	t.Helper()
	known := map[string]ocispec.Descriptor{}
	var collect func(d ocispec.Descriptor)
	collect = func(d ocispec.Descriptor) {
		known[d.Digest.String()] = d
		next, err := content.Successors(context.Background(), store, d)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range next {
			collect(n)
		}
	}
	for _, tag := range tags {
		d, err := store.Resolve(t.Context(), tag)
		if err != nil {
			t.Fatal(err)
		}
		known[tag] = d
		collect(d)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, ok := known[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
		if !ok || !strings.HasPrefix(r.URL.Path, "/v2/catalog/bp-static-site/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		b, err := content.FetchAll(r.Context(), store, d)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", d.MediaType)
		w.Header().Set("Docker-Content-Digest", d.Digest.String())
		_, _ = w.Write(b) // the client may have gone
	}))
	t.Cleanup(srv.Close)
	return srv
}

// What was signed is believed, what was not or is not there is refused with the reason, and a registry that does not
// answer refuses nothing.
func TestBlueprint(t *testing.T) {
	pack, err := artifact.Pack(os.DirFS("../../../../blueprints/bp-static-site"))
	if err != nil {
		t.Fatal(err)
	}
	version := pack.Blueprint.Metadata.Version
	private, public, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := artifact.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	if _, err := artifact.Publish(t.Context(), store, artifact.Reference{Repository: "catalog/bp-static-site", Version: version}, pack, key, false); err != nil {
		t.Fatal(err)
	}
	srv := serve(t, store, version, artifact.SignatureTag(pack.Digest))
	file := func(content []byte) string {
		name := filepath.Join(t.TempDir(), "keys.pem")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ask := func(keys, name, version string) (string, error) {
		t.Helper()
		b, err := registry.New(srv.URL, "catalog", keys)
		if err != nil {
			t.Fatal(err)
		}
		doc, digest, err := b.Blueprint(t.Context(), name, version)
		if err == nil && doc.Metadata.Name != name {
			t.Errorf("it is %s", doc.Metadata.Name)
		}
		if _, _, again := b.Blueprint(t.Context(), name, version); (again == nil) != (err == nil) {
			t.Errorf("%s %s: first %v, then %v", name, version, err, again)
		}
		return digest, err
	}
	if digest, err := ask(file(public), "bp-static-site", version); err != nil || digest != pack.Digest.String() {
		t.Errorf("%s, %v", digest, err)
	}
	for _, tt := range []struct{ keys, name, version, reason string }{
		{file(public), "bp-static-site", "9.9.9", "holds no Blueprint"}, {file(public), "bp-other", version, "holds no Blueprint"}, {file(public), "../x", version, "no name"},
		{file(public), "bp-static-site", "not a tag", "holds no Blueprint"}, {file(other), "bp-static-site", version, "cannot be installed"},
	} {
		_, err := ask(tt.keys, tt.name, tt.version)
		var refused *check.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, tt.reason) {
			t.Errorf("%s %s: %v", tt.name, tt.version, err)
		}
	}
	srv.Close()
	_, err = ask(file(public), "bp-static-site", version)
	var refused *check.RefusedError
	if err == nil || errors.As(err, &refused) {
		t.Errorf("a registry that is down: %v", err)
	}
}
