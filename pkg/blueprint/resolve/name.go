package resolve

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxName is the longest name of an Application: what a Helm release may have.
const MaxName = 53

var (
	labelPattern = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	// reservedSuffixes end the names of objects that Catalyst makes next to an Application.
	reservedSuffixes = []string{"-blueprint", "-values", "-values-overlay", "-dependencies", "-binding"}
)

func validName(name string) bool { return len(name) <= MaxName && labelPattern.MatchString(name) }

func reserved(name string) bool {
	return slices.ContainsFunc(reservedSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// nameFor finds the name of a new Application. The holder, if any, is another one of this tree that has a part in it.
func (s *search) nameFor(n *slot, l *link, chosen string) (name string, holder *slot, wrong string) {
	if chosen != "" {
		switch {
		case !validName(chosen) || reserved(chosen):
			return "", nil, fmt.Sprintf("%q cannot be the name of %s: it needs lower-case letters, digits and dashes, begins with a letter, has at most %d characters, and does not end in %s.", shorten(chosen), l.path, MaxName, listed(reservedSuffixes, ""))
		case s.taken(chosen):
			return "", nil, fmt.Sprintf("The name %s, chosen for %s, is taken in this Organization: choose another, or the existing Application.", chosen, l.path)
		case s.names[chosen] != nil:
			return "", s.names[chosen], fmt.Sprintf("The name %s, chosen for %s, is that of %s already: choose another.", chosen, l.path, s.names[chosen].name())
		}
		return chosen, nil, ""
	}
	suffix := strings.TrimPrefix(l.dep.Blueprint, "bp-")
	if twice(n, l.dep.Blueprint) {
		suffix = l.dep.Name()
	}
	base := n.application + "-" + suffix
	if reserved(base) {
		base += "-app"
	}
	name = fit(base)
	for i := 2; s.taken(name) || s.chosen[name]; i++ {
		name = fit(base + "-" + strconv.Itoa(i))
	}
	for salt := l.path; s.names[name] != nil || s.taken(name) || s.chosen[name]; salt += "/" {
		holder = cmp.Or(holder, s.names[name])
		name = fit(base + "-" + hash(salt)[:6])
	}
	return name, holder, ""
}

func (s *search) taken(name string) bool { return s.in.Taken[name] || s.installed.byName[name] != nil }

// twice is true when a version names a Blueprint more than once, needed or not, so that names do not change with it.
func twice(n *slot, name string) bool {
	count := 0
	for _, e := range n.edges {
		if e.Blueprint == name {
			count++
		}
	}
	return count > 1
}

// fit shortens a name, and keeps it different from others that begin like it.
func fit(name string) string {
	if len(name) <= MaxName {
		return name
	}
	return strings.TrimRight(name[:MaxName-9], "-") + "-" + hash(name)[:8]
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
