package resolve

import (
	"strings"

	"catalyst.openova.io/pkg/blueprint"
)

// link is a dependency with what satisfies it.
type link struct {
	path     string
	dep      *blueprint.Dependency
	use      Use
	reason   string
	target   *slot      // new and shared
	existing *Installed // existing, and shared with one that is
	shared   string     // path of what it is shared with
	unset    []string   // settings that are not applied, because the Application has its own
}

// connect satisfies one dependency of a slot that has just got its version.
func (s *search) connect(n *slot, e *edge) (set, bool) {
	l := &link{path: join(n.path, e.Name()), dep: e.Dependency, use: Off, reason: e.off}
	if e.off != "" {
		n.links = append(n.links, l)
		return set{}, true
	}
	choice, chosen := s.in.Choices[l.path]
	switch {
	case chosen && choice.Use == Existing:
		return s.useExisting(n, l, e, choice.Application)
	case chosen && choice.Use == New:
		return s.useNew(n, l, e, choice.Application)
	case chosen:
		return s.fail(n.chain(), l.path, CodeChoice, "For %s the choice is %q; it can be new or existing.", l.path, shorten(string(choice.Use)))
	}
	if len(e.values) == 0 {
		if around := n.around(e.Blueprint); around != nil {
			return s.useShared(n, l, around)
		}
	}
	return s.useNew(n, l, e, "")
}

func join(path, alias string) string {
	if path == "" {
		return alias
	}
	return path + "/" + alias
}

// around finds the same Blueprint among what the Applications around need; the nearest wins.
func (n *slot) around(name string) *link {
	for up := n.parent; up != nil; up = up.parent {
		for _, l := range up.links {
			if l.use != Off && l.dep.Blueprint == name {
				return l
			}
		}
	}
	return nil
}

// fail notes a problem and blames decisions.
func (s *search) fail(blame set, path, code, format string, args ...any) (set, bool) {
	p := problem(code, "", format, args...)
	p.Path = path
	s.trouble.note(*p, s.regret(blame))
	return blame, false
}

func (s *search) useExisting(n *slot, l *link, e *edge, name string) (set, bool) {
	found, ok := s.installed.byName[name]
	if !ok {
		return s.fail(n.chain(), l.path, CodeExisting, "There is no Application %q in %s that could be %s: choose another, or a new one.", shorten(name), s.in.Environment, l.path)
	}
	if reason := s.unfit(found, e.Dependency); reason != "" {
		code := CodeUnfit
		if found.Blueprint != e.Blueprint {
			code = CodeExisting
		}
		return s.fail(n.chain(), l.path, code, "%s cannot be %s for %s: it %s. Choose another, or a new one.", found.Application, l.path, n.name(), reason)
	}
	l.use, l.existing, l.unset, l.reason = Existing, found, names(e.values), "chosen"
	n.links = append(n.links, l)
	return set{}, true
}

// useNew puts an Application of its own on the agenda.
func (s *search) useNew(n *slot, l *link, e *edge, chosen string) (set, bool) {
	for up := n; up != nil; up = up.parent {
		if up.blueprint == e.Blueprint {
			return s.fail(n.chain(), l.path, CodeCycle, "%s would need itself: %s. Choose an existing Application for %s, or settings with which it is not needed.", e.Blueprint, route(up, n, e.Blueprint), l.path)
		}
	}
	if len(s.agenda) >= maxNodes {
		s.stopped = &Problems{List: []Problem{{Path: l.path, Code: CodeTooLarge, Message: "This would make more than 200 Applications at once. Install a part of it first, and choose what is there then."}}}
		return n.chain(), false
	}
	why := n.chain()
	name, holder, wrong := s.nameFor(n, l, chosen)
	if holder != nil {
		why = why.or(holder.why)
	}
	if wrong != "" {
		return s.fail(why, l.path, CodeName, "%s", wrong)
	}
	l.target = &slot{
		path: l.path, alias: e.Name(), application: name, parent: n, blueprint: e.Blueprint, given: e.values, from: e,
		at: len(s.agenda), why: why, demands: []demand{{l.path, n, e.Version}},
	}
	l.use = New
	s.agenda = append(s.agenda, l.target)
	s.names[name] = l.target
	n.links = append(n.links, l)
	return set{}, true
}

// useShared lets what an Application around has made or chosen satisfy the dependency too.
func (s *search) useShared(n *slot, l *link, around *link) (set, bool) {
	l.use, l.target, l.existing, l.shared = Shared, around.target, around.existing, around.path
	if around.shared != "" {
		l.shared = around.shared
	}
	l.reason = "shared with " + l.shared
	if l.target == nil {
		if !s.rangeOf(l.dep.Version).contains(versionOf(l.existing)) {
			return s.fail(n.chain(), l.path, CodeUnfit, "%s needs %s %s as %s, but %s is to be %s, in version %s. Choose a dedicated one for %s.",
				n.name(), l.dep.Blueprint, l.dep.Version, l.path, l.existing.Application, l.shared, l.existing.Version, l.path)
		}
		n.links = append(n.links, l)
		return set{}, true
	}
	if blame, way := cycle(l.target, n); way != "" {
		return s.fail(blame.or(n.chain()), l.path, CodeCycle, "%s would need itself: %s. Choose an existing Application or a dedicated one for %s.", l.target.blueprint, way, l.path)
	}
	d := demand{l.path, n, l.dep.Version}
	l.target.demands = append(l.target.demands, d)
	if blame, ok := s.agreed(l.target); !ok {
		l.target.demands = l.target.demands[:len(l.target.demands)-1]
		return blame, false
	}
	n.links = append(n.links, l)
	return set{}, true
}

// agreed is true while the demands on a slot leave it a version: the one that it has, or, when it has none yet, any.
func (s *search) agreed(n *slot) (set, bool) {
	blame := s.blameDemands(n, n.why)
	if n.version != nil {
		if _, fits := s.demanded(n, n.version); fits {
			return set{}, true
		}
		blame = blame.with(n.at)
	}
	for _, v := range s.versions(n.blueprint) {
		if _, fits := s.demanded(n, v); fits && v.refusal() == "" {
			return blame, n.version == nil
		}
	}
	if _, asked := s.in.Catalog[n.blueprint]; !asked {
		return set{}, true
	}
	last := n.demands[len(n.demands)-1]
	return s.fail(blame, last.path, CodeConflict, "%s", s.conflictMessage(n, last))
}

// cycle finds a way from one slot to another along what they need, and the decisions on it.
func cycle(from, to *slot) (set, string) {
	seen := map[*slot]bool{}
	var visit func(n *slot) (set, []string)
	visit = func(n *slot) (set, []string) {
		if n == to {
			return n.chain(), []string{n.name()}
		}
		if seen[n] {
			return set{}, nil
		}
		seen[n] = true
		for _, l := range n.links {
			if l.target == nil {
				continue
			}
			if blame, way := visit(l.target); way != nil {
				return blame.or(n.chain()), append([]string{n.name()}, way...)
			}
		}
		return set{}, nil
	}
	blame, way := visit(from)
	if way == nil {
		return set{}, ""
	}
	return blame, strings.Join(append(way, from.name()), " → ")
}

// route is the way from a slot down to one of its dependencies, by Blueprints.
func route(from, to *slot, last string) string {
	out := last
	for n := to; ; n = n.parent {
		out = n.blueprint + " → " + out
		if n == from {
			return out
		}
	}
}
