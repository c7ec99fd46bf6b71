package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// registry serves what is in a store, as registries do.
func registry(t *testing.T, store *memory.Store, known map[string]ocispec.Descriptor) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		ref := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		desc, ok := known[ref]
		if !ok {
			var err error
			if desc, err = store.Resolve(r.Context(), ref); err != nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
		}
		b, err := content.FetchAll(r.Context(), store, desc)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", desc.MediaType)
		w.Header().Set("Docker-Content-Digest", desc.Digest.String())
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(b) // the client may have gone
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func TestPayload(t *testing.T) {
	pack, err := artifact.Pack(os.DirFS("../../../../blueprints/bp-static-site"))
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := artifact.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	ref := artifact.Reference{Repository: "catalog/bp-static-site", Version: pack.Blueprint.Metadata.Version}
	if _, err := artifact.Publish(t.Context(), store, ref, pack, key, false); err != nil {
		t.Fatal(err)
	}
	known := map[string]ocispec.Descriptor{}
	collect(t, store, ref.Version, known)
	collect(t, store, artifact.SignatureTag(pack.Digest), known)
	url, asked := registry(t, store, known)
	keys := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(keys, public, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New(url, keys)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(url, "http://")
	good := manifest.Source{URL: "oci://" + host + "/catalog/bp-static-site", Digest: pack.Digest.String(), MediaType: artifact.KustomizeMediaType}
	payload, err := b.Payload(t.Context(), good)
	if err != nil || !bytes.HasPrefix(payload, []byte{0x1f, 0x8b}) {
		t.Fatalf("%d bytes, %v", len(payload), err)
	}
	before := asked.Load()
	if again, err := b.Payload(t.Context(), good); err != nil || !bytes.Equal(again, payload) || asked.Load() != before {
		t.Errorf("it was fetched again (%d requests): %v", asked.Load()-before, err)
	}
	for want, s := range map[string]manifest.Source{
		"not this Sovereign's registry": {URL: "oci://127.0.0.1:1/catalog/bp-static-site", Digest: good.Digest, MediaType: good.MediaType},
		"not a digest":                  {URL: good.URL, Digest: "1.0.0", MediaType: good.MediaType},
		"has no layer":                  {URL: good.URL, Digest: good.Digest, MediaType: artifact.HelmMediaType},
		"is not signed":                 {URL: good.URL, Digest: "sha256:" + strings.Repeat("0", 64), MediaType: good.MediaType},
		"registry (":                    {URL: "https://" + host + "/catalog/bp-static-site", Digest: good.Digest, MediaType: good.MediaType},
	} {
		if _, err := b.Payload(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	_, other, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, other, 0o600); err != nil {
		t.Fatal(err)
	}
	untrusted, err := New(url, keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := untrusted.Payload(t.Context(), good); err == nil || !strings.Contains(err.Error(), "does not trust") {
		t.Errorf("a key that nobody trusts: %v", err)
	}
}

// collect lists a manifest and all that it names, by digest.
func collect(t *testing.T, store *memory.Store, tag string, known map[string]ocispec.Descriptor) {
	t.Helper()
	desc, err := store.Resolve(t.Context(), tag)
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
	for _, d := range append(m.Layers, desc, m.Config) {
		known[d.Digest.String()] = d
	}
}

func TestCacheIsBounded(t *testing.T) {
	b := &Blueprints{cached: map[manifest.Source][]byte{}}
	for i := range 20 {
		b.keep(manifest.Source{Digest: fmt.Sprint(i)}, make([]byte, 4<<20))
	}
	if _, ok := b.kept(manifest.Source{Digest: "19"}); !ok || len(b.cached) != 4 || b.size > maxCache || len(b.order) != 4 {
		t.Errorf("%d kept, %d bytes", len(b.cached), b.size)
	}
	if _, ok := b.kept(manifest.Source{Digest: "0"}); ok {
		t.Error("the oldest is still there")
	}
}
