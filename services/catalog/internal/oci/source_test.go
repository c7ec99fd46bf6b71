package oci

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

func newSource(t *testing.T, r *fakeRegistry, keyFile string) *Source {
	t.Helper()
	s, err := New(r.URL, "catalog", keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSync(t *testing.T) {
	ctx, r := context.Background(), newRegistry(t)
	key, file := newKey(t)
	stranger, _ := newKey(t)
	d := r.publish(t, "bp-good", "1.0.0", "Good", key)
	r.publish(t, "bp-stranger", "1.0.0", "Stranger", stranger)
	r.publish(t, "bp-loop", "1.0.0", "Loop", key, "  depends: [{blueprint: bp-good, when: \"[1].all(x, x > 0)\"}]\n")
	unsigned := r.publish(t, "bp-unsigned", "1.0.0", "Unsigned", key)
	tampered := r.publish(t, "bp-tampered", "1.0.0", "Tampered", key)
	r.with(func() {
		delete(r.tags, "catalog/bp-unsigned:"+artifact.SignatureTag(unsigned))
		r.tags["catalog/bp-good:9.0.0"] = d.String() // moved after signing
		r.tags["catalog/bp-good:latest"] = d.String()
		r.tags["elsewhere/bp-good:1.0.0"] = d.String()
		raw := string(r.manifests["catalog/bp-tampered@"+tampered.String()])
		for layer := range r.blobs { // a layer of that artifact, changed in place
			if strings.Contains(raw, layer) && len(r.blobs[layer]) > 100 {
				r.blobs[layer][len(r.blobs[layer])/2] ^= 1
			}
		}
	})
	var to shelf.Shelf
	s := newSource(t, r, file)
	if err := s.sync(ctx, &to); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, version, reason string }{
		{"bp-good", "1.0.0", ""},
		{"bp-good", "9.0.0", "its tag was moved"},
		{"bp-stranger", "1.0.0", "is signed by a key that this Sovereign does not trust"},
		{"bp-loop", "1.0.0", "has a dependency that cannot be read: /spec/depends/0/when is not an expression"},
		{"bp-unsigned", "1.0.0", "is not signed"},
		{"bp-tampered", "1.0.0", "was changed after it was signed"},
	} {
		v, err := to.Find(tc.name, tc.version)
		if err != nil {
			t.Errorf("%s %s: %v", tc.name, tc.version, err)
			continue
		}
		if v.Installable() != (tc.reason == "") || !strings.Contains(v.Reason, tc.reason) {
			t.Errorf("%s %s: %q, want %q in it", tc.name, tc.version, v.Reason, tc.reason)
		}
	}
	if n := len(to.Entries()); n != 5 {
		t.Errorf("%d Blueprints", n)
	}
	v, err := to.Find("bp-good", "")
	if err != nil {
		t.Fatal(err)
	}
	if v.Digest != d.String() || v.Card.Title != "Good" || v.Card.Icon != "data:image/svg+xml;base64,PHN2Zy8+" || v.Card.Description != "# Demo" ||
		v.Repository != "oci://"+strings.TrimPrefix(r.URL, "http://")+"/catalog/bp-good" || !v.Insecure || !strings.HasPrefix(v.SignedBy, "sha256:") {
		t.Errorf("on the shelf: %+v", v)
	}
}

func TestSyncReadsOnlyWhatIsNew(t *testing.T) {
	ctx, r := context.Background(), newRegistry(t)
	key, file := newKey(t)
	r.publish(t, "bp-a", "1.0.0", "A", key)
	var to shelf.Shelf
	s := newSource(t, r, file)
	sync := func() int {
		t.Helper()
		before := r.readCount()
		if err := s.sync(ctx, &to); err != nil {
			t.Fatal(err)
		}
		return r.readCount() - before
	}
	if n := sync(); n == 0 {
		t.Error("nothing was read at first")
	}
	first, _ := to.Find("bp-a", "1.0.0")
	if n := sync(); n != 0 {
		t.Errorf("%d reads of what is known", n)
	}
	if again, _ := to.Find("bp-a", "1.0.0"); again != first {
		t.Error("an unchanged version was replaced")
	}
	r.publish(t, "bp-a", "1.1.0", "A", key)
	r.publish(t, "bp-a", "1.0.0", "Replaced", key)
	if n := sync(); n == 0 {
		t.Error("a new version was not read")
	}
	if v, err := to.Find("bp-a", ""); err != nil || v.Version != "1.1.0" {
		t.Errorf("newest: %v %v", v, err)
	}
	if v, err := to.Find("bp-a", "1.0.0"); err != nil || v.Card.Title != "Replaced" {
		t.Errorf("moved tag: %v %v", v, err)
	}
}

// Nothing leaves the shelf unless the registry itself says that it is gone.
func TestSyncKeepsWhatItHas(t *testing.T) {
	ctx, r := context.Background(), newRegistry(t)
	key, file := newKey(t)
	r.publish(t, "bp-a", "1.0.0", "A", key)
	r.publish(t, "bp-b", "1.0.0", "B", key)
	var to shelf.Shelf
	s := newSource(t, r, file)
	check := func(reason string, wantErr bool, want int) {
		t.Helper()
		err := s.sync(ctx, &to)
		s.note(err)
		if (err != nil) != wantErr || (s.Ready(ctx) != nil) != wantErr {
			t.Errorf("%s: %v", reason, err)
		}
		if n := len(to.Entries()); n != want {
			t.Errorf("%s: %d Blueprints, want %d", reason, n, want)
		}
	}
	check("at first", false, 2)
	r.with(func() { r.down = true })
	check("registry down", true, 2)
	r.with(func() { r.down = false; r.unlisted["catalog/bp-a"] = true; r.unlisted["catalog/bp-b"] = true })
	check("an empty list", false, 2)
	r.with(func() {
		for key := range r.tags {
			if strings.HasPrefix(key, "catalog/bp-a:") {
				delete(r.tags, key)
			}
		}
	})
	check("deleted", false, 1)
}

func TestSyncSignedLater(t *testing.T) {
	ctx, r := context.Background(), newRegistry(t)
	key, file := newKey(t)
	d := r.publish(t, "bp-a", "1.0.0", "A", key)
	var signature string
	r.with(func() {
		signature = r.tags["catalog/bp-a:"+artifact.SignatureTag(d)]
		delete(r.tags, "catalog/bp-a:"+artifact.SignatureTag(d))
	})
	var to shelf.Shelf
	s := newSource(t, r, file)
	if err := s.sync(ctx, &to); err != nil {
		t.Fatal(err)
	}
	r.with(func() { r.tags["catalog/bp-a:"+artifact.SignatureTag(d)] = signature })
	tag := s.known["catalog/bp-a"]["1.0.0"]
	tag.at = time.Now().Add(-retryRefused)
	s.known["catalog/bp-a"]["1.0.0"] = tag
	if err := s.sync(ctx, &to); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Find("bp-a", ""); err != nil {
		t.Error(err)
	}
}

func TestSyncOtherKeys(t *testing.T) {
	ctx, r := context.Background(), newRegistry(t)
	key, file := newKey(t)
	_, other := newKey(t)
	r.publish(t, "bp-a", "1.0.0", "A", key)
	var to shelf.Shelf
	s := newSource(t, r, file)
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.sync(ctx, &to); err == nil || !strings.Contains(err.Error(), "keys that sign") {
		t.Errorf("without keys: %v", err)
	}
	for _, step := range []struct {
		from string
		want bool
	}{{file + ".away", true}, {other, false}} {
		if err := os.Rename(step.from, file); err != nil {
			t.Fatal(err)
		}
		if err := s.sync(ctx, &to); err != nil {
			t.Fatal(err)
		}
		if v, err := to.Find("bp-a", "1.0.0"); err != nil || v.Installable() != step.want {
			t.Errorf("%s: %v %v", step.from, v, err)
		}
	}
}
