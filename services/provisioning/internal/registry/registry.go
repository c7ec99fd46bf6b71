// Package registry reads Blueprints where they are published, and believes only those that were signed. It asks as
// Catalyst itself, for work that no person asked for.
package registry

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/provisioning/internal/check"
)

const (
	// fresh is how long a version is believed, and refusedFor how long one that was refused is not asked for again: a tag
	// can move, a key can go, and a signature can come.
	fresh, refusedFor = 10 * time.Minute, 30 * time.Second
	// maxKept is how many versions are kept.
	maxKept = 256
)

// Blueprints implements check.Blueprints.
type Blueprints struct {
	registry *remote.Registry
	prefix   string
	keyFile  string

	mu   sync.Mutex
	kept map[string]kept
}

var _ check.Blueprints = (*Blueprints)(nil)

// kept is a version as it was last read.
type kept struct {
	blueprint *blueprint.Blueprint
	digest    string
	err       *check.RefusedError
	until     time.Time
}

// New reads the Blueprints in a registry (a URL) under a prefix, signed with one of the keys in a file. It connects to
// nothing yet.
func New(registry, prefix, keyFile string) (*Blueprints, error) {
	r, err := artifact.Registry(registry)
	if err != nil {
		return nil, err
	}
	return &Blueprints{registry: r, prefix: strings.Trim(prefix, "/") + "/", keyFile: keyFile, kept: map[string]kept{}}, nil
}

// Blueprint implements check.Blueprints.
func (b *Blueprints) Blueprint(ctx context.Context, name, version string) (*blueprint.Blueprint, string, error) {
	id := name + "@" + version
	b.mu.Lock()
	k, ok := b.kept[id]
	b.mu.Unlock()
	if !ok || time.Now().After(k.until) {
		var err error
		if k, err = b.read(ctx, name, version); err != nil {
			return nil, "", err
		}
		b.mu.Lock()
		if len(b.kept) >= maxKept {
			clear(b.kept)
		}
		b.kept[id] = k
		b.mu.Unlock()
	}
	if k.err != nil {
		return nil, "", k.err
	}
	return k.blueprint, k.digest, nil
}

func (b *Blueprints) read(ctx context.Context, name, version string) (kept, error) {
	refuse := func(format string, args ...any) (kept, error) {
		return kept{err: &check.RefusedError{Reason: fmt.Sprintf(format, args...)}, until: time.Now().Add(refusedFor)}, nil
	}
	if !blueprint.ValidName(name) {
		return refuse("%.64q is no name of a Blueprint", name)
	}
	raw, err := os.ReadFile(b.keyFile)
	if err != nil {
		return kept{}, fmt.Errorf("the keys of Blueprints: %w", err)
	}
	keys, err := artifact.ParsePublicKeys(raw)
	if err != nil {
		return kept{}, fmt.Errorf("the keys of Blueprints: %w", err)
	}
	content, digest, err := b.fetch(ctx, artifact.Reference{Repository: b.prefix + name, Version: version}, keys)
	var wrong *artifact.RefusedError
	switch {
	case errors.Is(err, errdef.ErrNotFound), errors.Is(err, errdef.ErrInvalidReference):
		return refuse("the catalog holds no Blueprint %s %.64s", name, version)
	case errors.As(err, &wrong):
		return refuse("the Blueprint %s %.64s cannot be installed: it %s", name, version, wrong.Reason)
	case err != nil:
		return kept{}, err
	}
	return kept{blueprint: content.Blueprint, digest: digest, until: time.Now().Add(fresh)}, nil
}

func (b *Blueprints) fetch(ctx context.Context, ref artifact.Reference, keys []*ecdsa.PublicKey) (*artifact.Content, string, error) {
	repo, err := b.registry.Repository(ctx, ref.Repository)
	if err != nil {
		return nil, "", err
	}
	desc, err := repo.Resolve(ctx, ref.Version)
	if err != nil {
		return nil, "", err
	}
	content, err := artifact.Fetch(ctx, repo, ref, desc, keys)
	return content, desc.Digest.String(), err
}
