package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// version is a candidate that can be compared.
type version struct {
	Candidate
	name   string
	number *semver.Version
}

// order sorts candidates, the first to be tried first: releases before pre-releases, newer before older. What is no
// semantic version is left out.
func order(candidates []Candidate) []*version {
	out := make([]*version, 0, len(candidates))
	for _, c := range candidates {
		if number, err := semver.StrictNewVersion(c.Version); err == nil {
			out = append(out, &version{Candidate: c, name: c.Version, number: number})
		}
	}
	slices.SortStableFunc(out, func(a, b *version) int {
		return cmp.Or(
			cmp.Compare(min(1, len(a.number.Prerelease())), min(1, len(b.number.Prerelease()))),
			b.number.Compare(a.number),
			strings.Compare(a.name, b.name),
		)
	})
	return out
}

// refusal says why a version may not be installed, empty if it may.
func (v *version) refusal() string {
	if v.Blueprint == nil {
		return cmp.Or(v.Refused, "cannot be read")
	}
	return v.Refused
}

// versionRange is a range of versions; without constraints it has them all.
type versionRange struct {
	constraints *semver.Constraints
	err         error
}

func (r *versionRange) contains(v *semver.Version) bool {
	return r.err == nil && (r.constraints == nil || r.constraints.Check(v))
}

func parseRange(s string) *versionRange {
	if s == "" {
		return &versionRange{}
	}
	c, err := semver.NewConstraint(s)
	return &versionRange{c, err}
}

func (s *search) rangeOf(text string) *versionRange {
	r, ok := s.ranges[text]
	if !ok {
		r = parseRange(text)
		s.ranges[text] = r
	}
	return r
}

func (s *search) versions(name string) []*version {
	v, ok := s.sorted[name]
	if !ok {
		v = order(s.in.Catalog[name])
		s.sorted[name] = v
	}
	return v
}

// candidates are the versions of a slot that may be installed, first to be tried first. The problem says why there are
// none. It stops the search when the catalog has not been asked.
func (s *search) candidates(n *slot) ([]*version, *Problem) {
	if _, ok := s.in.Catalog[n.blueprint]; !ok {
		s.stopped = s.need(n.at)
		return nil, nil
	}
	all := s.versions(n.blueprint)
	var out []*version
	for _, v := range all {
		if n.parent == nil && s.in.Version != "" && v.name != s.in.Version {
			continue
		}
		if v.refusal() == "" {
			out = append(out, v)
		} else if n.parent == nil && s.in.Version != "" {
			return nil, &Problem{Code: CodeRefused, Message: fmt.Sprintf("Blueprint %s %s cannot be installed: it %s.", n.blueprint, v.name, v.refusal())}
		}
	}
	if slices.ContainsFunc(out, func(v *version) bool { _, fits := s.demanded(n, v); return fits }) {
		return out, nil
	}
	return nil, s.noVersion(n, all)
}

// need asks for the versions of everything on the agenda that the catalog was not asked for.
func (s *search) need(from int) *NeedError {
	var names []string
	for _, n := range s.agenda[from:] {
		if _, ok := s.in.Catalog[n.blueprint]; !ok {
			names = append(names, n.blueprint)
		}
	}
	slices.Sort(names)
	return &NeedError{Blueprints: slices.Compact(names)}
}

// demanded is true when every range on a slot has the version; otherwise it returns the first that has not.
func (s *search) demanded(n *slot, v *version) (*demand, bool) {
	for i := range n.demands {
		if !s.rangeOf(n.demands[i].versions).contains(v.number) {
			return &n.demands[i], false
		}
	}
	return nil, true
}
