package resolve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// trouble collects what went wrong, so that a failure can be explained: the problems that stand in the way of what would
// be best, not those of every version that was tried after it.
type trouble struct {
	list   []Problem
	regret int
	others bool // worse choices were tried, and failed too
	first  string
}

// maxProblems that one answer tells.
const maxProblems = 10

func (t *trouble) note(p Problem, regret int) {
	t.first = cmp.Or(t.first, p.Message)
	if len(t.list) > 0 && regret != t.regret {
		t.others = true
	}
	switch {
	case len(t.list) == 0 || regret < t.regret:
		t.list, t.regret = []Problem{p}, regret
	case regret == t.regret && len(t.list) < maxProblems && !slices.Contains(t.list, p):
		t.list = append(t.list, p)
	}
}

// begin and end enclose one attempt: end returns the first thing that went wrong in it.
func (t *trouble) begin() (before string) {
	before, t.first = t.first, ""
	return before
}

func (t *trouble) end(before string) string {
	own := t.first
	t.first = cmp.Or(before, own)
	return own
}

// failure is the answer when nothing is left to try.
func (s *search) failure() *Problems {
	list := slices.Clone(s.trouble.list)
	if s.trouble.others {
		list[0].Message += " No other version that could be used helps."
	}
	return &Problems{List: list}
}

func (s *search) giveUp() *Problems {
	list := []Problem{{Code: CodeTooLarge, Message: fmt.Sprintf("No set of versions was found in %d attempts. Choose existing Applications for some of the dependencies, or an exact version.", maxSteps)}}
	return &Problems{List: append(list, s.trouble.list...)}
}

// noVersion says why a slot has nothing to choose from.
func (s *search) noVersion(n *slot, all []*version) *Problem {
	if n.parent == nil {
		return s.noRoot(all)
	}
	if len(n.demands) > 1 && slices.ContainsFunc(all, func(v *version) bool { return v.refusal() == "" }) {
		last := n.demands[len(n.demands)-1]
		return &Problem{Path: last.path, Code: CodeConflict, Message: s.conflictMessage(n, last)}
	}
	asks := fmt.Sprintf("%s %s needs %s as %s", n.parent.blueprint, n.parent.version.name, ranged(n.blueprint, n.demands[0].versions), n.path)
	if len(all) == 0 {
		return &Problem{Path: n.path, Code: CodeMissing, Message: fmt.Sprintf("%s, and the catalog has no %s. Publish it, or choose an existing Application.", asks, n.blueprint)}
	}
	return &Problem{Path: n.path, Code: CodeVersion, Message: fmt.Sprintf("%s; the catalog has %s. Publish one that fits, or choose an existing Application.", asks, have(all))}
}

func (s *search) noRoot(all []*version) *Problem {
	switch {
	case len(all) == 0:
		return &Problem{Code: CodeMissing, Message: fmt.Sprintf("The catalog has no Blueprint %s.", shorten(s.in.Blueprint))}
	case s.in.Version != "":
		return &Problem{Code: CodeVersion, Message: fmt.Sprintf("Blueprint %s has no version %s; the catalog has %s.", s.in.Blueprint, shorten(s.in.Version), have(all))}
	default:
		return &Problem{Code: CodeRefused, Message: fmt.Sprintf("No version of Blueprint %s can be installed: the catalog has %s.", s.in.Blueprint, have(all))}
	}
}

// conflictMessage names everything that asks for one Application in versions that exclude each other.
func (s *search) conflictMessage(n *slot, last demand) string {
	var asks []string
	for _, d := range n.demands {
		asks = append(asks, fmt.Sprintf("%s (%s %s) needs %s as %s", d.by.name(), d.by.blueprint, d.by.version.name, cmp.Or(d.versions, "any version"), d.path))
	}
	return fmt.Sprintf("No version of %s suits all that would share %s: %s; the catalog has %s. Use a dedicated one for %s.",
		n.blueprint, n.path, strings.Join(asks, ", "), have(s.versions(n.blueprint)), last.path)
}

// have lists versions, and why those that are refused are.
func have(all []*version) string {
	const most = 8
	var out []string
	for i, v := range all {
		if i == most {
			out = append(out, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		if r := v.refusal(); r != "" {
			out = append(out, fmt.Sprintf("%s (refused: it %s)", v.name, shorten(r)))
		} else {
			out = append(out, v.name)
		}
	}
	return listed(out, "no version")
}

func ranged(name, versions string) string {
	return strings.TrimSpace(name + " " + versions)
}

func names(values map[string]any) []string { return slices.Sorted(maps.Keys(values)) }

func listed(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return strings.Join(words, ", ")
}

// shorten keeps what strangers wrote from filling a message.
func shorten(s string) string {
	const most = 120
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
