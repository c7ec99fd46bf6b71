package artifact

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"catalyst.openova.io/pkg/blueprint"
)

// maxCardFile is the size of an icon or a description.
const maxCardFile = 64 << 10

// Registry is an OCI registry at a URL; http:// means that it is served without TLS.
func Registry(rawURL string) (*remote.Registry, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || (u.Path != "" && u.Path != "/") {
		return nil, fmt.Errorf("the registry %q is not a URL such as https://registry.example or http://127.0.0.1:5000", rawURL)
	}
	r, err := remote.NewRegistry(u.Host)
	if err != nil {
		return nil, fmt.Errorf("the registry %q: %w", rawURL, err)
	}
	r.PlainHTTP = u.Scheme == "http"
	r.MaxMetadataBytes = 4 << 20
	r.Client = &http.Client{Timeout: 30 * time.Second}
	return r, nil
}

// TakenError says that a version is there already with another content.
type TakenError struct {
	Reference Reference
	Existing  digest.Digest
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s %s is published already with another content (%s); give it a new version", e.Reference.Repository, e.Reference.Version, e.Existing)
}

// Publish pushes a package, signs it and then gives it its tag, so that nobody ever sees it unsigned. It does nothing
// and returns false when the registry has it already, signed by key. A version that is there with another content is
// a *TakenError unless replace is set.
func Publish(ctx context.Context, to oras.Target, ref Reference, p *Package, key *ecdsa.PrivateKey, replace bool) (bool, error) {
	existing, err := to.Resolve(ctx, ref.Version)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
	case err != nil:
		return false, fmt.Errorf("look for %s %s: %w", ref.Repository, ref.Version, err)
	case existing.Digest == p.Digest:
		if Verify(ctx, to, p.Digest, []*ecdsa.PublicKey{&key.PublicKey}) == nil {
			return false, nil
		}
	case !replace:
		return false, &TakenError{Reference: ref, Existing: existing.Digest}
	}
	if err := pushAll(ctx, to, p.manifest, "", p.blobs...); err != nil {
		return false, fmt.Errorf("push %s %s: %w", ref.Repository, ref.Version, err)
	}
	if err := Sign(ctx, to, ref.Repository, p.Digest, key); err != nil {
		return false, fmt.Errorf("sign %s %s: %w", ref.Repository, ref.Version, err)
	}
	if err := to.Tag(ctx, p.manifest.descriptor, ref.Version); err != nil {
		return false, fmt.Errorf("tag %s %s: %w", ref.Repository, ref.Version, err)
	}
	return true, nil
}

// pushAll pushes blobs and then the manifest that names them, under a tag unless it is empty.
func pushAll(ctx context.Context, to oras.Target, manifest blob, tag string, blobs ...blob) error {
	for _, b := range append(blobs, manifest) {
		exists, err := to.Exists(ctx, b.descriptor)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if err := to.Push(ctx, b.descriptor, bytes.NewReader(b.data)); err != nil && !errors.Is(err, errdef.ErrAlreadyExists) {
			return err
		}
	}
	if tag == "" {
		return nil
	}
	return to.Tag(ctx, manifest.descriptor, tag)
}

// Fetch verifies the signature of one manifest and reads the Blueprint in it. The descriptor is what the tag resolved
// to. What is wrong with the artifact is a *RefusedError; what is wrong with the way to it is any other error.
func Fetch(ctx context.Context, from oras.ReadOnlyTarget, ref Reference, desc ocispec.Descriptor, keys []*ecdsa.PublicKey) (*Content, error) {
	by, err := signer(ctx, from, desc.Digest, keys)
	if err != nil {
		return nil, err
	}
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return nil, refuse("is not a Blueprint but %s", quoted(desc.MediaType))
	}
	raw, err := fetch(ctx, from, desc, MaxManifestSize)
	if err != nil {
		return nil, err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, refuse("has a manifest that cannot be read")
	}
	if manifest.ArtifactType != ArtifactType {
		return nil, refuse("is not a Blueprint but %q", quoted(manifest.ArtifactType))
	}
	layer, err := only(manifest.Layers, ContentMediaType)
	if err != nil {
		return nil, err
	}
	archive, err := fetch(ctx, from, layer, MaxLayerSize)
	if err != nil {
		return nil, err
	}
	c, err := read(archive)
	if err != nil {
		return nil, err
	}
	meta := c.Blueprint.Metadata
	if meta.Name != ref.name() || meta.Version != ref.Version {
		return nil, refuse("is %s %s inside, but lies under %s %s: its tag was moved", meta.Name, meta.Version, ref.name(), ref.Version)
	}
	payload, _ := PayloadMediaType(c.Blueprint.Spec.Manifests.Engine)
	if _, err := only(manifest.Layers, payload); err != nil {
		return nil, err
	}
	c.SignedBy = Fingerprint(by)
	return c, nil
}

// name is the last part of the repository.
func (r Reference) name() string {
	for i := len(r.Repository) - 1; i >= 0; i-- {
		if r.Repository[i] == '/' {
			return r.Repository[i+1:]
		}
	}
	return r.Repository
}

// only is the one layer of a media type. A second one is refused, because two readers could choose differently.
func only(layers []ocispec.Descriptor, mediaType string) (ocispec.Descriptor, error) {
	var found []ocispec.Descriptor
	for _, l := range layers {
		if l.MediaType == mediaType {
			found = append(found, l)
		}
	}
	if len(found) != 1 {
		return ocispec.Descriptor{}, refuse("has %d layers of %s where exactly one belongs", len(found), mediaType)
	}
	return found[0], nil
}

// read takes the document and the card out of the content layer.
func read(archive []byte) (*Content, error) {
	document, err := readFiles(archive, map[string]int64{blueprint.DocumentName: blueprint.MaxDocumentSize})
	if err != nil {
		return nil, err
	}
	doc, ok := document[blueprint.DocumentName]
	if !ok {
		return nil, refuse("has no %s", blueprint.DocumentName)
	}
	b, err := blueprint.Parse(doc)
	if err == nil {
		err = b.Validate()
	}
	if err != nil {
		return nil, refuse("has a %s that cannot be used: %s", blueprint.DocumentName, err)
	}
	files, err := readFiles(archive, map[string]int64{b.Spec.Card.Icon: maxCardFile, b.Spec.Card.Description: maxCardFile})
	if err != nil {
		return nil, err
	}
	return &Content{Blueprint: b, Document: doc, Files: files}, nil
}

// readFiles takes the wanted files, each with its largest size, out of an archive.
func readFiles(archive []byte, wanted map[string]int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := unpack(bytes.NewReader(archive), func(name string, r io.Reader) error {
		most, ok := wanted[name]
		if !ok {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(r, most+1))
		if err != nil {
			return err
		}
		if int64(len(data)) > most {
			return refuse("has a %s of more than %d bytes", name, most)
		}
		out[name] = data
		return nil
	})
	return out, err
}

// fetch reads content whose size and digest have to be as described.
func fetch(ctx context.Context, from oras.ReadOnlyTarget, desc ocispec.Descriptor, most int64) ([]byte, error) {
	if desc.Size < 0 || desc.Size > most {
		return nil, refuse("has a part of %d bytes where at most %d are allowed", desc.Size, most)
	}
	data, err := content.FetchAll(ctx, from, desc)
	switch {
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, content.ErrInvalidDescriptorSize), errors.Is(err, digest.ErrDigestInvalidFormat), errors.Is(err, digest.ErrDigestUnsupported):
		return nil, refuse("was changed after it was signed: %s does not have the content that it is named for", desc.Digest)
	case errors.Is(err, errdef.ErrNotFound):
		return nil, refuse("is incomplete: the registry does not have %s", desc.Digest)
	}
	return data, err
}
