// Package shelf knows which Blueprints there are, which of their versions may be installed, and why the others may
// not. It is an index in memory that is replaced as a whole; reading it never waits.
package shelf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/Masterminds/semver/v3"

	"catalyst.openova.io/pkg/blueprint"
)

// Version is one version of a Blueprint as it was found.
type Version struct {
	Name    string
	Version string
	// Digest of the manifest that the version is, sha256:…
	Digest string
	// Repository is where Flux finds it, oci://host/path without tag.
	Repository string
	// Insecure is true when the registry is served without TLS.
	Insecure bool
	// Reason completes "is refused because it …". Empty: the version may be installed.
	Reason string

	// Installable versions only.

	// SignedBy is the fingerprint of the key.
	SignedBy string
	Card     Card
	// Document is blueprint.yaml as it was signed.
	Document []byte
}

// Installable is true when nothing speaks against the version.
func (v *Version) Installable() bool { return v.Reason == "" }

// Card is what people see of a version.
type Card struct {
	Title, Summary, Category, Owner string
	Visibility                      blueprint.Visibility
	// Icon is a data URI.
	Icon string
	// Description is Markdown.
	Description string
}

// Entry is a Blueprint with its versions, newest first.
type Entry struct {
	Name     string
	Versions []*Version
	// Newest is the newest version that may be installed, a release before a pre-release; nil if there is none.
	Newest *Version
}

// Visibility is that of the newest version. What has nothing to install is shown, so that the reason is seen.
func (e *Entry) Visibility() blueprint.Visibility {
	if e.Newest == nil {
		return blueprint.Listed
	}
	return e.Newest.Card.Visibility
}

// VisibleTo is true when a person who knows the name may see the Blueprint. A private one is for those who administer
// the Sovereign.
func (e *Entry) VisibleTo(administrator bool) bool {
	return administrator || e.Visibility() != blueprint.Private
}

// Shelf is the index. The zero value is empty and ready for use.
type Shelf struct{ index atomic.Pointer[index] }

type index struct {
	entries []*Entry // by name
	byName  map[string]*Entry
}

// Replace makes the versions the whole content. They must not be changed afterwards.
func (s *Shelf) Replace(versions []*Version) {
	next := &index{byName: map[string]*Entry{}}
	for _, v := range versions {
		e, ok := next.byName[v.Name]
		if !ok {
			e = &Entry{Name: v.Name}
			next.byName[v.Name] = e
			next.entries = append(next.entries, e)
		}
		e.Versions = append(e.Versions, v)
	}
	slices.SortFunc(next.entries, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range next.entries {
		slices.SortFunc(e.Versions, func(a, b *Version) int { return Compare(b.Version, a.Version) })
		e.Newest = newest(e.Versions)
	}
	s.index.Store(next)
}

// Compare orders versions by precedence. What is not a semantic version comes before all that is.
func Compare(a, b string) int {
	va, errA := semver.StrictNewVersion(a)
	vb, errB := semver.StrictNewVersion(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	default:
		return cmp.Or(va.Compare(vb), strings.Compare(a, b))
	}
}

// newest of versions that are sorted, newest first.
func newest(versions []*Version) *Version {
	var candidate *Version
	for _, v := range versions {
		if !v.Installable() {
			continue
		}
		if sv, err := semver.StrictNewVersion(v.Version); err == nil && sv.Prerelease() == "" {
			return v
		}
		if candidate == nil {
			candidate = v
		}
	}
	return candidate
}

// Entries are all Blueprints by name. Do not change them.
func (s *Shelf) Entries() []*Entry {
	if i := s.index.Load(); i != nil {
		return i.entries
	}
	return nil
}

// Entry is one Blueprint, or a *NotFoundError.
func (s *Shelf) Entry(name string) (*Entry, error) {
	if i := s.index.Load(); i != nil {
		if e, ok := i.byName[name]; ok {
			return e, nil
		}
	}
	return nil, &NotFoundError{Name: name}
}

// Find is one version, installable or not; an empty version means the newest that may be installed. The error is a
// *NotFoundError.
func (s *Shelf) Find(name, version string) (*Version, error) {
	e, err := s.Entry(name)
	if err != nil {
		return nil, err
	}
	missing := &NotFoundError{Name: name, Version: version}
	for _, v := range e.Versions {
		if v.Version == version || (version == "" && v == e.Newest) {
			return v, nil
		}
		if v.Installable() {
			missing.Others = append(missing.Others, v.Version)
		}
	}
	return nil, missing
}

// NotFoundError says that a Blueprint or one of its versions is not on the shelf.
type NotFoundError struct {
	Name string
	// Version is empty when any version would have done.
	Version string
	// Others are the versions that may be installed.
	Others []string
}

func (e *NotFoundError) Error() string {
	switch {
	case e.Version == "":
		return fmt.Sprintf("The catalog has no Blueprint %s that can be installed.", shorten(e.Name))
	case len(e.Others) == 0:
		return fmt.Sprintf("Blueprint %s has no version %s, and no other that can be installed.", shorten(e.Name), shorten(e.Version))
	default:
		return fmt.Sprintf("Blueprint %s has no version %s. It has: %s.", shorten(e.Name), shorten(e.Version), strings.Join(e.Others, ", "))
	}
}

func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
