package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"catalyst.openova.io/pkg/blueprint"
)

// UpgradeError says why a version may not follow another, and which versions are a way there.
type UpgradeError struct {
	Reason string
	// Via are the stops on the way, in order; empty if there is no way.
	Via []string
}

func (e *UpgradeError) Error() string { return e.Reason }

// Upgrade says whether a version may follow another, newer or older: nil, or an *UpgradeError. Versions are those of the
// Blueprint in the catalog.
func Upgrade(from, to string, versions []Candidate) error {
	start, err := semver.StrictNewVersion(from)
	if err != nil {
		return &UpgradeError{Reason: fmt.Sprintf("The version that is installed, %s, cannot be compared with others.", shorten(from))}
	}
	known := order(versions)
	i := slices.IndexFunc(known, func(v *version) bool { return v.name == to })
	if i < 0 {
		return &UpgradeError{Reason: fmt.Sprintf("There is no version %s; the catalog has %s.", shorten(to), have(known))}
	}
	goal := known[i]
	why := obstacle(start, goal)
	if why == "" {
		return nil
	}
	via := stops(start, goal, known)
	if len(via) > 0 {
		why += " Go there by way of " + strings.Join(via, ", then ") + "."
	}
	return &UpgradeError{Reason: why, Via: via}
}

// obstacle says why a version may not follow another, empty if it may.
func obstacle(from *semver.Version, to *version) string {
	if r := to.refusal(); r != "" {
		return fmt.Sprintf("Version %s cannot be installed: it %s.", to.name, r)
	}
	rules := cmp.Or(to.Blueprint.Spec.Upgrades, &blueprint.Upgrades{})
	for _, b := range rules.Blocks {
		if includes(b.Versions, from) {
			return strings.TrimSpace(fmt.Sprintf("Version %s may not follow %s. %s", to.name, from, ended(b.Reason)))
		}
	}
	switch from.Compare(to.number) {
	case -1:
		if rules.From != "" && !includes(rules.From, from) {
			return fmt.Sprintf("Version %s may follow %s only, not %s.", to.name, rules.From, from)
		}
	case 1:
		if rules.From == "" || !includes(rules.From, from) || includes(rules.From, beyond) {
			return fmt.Sprintf("Version %s does not say that it can take over from the newer %s, so going back may lose data.", to.name, from)
		}
	}
	return ""
}

// beyond is newer than every version: a range that has it is open, and says nothing about the newer ones.
var beyond = semver.New(1<<62, 0, 0, "", "")

func includes(text string, v *semver.Version) bool {
	r := parseRange(text)
	if r.constraints != nil {
		r.constraints.IncludePrerelease = true
	}
	return r.contains(v)
}

func ended(sentence string) string {
	if sentence == "" || strings.HasSuffix(sentence, ".") {
		return sentence
	}
	return sentence + "."
}

// stops finds the shortest way between two versions that leads in one direction only.
func stops(from *semver.Version, goal *version, known []*version) []string {
	type step struct {
		at  *semver.Version
		via []string
	}
	seen := map[*version]bool{}
	between := func(at *semver.Version, v *version) bool {
		return v == goal || (at.Compare(v.number) == v.number.Compare(goal.number) && at.Compare(v.number) != 0)
	}
	for queue := []step{{at: from}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		for _, v := range known {
			if seen[v] || !between(s.at, v) || obstacle(s.at, v) != "" {
				continue
			}
			if v == goal {
				return s.via
			}
			seen[v] = true
			queue = append(queue, step{v.number, append(slices.Clone(s.via), v.name)})
		}
	}
	return nil
}
