// Package oci finds Blueprints in an OCI registry, verifies them and puts them on the shelf.
package oci

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// Bounds of what is kept in memory, whatever the registry holds.
const (
	maxBlueprints = 2000
	maxVersions   = 50 // of one Blueprint, the newest
)

// retryRefused is how often a version that was refused is looked at again: its signature may have come since.
const retryRefused = 30 * time.Second

// Source is the Blueprints in one registry under one prefix.
type Source struct {
	registry *remote.Registry
	prefix   string
	keyFile  string
	log      *slog.Logger

	// Of the loop alone.
	keysRaw string
	keys    []*ecdsa.PublicKey
	known   map[string]map[string]found // repository -> tag

	mu    sync.Mutex
	state error // why the shelf may be out of date
}

// found is a version as it was last looked at.
type found struct {
	version *shelf.Version
	// unread is true when the registry failed, so that the next look may succeed.
	unread bool
	at     time.Time
}

// New makes a Source of the Blueprints at registry (a URL) under prefix, signed with one of the keys in keyFile. It
// connects to nothing yet.
func New(registry, prefix, keyFile string, log *slog.Logger) (*Source, error) {
	r, err := artifact.Registry(registry)
	if err != nil {
		return nil, err
	}
	return &Source{
		registry: r, prefix: strings.Trim(prefix, "/") + "/", keyFile: keyFile, log: log,
		known: map[string]map[string]found{}, state: errors.New("the registry has not been read yet"),
	}, nil
}

// Ready returns nil when the last look at the registry was complete.
func (s *Source) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Run keeps the shelf like the registry until ctx ends. While the registry does not answer, the shelf stays as it is.
func (s *Source) Run(ctx context.Context, every time.Duration, to *shelf.Shelf) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.note(s.sync(ctx, to))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// note remembers how the last look went, and logs when that changes.
func (s *Source) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.state
	s.state = err
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()) && !errors.Is(err, context.Canceled):
		s.log.Warn("the catalog may be out of date", "reason", err.Error())
	case err == nil && before != nil:
		s.log.Info("the catalog is up to date")
	}
}

// sync looks at the registry once. Only what has a digest that is not known is read.
func (s *Source) sync(ctx context.Context, to *shelf.Shelf) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.loadKeys(); err != nil {
		return err
	}
	repositories, err := s.repositories(ctx)
	if err != nil {
		return fmt.Errorf("list the Blueprints of the registry %s: %w", s.registry.Reference.Registry, err)
	}
	var failed error
	changed := false
	for _, name := range repositories {
		c, err := s.repository(ctx, name)
		changed = changed || c
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	if changed || len(to.Entries()) == 0 {
		to.Replace(s.versions())
	}
	if changed {
		debug.FreeOSMemory() // reading artifacts and compiling schemas takes more than keeping them, and is rare
	}
	return failed
}

// loadKeys reads the trusted keys again, so that a rotation needs no restart. With other keys everything is verified
// anew.
func (s *Source) loadKeys() error {
	raw, err := os.ReadFile(s.keyFile)
	if err != nil {
		return fmt.Errorf("read the keys that sign Blueprints: %w", err)
	}
	if string(raw) == s.keysRaw {
		return nil
	}
	keys, err := artifact.ParsePublicKeys(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", s.keyFile, err)
	}
	s.keys, s.keysRaw = keys, string(raw)
	s.known = map[string]map[string]found{}
	return nil
}

// repositories lists the Blueprints that the registry names, and those known before: one that is missing from a list
// is gone only when the registry says so of itself.
func (s *Source) repositories(ctx context.Context) ([]string, error) {
	var names []string
	var enough = errors.New("enough")
	err := s.registry.Repositories(ctx, "", func(page []string) error {
		for _, r := range page {
			name, ok := strings.CutPrefix(r, s.prefix)
			if !ok || !blueprint.ValidName(name) {
				continue
			}
			if names = append(names, r); len(names) >= maxBlueprints {
				return enough
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	for r := range s.known {
		names = append(names, r)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// repository looks at the versions of one Blueprint.
func (s *Source) repository(ctx context.Context, name string) (changed bool, err error) {
	repo, err := s.registry.Repository(ctx, name)
	if err != nil {
		return false, err
	}
	tags, err := versionTags(ctx, repo)
	if gone(err) {
		_, had := s.known[name]
		delete(s.known, name)
		return had, nil
	}
	if err != nil {
		return false, err
	}
	before, now := s.known[name], make(map[string]found, len(tags))
	for _, tag := range tags {
		next, err := s.look(ctx, repo, artifact.Reference{Repository: name, Version: tag}, before[tag])
		if gone(err) {
			continue
		}
		if err != nil {
			return changed, err
		}
		if now[tag] = next; next.version != before[tag].version {
			changed = true
		}
	}
	changed = changed || len(now) != len(before)
	s.known[name] = now
	return changed, nil
}

// gone is true when the registry itself says that something does not exist.
func gone(err error) bool {
	var response *errcode.ErrorResponse
	return errors.Is(err, errdef.ErrNotFound) || (errors.As(err, &response) && response.StatusCode == http.StatusNotFound)
}

// versionTags are the newest tags that are versions.
func versionTags(ctx context.Context, repo interface {
	Tags(ctx context.Context, last string, fn func(tags []string) error) error
}) ([]string, error) {
	var tags []string
	err := repo.Tags(ctx, "", func(page []string) error {
		for _, t := range page {
			if _, err := semver.StrictNewVersion(t); err == nil {
				tags = append(tags, t)
			}
		}
		return nil
	})
	slices.SortFunc(tags, func(a, b string) int { return shelf.Compare(b, a) })
	return tags[:min(len(tags), maxVersions)], err
}

// versions is everything that is known.
func (s *Source) versions() []*shelf.Version {
	var out []*shelf.Version
	for _, tags := range s.known {
		for _, f := range tags {
			out = append(out, f.version)
		}
	}
	return out
}

func (s *Source) blank(ref artifact.Reference, digest string) *shelf.Version {
	return &shelf.Version{
		Name: path.Base(ref.Repository), Version: ref.Version, Digest: digest,
		Repository: "oci://" + s.registry.Reference.Registry + "/" + ref.Repository, Insecure: s.registry.PlainHTTP,
	}
}
