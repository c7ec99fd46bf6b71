package resolve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"catalyst.openova.io/pkg/blueprint"
)

// installations are the Applications of the Environment, ready to be found.
type installations struct {
	byName      map[string]*Installed
	byBlueprint map[string][]*Installed // by name
}

func index(installed []Installed) installations {
	out := installations{byName: map[string]*Installed{}, byBlueprint: map[string][]*Installed{}}
	for i := range installed {
		out.byName[installed[i].Application] = &installed[i]
	}
	for _, name := range slices.Sorted(maps.Keys(out.byName)) {
		i := out.byName[name]
		out.byBlueprint[i.Blueprint] = append(out.byBlueprint[i.Blueprint], i)
	}
	return out
}

func versionOf(i *Installed) *semver.Version {
	v, err := semver.NewVersion(i.Version)
	if err != nil {
		return semver.New(0, 0, 0, "unknown", "")
	}
	return v
}

// unfit says why an Application cannot satisfy a dependency: it …
func (s *search) unfit(i *Installed, d *blueprint.Dependency) string {
	switch {
	case i.Blueprint != d.Blueprint:
		return fmt.Sprintf("is made from %s, not from %s", cmp.Or(i.Blueprint, "no Blueprint"), d.Blueprint)
	case i.Application == s.in.Application:
		return "is this Application itself"
	case !s.rangeOf(d.Version).contains(versionOf(i)):
		return fmt.Sprintf("has version %s, and %s is needed", cmp.Or(i.Version, "unknown"), d.Version)
	}
	if way := s.wayBack(i.Application, map[string]bool{}); way != nil {
		return "needs " + s.in.Application + " itself (" + strings.Join(way, " → ") + ")"
	}
	return ""
}

// wayBack is how an existing Application needs the one that is being resolved, if it does.
func (s *search) wayBack(from string, seen map[string]bool) []string {
	if from == s.in.Application {
		return []string{from}
	}
	i := s.installed.byName[from]
	if i == nil || seen[from] {
		return nil
	}
	seen[from] = true
	for _, next := range i.DependsOn {
		if way := s.wayBack(next, seen); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}

// offers are the existing Applications of the Blueprint, those that fit first.
func (s *search) offers(d *blueprint.Dependency) []Offer {
	var out []Offer
	for _, i := range s.installed.byBlueprint[d.Blueprint] {
		reason := s.unfit(i, d)
		if i.Application != s.in.Application {
			out = append(out, Offer{Application: i.Application, Version: i.Version, Phase: i.Phase, Fits: reason == "", Reason: reason})
		}
	}
	slices.SortStableFunc(out, func(a, b Offer) int {
		switch {
		case a.Fits == b.Fits:
			return 0
		case a.Fits:
			return -1
		default:
			return 1
		}
	})
	return out
}
