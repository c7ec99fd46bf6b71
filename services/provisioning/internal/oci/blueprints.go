// Package oci fetches what a Blueprint's artifact holds for Flux, verified as Flux verifies it.
package oci

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// maxCache is how much of what was fetched is kept. A digest always means the same bytes.
const maxCache = 16 << 20

// Blueprints is the Sovereign's registry.
type Blueprints struct {
	registry *remote.Registry
	keysFile string

	mu     sync.Mutex
	cached map[manifest.Source][]byte
	order  []manifest.Source
	size   int
}

var _ manifest.Blueprints = (*Blueprints)(nil)

// New makes Blueprints of the registry at a URL. The file holds the keys, in PEM, that Blueprints are signed with; it is
// read anew each time.
func New(registryURL, keysFile string) (*Blueprints, error) {
	registry, err := artifact.Registry(registryURL)
	if err != nil {
		return nil, err
	}
	return &Blueprints{registry: registry, keysFile: keysFile, cached: map[manifest.Source][]byte{}}, nil
}

// Payload implements manifest.Blueprints. People write where an Application's Blueprint lies, so that nothing but this
// registry is asked.
func (b *Blueprints) Payload(ctx context.Context, s manifest.Source) ([]byte, error) {
	if payload, ok := b.kept(s); ok {
		return payload, nil
	}
	name, err := b.repository(s.URL)
	if err != nil {
		return nil, err
	}
	sum, err := digest.Parse(s.Digest)
	if err != nil {
		return nil, fmt.Errorf("%q is not a digest", s.Digest)
	}
	keys, err := b.keys()
	if err != nil {
		return nil, err
	}
	repository, err := b.registry.Repository(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("the address %s: %w", s.URL, err)
	}
	payload, err := fetch(ctx, repository, sum, s.MediaType, keys)
	if err != nil {
		return nil, explain(s, err)
	}
	b.keep(s, payload)
	return payload, nil
}

// repository is the path of an address in this registry.
func (b *Blueprints) repository(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "oci" || u.Host != b.registry.Reference.Registry {
		return "", fmt.Errorf("it lies at %s, which is not this Sovereign's registry (%s)", address, b.registry.Reference.Registry)
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}

func (b *Blueprints) keys() ([]*ecdsa.PublicKey, error) {
	raw, err := os.ReadFile(b.keysFile)
	if err != nil {
		return nil, fmt.Errorf("read the keys that Blueprints are signed with: %w", err)
	}
	return artifact.ParsePublicKeys(raw)
}

// fetch verifies the signature of a manifest and reads the one layer of a media type that it names.
func fetch(ctx context.Context, from oras.ReadOnlyTarget, sum digest.Digest, mediaType string, keys []*ecdsa.PublicKey) ([]byte, error) {
	if err := artifact.Verify(ctx, from, sum, keys); err != nil {
		return nil, err
	}
	desc, err := from.Resolve(ctx, sum.String())
	if err != nil {
		return nil, err
	}
	if desc.Size > artifact.MaxManifestSize {
		return nil, &artifact.RefusedError{Reason: "has a manifest that is too large"}
	}
	raw, err := content.FetchAll(ctx, from, desc)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil || m.ArtifactType != artifact.ArtifactType {
		return nil, &artifact.RefusedError{Reason: "is not a Blueprint"}
	}
	var layers []ocispec.Descriptor
	for _, l := range m.Layers {
		if l.MediaType == mediaType {
			layers = append(layers, l)
		}
	}
	if len(layers) != 1 || layers[0].Size > artifact.MaxLayerSize {
		return nil, &artifact.RefusedError{Reason: fmt.Sprintf("has no layer of %s that can be used", mediaType)}
	}
	return content.FetchAll(ctx, from, layers[0])
}

func explain(s manifest.Source, err error) error {
	var refused *artifact.RefusedError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("the artifact %s is refused because it %w", s.Digest, refused)
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("the registry does not have %s@%s", s.URL, s.Digest)
	}
	return fmt.Errorf("the registry does not answer: %w", err)
}

func (b *Blueprints) kept(s manifest.Source) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	payload, ok := b.cached[s]
	return payload, ok
}

// keep remembers a payload; the oldest ones make room.
func (b *Blueprints) keep(s manifest.Source, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.cached[s]; ok {
		return
	}
	b.cached[s], b.order, b.size = payload, append(b.order, s), b.size+len(payload)
	for b.size > maxCache {
		oldest := b.order[0]
		b.order, b.size = b.order[1:], b.size-len(b.cached[oldest])
		delete(b.cached, oldest)
	}
}
