package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/memory"
)

const document = `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: bp-demo, version: 1.0.0}
spec:
  card: {title: Demo, summary: A demo., category: web, icon: card/icon.svg, description: card/description.md}
  owner: platform
  manifests: {engine: helm, path: chart}
`

func folder(change map[string]string) fstest.MapFS {
	files := map[string]string{
		"blueprint.yaml": document, "card/icon.svg": "<svg/>", "card/description.md": "# Demo",
		"chart/Chart.yaml": "apiVersion: v2\nname: bp-demo\nversion: 1.0.0\n", "chart/templates/deployment.yaml": "kind: Deployment\n",
		".git/config": "left out",
	}
	for name, data := range change {
		files[name] = data
	}
	out := fstest.MapFS{}
	for name, data := range files {
		if data != "-" {
			out[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		}
	}
	return out
}

type keyPair struct {
	private *ecdsa.PrivateKey
	public  []*ecdsa.PublicKey
}

func newKey(t *testing.T) keyPair {
	t.Helper()
	rawPrivate, rawPublic, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	private, err := ParsePrivateKey(rawPrivate)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublicKeys(rawPublic)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{private, public}
}

var ref = Reference{Repository: "catalog/bp-demo", Version: "1.0.0"}

func mustPack(t *testing.T, f fs.FS) *Package {
	t.Helper()
	p, err := Pack(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublishAndFetch(t *testing.T) {
	ctx, store, key := context.Background(), memory.New(), newKey(t)
	p := mustPack(t, folder(nil))
	for i, want := range []bool{true, false} {
		pushed, err := Publish(ctx, store, ref, p, key.private, false)
		if err != nil || pushed != want {
			t.Fatalf("publish %d: %v, %v", i, pushed, err)
		}
	}
	desc, err := store.Resolve(ctx, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Fetch(ctx, store, ref, desc, append(newKey(t).public, key.public...))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Document) != document || string(got.Files["card/icon.svg"]) != "<svg/>" || string(got.Files["card/description.md"]) != "# Demo" {
		t.Errorf("got %s %v", got.Document, got.Files)
	}
}

func TestPackIsReproducible(t *testing.T) {
	a, b := mustPack(t, folder(nil)), mustPack(t, folder(nil))
	if a.Digest != b.Digest {
		t.Errorf("%s and %s", a.Digest, b.Digest)
	}
	if c := mustPack(t, folder(map[string]string{"card/icon.svg": "<svg></svg>"})); c.Digest == a.Digest {
		t.Error("another folder has the same digest")
	}
}

func TestPublishTwoContents(t *testing.T) {
	ctx, store, key := context.Background(), memory.New(), newKey(t)
	if _, err := Publish(ctx, store, ref, mustPack(t, folder(nil)), key.private, false); err != nil {
		t.Fatal(err)
	}
	other := mustPack(t, folder(map[string]string{"card/icon.svg": "<svg></svg>"}))
	_, err := Publish(ctx, store, ref, other, key.private, false)
	var taken *TakenError
	if !errors.As(err, &taken) {
		t.Fatalf("got %v", err)
	}
	if pushed, err := Publish(ctx, store, ref, other, key.private, true); !pushed || err != nil {
		t.Fatalf("replace: %v %v", pushed, err)
	}
}

func TestSecondSigner(t *testing.T) {
	ctx, store, first, second := context.Background(), memory.New(), newKey(t), newKey(t)
	p := mustPack(t, folder(nil))
	for _, k := range []keyPair{first, second, first} {
		if _, err := Publish(ctx, store, ref, p, k.private, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []keyPair{first, second} {
		if err := Verify(ctx, store, p.Digest, k.public); err != nil {
			t.Error(err)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	kustomize := strings.Replace(document, "engine: helm, path: chart", "engine: kustomize, path: k", 1)
	for _, tc := range []struct {
		reason string
		change map[string]string
		want   string
	}{
		{"no document", map[string]string{"blueprint.yaml": "-"}, "not a Blueprint"},
		{"invalid", map[string]string{"blueprint.yaml": strings.Replace(document, "bp-demo", "demo", 1)}, "must start with bp-"},
		{"no icon", map[string]string{"card/icon.svg": "-"}, "card/icon.svg, which is not in the folder"},
		{"large icon", map[string]string{"card/icon.svg": strings.Repeat("x", maxCardFile+1)}, "a file of the card"},
		{"no chart", map[string]string{"chart/Chart.yaml": "-"}, "no chart to install"},
		{"hollow chart", map[string]string{"chart/templates/deployment.yaml": "-"}, "wrapper without its payload"},
		{"another version", map[string]string{"chart/Chart.yaml": "name: bp-demo\nversion: 9.0.0\n"}, "both must be the same"},
		{"backslash", map[string]string{`chart/a\b`: "x"}, "could lead outside"},
		{"no kustomization", map[string]string{"blueprint.yaml": kustomize}, "nothing to install"},
		{"hollow kustomization", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "kind: Kustomization\n"}, "wrapper without"},
		{"remote base", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "resources: [https://example.com/x]\n"}, "is not in the folder"},
		{"outside", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "resources: [../chart/Chart.yaml]\n"}, "is not in the folder"},
		{"helm generator", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "helmCharts: []\n"}, "helmCharts is not allowed"},
		{"exec plugin", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "generators: [x]\n"}, "generators is not allowed"},
		{"nested kustomization", map[string]string{"blueprint.yaml": kustomize, "k/kustomization.yaml": "resources: [a]\n", "k/a/kustomization.yaml": "transformers: [x]\n"}, "transformers is not allowed"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if _, err := Pack(folder(tc.change)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
	link := folder(nil)
	link["card/link"] = &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}
	if _, err := Pack(link); err == nil || !strings.Contains(err.Error(), "plain files only") {
		t.Errorf("a link: %v", err)
	}
}

// forged pushes an artifact with a content layer and layer types of our choice, signed by key.
func forged(t *testing.T, store *memory.Store, archive []byte, key keyPair, change func(*ocispec.Manifest)) ocispec.Descriptor {
	t.Helper()
	ctx := context.Background()
	content, payload := newBlob(ContentMediaType, archive), newBlob(HelmMediaType, []byte("chart"))
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType,
		Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{content.descriptor, payload.descriptor},
	}
	if change != nil {
		change(&manifest)
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	m := newBlob(ocispec.MediaTypeImageManifest, raw)
	if err := pushAll(ctx, store, m, "1.0.0", content, payload, blob{ocispec.DescriptorEmptyJSON, []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := Sign(ctx, store, ref.Repository, m.descriptor.Digest, key.private); err != nil {
		t.Fatal(err)
	}
	return m.descriptor
}

func archive(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for _, h := range append([]*tar.Header{{Typeflag: tar.TypeReg, Name: "blueprint.yaml", Size: int64(len(document))}}, headers...) {
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data := io.Reader(strings.NewReader(document))
		if h.Name != "blueprint.yaml" {
			data = io.LimitReader(zeros{}, h.Size)
		}
		if _, err := io.Copy(tw, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A signature says who made an artifact, not that it is harmless.
func TestFetchRefusesSignedTraps(t *testing.T) {
	many := make([]*tar.Header, MaxFiles+1)
	for i := range many {
		many[i] = &tar.Header{Typeflag: tar.TypeReg, Name: "f/" + strconv.Itoa(i)}
	}
	for _, tc := range []struct {
		reason  string
		headers []*tar.Header
		change  func(*ocispec.Manifest)
		ref     Reference
		want    string
	}{
		{reason: "traversal", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "../evil"}}, want: "could lead outside"},
		{reason: "traversal within", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "a/../../evil"}}, want: "could lead outside"},
		{reason: "absolute", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "/etc/passwd"}}, want: "could lead outside"},
		{reason: "folder outside", headers: []*tar.Header{{Typeflag: tar.TypeDir, Name: "../evil/"}}, want: "could lead outside"},
		{reason: "symlink", headers: []*tar.Header{{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/etc/passwd"}}, want: "a link or a device"},
		{reason: "hard link", headers: []*tar.Header{{Typeflag: tar.TypeLink, Name: "a", Linkname: "b"}}, want: "a link or a device"},
		{reason: "device", headers: []*tar.Header{{Typeflag: tar.TypeChar, Name: "a"}}, want: "a link or a device"},
		{reason: "twice", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "a"}, {Typeflag: tar.TypeReg, Name: "a"}}, want: "twice"},
		{reason: "bomb of two files", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "a", Size: MaxContentSize}, {Typeflag: tar.TypeReg, Name: "b", Size: MaxContentSize}}, want: "more than 16 MiB"},
		{reason: "bomb of one file", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "a", Size: 20 << 20}}, want: "more than 16 MiB"},
		{reason: "many files", headers: many, want: "more than 2000 files"},
		{reason: "large icon", headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "card/icon.svg", Size: maxCardFile + 1}}, want: "more than 65536 bytes"},
		{reason: "another artifact", change: func(m *ocispec.Manifest) { m.ArtifactType = "x/y" }, want: "is not a Blueprint"},
		{reason: "two contents", change: func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) }, want: "2 layers"},
		{reason: "no payload", change: func(m *ocispec.Manifest) { m.Layers = m.Layers[:1] }, want: "0 layers"},
		{reason: "huge layer", change: func(m *ocispec.Manifest) { m.Layers[0].Size = 10 << 30 }, want: "at most 8388608"},
		{reason: "layer that is not there", change: func(m *ocispec.Manifest) { m.Layers[0].Digest = "sha256:" + "00" + m.Layers[0].Digest[9:] }, want: "incomplete"},
		{reason: "another name", ref: Reference{"catalog/bp-other", "1.0.0"}, want: "its tag was moved"},
		{reason: "another version", ref: Reference{"catalog/bp-demo", "2.0.0"}, want: "its tag was moved"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			store, key := memory.New(), newKey(t)
			if tc.ref == (Reference{}) {
				tc.ref = ref
			}
			desc := forged(t, store, archive(t, tc.headers...), key, tc.change)
			_, err := Fetch(context.Background(), store, tc.ref, desc, key.public)
			assertRefused(t, err, tc.want)
		})
	}
}

func assertRefused(t *testing.T, err error, want string) {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it refused with %q", err, want)
	}
}

// tampered answers one digest with other bytes, as a registry in the wrong hands would.
type tampered struct {
	*memory.Store
	mediaType string
	data      []byte
}

func (s tampered) Fetch(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if d.MediaType == s.mediaType {
		return io.NopCloser(bytes.NewReader(s.data)), nil
	}
	return s.Store.Fetch(ctx, d)
}

func TestFetchRefusesTampering(t *testing.T) {
	ctx, key := context.Background(), newKey(t)
	p := mustPack(t, folder(nil))
	publish := func(t *testing.T) (*memory.Store, ocispec.Descriptor) {
		t.Helper()
		store := memory.New()
		if _, err := Publish(ctx, store, ref, p, key.private, false); err != nil {
			t.Fatal(err)
		}
		desc, err := store.Resolve(ctx, "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		return store, desc
	}
	t.Run("no signature", func(t *testing.T) {
		store := memory.New()
		if err := pushAll(ctx, store, p.manifest, "1.0.0", p.blobs...); err != nil {
			t.Fatal(err)
		}
		_, err := Fetch(ctx, store, ref, p.manifest.descriptor, key.public)
		assertRefused(t, err, "is not signed")
	})
	t.Run("wrong key", func(t *testing.T) {
		store, desc := publish(t)
		_, err := Fetch(ctx, store, ref, desc, newKey(t).public)
		assertRefused(t, err, "does not trust")
	})
	t.Run("changed layer", func(t *testing.T) {
		store, desc := publish(t)
		changed := bytes.Clone(p.blobs[0].data)
		changed[len(changed)/2] ^= 1
		_, err := Fetch(ctx, tampered{store, ContentMediaType, changed}, ref, desc, key.public)
		assertRefused(t, err, "was changed after it was signed")
	})
	t.Run("changed manifest", func(t *testing.T) {
		store, desc := publish(t)
		_, err := Fetch(ctx, tampered{store, ocispec.MediaTypeImageManifest, bytes.Replace(p.manifest.data, []byte("A demo"), []byte("B demo"), 1)}, ref, desc, key.public)
		if err == nil {
			t.Error("accepted")
		}
	})
	t.Run("signature of something else", func(t *testing.T) {
		store, desc := publish(t)
		other := mustPack(t, folder(map[string]string{"card/icon.svg": "<svg></svg>"}))
		if err := Sign(ctx, store, ref.Repository, other.Digest, key.private); err != nil {
			t.Fatal(err)
		}
		sig, err := store.Resolve(ctx, SignatureTag(other.Digest))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Tag(ctx, sig, SignatureTag(desc.Digest)); err != nil {
			t.Fatal(err)
		}
		_, err = Fetch(ctx, store, ref, desc, key.public)
		assertRefused(t, err, "signature of something else")
	})
}

func TestKeys(t *testing.T) {
	for _, raw := range []string{"", "no pem", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"} {
		if _, err := ParsePrivateKey([]byte(raw)); err == nil {
			t.Errorf("private key %q was read", raw)
		}
		if _, err := ParsePublicKeys([]byte(raw)); err == nil {
			t.Errorf("public key %q was read", raw)
		}
	}
}

func TestRegistryURL(t *testing.T) {
	for raw, ok := range map[string]bool{"http://127.0.0.1:5000": true, "https://r.example/": true, "r.example": false, "ftp://r": false, "http://r/path": false, "": false} {
		if _, err := Registry(raw); (err == nil) != ok {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	good, err := pack([]file{{"blueprint.yaml", []byte(document)}}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := unpack(bytes.NewReader(raw), func(name string, r io.Reader) error {
			if !fs.ValidPath(name) {
				t.Errorf("visited %q", name)
			}
			_, err := io.Copy(io.Discard, r)
			return err
		})
		var refused *RefusedError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("not our error: %v", err)
		}
	})
}
