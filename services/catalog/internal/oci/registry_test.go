package oci

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"catalyst.openova.io/pkg/blueprint/artifact"
)

// fakeRegistry is as much of an OCI registry as a Source talks to.
type fakeRegistry struct {
	*httptest.Server
	mu        sync.Mutex
	manifests map[string][]byte // repository "@" digest
	tags      map[string]string // repository ":" tag -> digest
	blobs     map[string][]byte // digest
	down      bool
	unlisted  map[string]bool
	reads     int
}

func newRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	r := &fakeRegistry{manifests: map[string][]byte{}, tags: map[string]string{}, blobs: map[string][]byte{}, unlisted: map[string]bool{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *fakeRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p := strings.TrimPrefix(req.URL.Path, "/v2/")
	switch {
	case p == "_catalog":
		r.list(w, "", func(key string) string {
			repo, _, _ := strings.Cut(key, ":")
			if r.unlisted[repo] {
				return ""
			}
			return repo
		}, "repositories")
	case strings.HasSuffix(p, "/tags/list"):
		repo := strings.TrimSuffix(p, "/tags/list")
		r.list(w, repo, func(key string) string {
			tag, ok := strings.CutPrefix(key, repo+":")
			if !ok {
				return ""
			}
			return tag
		}, "tags")
	case strings.Contains(p, "/manifests/"):
		repo, ref, _ := strings.Cut(p, "/manifests/")
		r.manifest(w, req, repo, ref)
	case strings.HasSuffix(p, "/blobs/uploads/"):
		w.Header().Set("Location", "/v2/"+strings.TrimSuffix(p, "uploads/")+"upload")
		w.WriteHeader(http.StatusAccepted)
	case strings.HasSuffix(p, "/blobs/upload"):
		r.blobs[req.URL.Query().Get("digest")], _ = io.ReadAll(req.Body)
		w.WriteHeader(http.StatusCreated)
	default:
		_, d, _ := strings.Cut(p, "/blobs/")
		answer(w, req, "application/octet-stream", d, r.blobs[d])
	}
}

func (r *fakeRegistry) list(w http.ResponseWriter, repo string, pick func(string) string, field string) {
	seen := map[string]bool{}
	var names []string
	for key := range r.tags {
		if n := pick(key); n != "" && !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	if repo != "" && len(names) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{field: names})
}

func (r *fakeRegistry) manifest(w http.ResponseWriter, req *http.Request, repo, ref string) {
	if req.Method == http.MethodPut {
		data, _ := io.ReadAll(req.Body)
		d := digest.FromBytes(data).String()
		r.manifests[repo+"@"+d] = data
		if !strings.HasPrefix(ref, "sha256:") {
			r.tags[repo+":"+ref] = d
		}
		w.Header().Set("Docker-Content-Digest", d)
		w.WriteHeader(http.StatusCreated)
		return
	}
	d := ref
	if !strings.HasPrefix(ref, "sha256:") {
		d = r.tags[repo+":"+ref]
	}
	if req.Method == http.MethodGet {
		r.reads++
	}
	answer(w, req, ocispec.MediaTypeImageManifest, d, r.manifests[repo+"@"+d])
}

func answer(w http.ResponseWriter, req *http.Request, mediaType, d string, data []byte) {
	if data == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", d)
	if req.Method == http.MethodHead {
		w.Header().Set("Content-Length", itoa(len(data)))
		return
	}
	_, _ = w.Write(data)
}

func itoa(n int) string { raw, _ := json.Marshal(n); return string(raw) }

func (r *fakeRegistry) with(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *fakeRegistry) readCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

// publish puts a signed Blueprint into the registry.
func (r *fakeRegistry) publish(t *testing.T, name, version, title string, key *ecdsa.PrivateKey, more ...string) digest.Digest {
	t.Helper()
	p, err := artifact.Pack(fstest.MapFS{
		"blueprint.yaml": {Data: []byte("apiVersion: catalyst.openova.io/v1alpha1\nkind: Blueprint\nmetadata: {name: " + name + ", version: " + version + "}\nspec:\n" +
			"  card: {title: " + title + ", summary: A demo., category: web, icon: card/icon.svg, description: card/description.md}\n  owner: platform\n  manifests: {engine: helm, path: chart}\n" + strings.Join(more, ""))},
		"card/icon.svg": {Data: []byte("<svg/>")}, "card/description.md": {Data: []byte("# Demo")},
		"chart/Chart.yaml":                {Data: []byte("name: " + name + "\nversion: " + version + "\n")},
		"chart/templates/deployment.yaml": {Data: []byte("kind: Deployment\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := artifact.Registry(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	ref := artifact.Reference{Repository: "catalog/" + name, Version: version}
	repo, err := reg.Repository(context.Background(), ref.Repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.Publish(context.Background(), repo, ref, p, key, true); err != nil {
		t.Fatal(err)
	}
	return p.Digest
}

// newKey makes a key and writes its public half to a file.
func newKey(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	private, public, err := artifact.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := artifact.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "catalyst.pub")
	if err := os.WriteFile(file, public, 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}
