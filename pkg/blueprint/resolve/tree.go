package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/blueprint"
)

// tree writes down what the search found.
func (s *search) tree() *Tree {
	b := &builder{search: s, nodes: make(map[*slot]*Node, len(s.agenda)), paths: map[string]bool{}}
	t := &b.tree
	t.Root = b.node(s.agenda[0], New, "")
	b.order(s.agenda[0], map[*slot]bool{})
	for _, path := range slices.Sorted(maps.Keys(s.in.Choices)) {
		if !b.paths[path] {
			t.Notes = append(t.Notes, fmt.Sprintf("The choice for %s has no effect: nothing of that name is needed.", shorten(path)))
		}
	}
	return t
}

type builder struct {
	search *search
	tree   Tree
	nodes  map[*slot]*Node
	paths  map[string]bool // of all dependencies
}

// node is a slot with everything that it needs.
func (b *builder) node(n *slot, use Use, reason string) *Node {
	out := &Node{
		Path: n.path, Alias: n.alias, Application: n.application, Use: use, Blueprint: n.version.Blueprint, Name: n.blueprint,
		Version: n.version.name, Size: n.size, Values: n.values, Reason: reason,
	}
	b.nodes[n] = out
	if len(n.skipped) > 0 {
		newest := n.skipped[0]
		out.Reason = fmt.Sprintf("%s %s is passed over. %s", n.blueprint, newest.version, newest.because)
		b.tree.Notes = append(b.tree.Notes, fmt.Sprintf("%s uses %s %s. %s", n.name(), n.blueprint, n.version.name, out.Reason))
	}
	for _, l := range n.links {
		out.Depends = append(out.Depends, b.linked(n, l))
	}
	return out
}

func (b *builder) linked(n *slot, l *link) *Node {
	b.paths[l.path] = true
	out := &Node{Path: l.path, Alias: l.dep.Name(), Use: l.use, Name: l.dep.Blueprint, Reason: l.reason, SharedWith: l.shared}
	switch {
	case l.use == New:
		out = b.node(l.target, New, l.reason)
	case l.target != nil:
		out.Application, out.Version, out.Blueprint = l.target.application, l.target.version.name, l.target.version.Blueprint
	case l.existing != nil:
		out.Application, out.Version = l.existing.Application, l.existing.Version
		out.Blueprint = b.installedBlueprint(l.existing)
	}
	out.Range = l.dep.Version
	if l.use != Off {
		out.Offers = b.search.offers(l.dep)
	}
	if len(l.unset) > 0 {
		b.tree.Notes = append(b.tree.Notes, fmt.Sprintf("%s keeps its own settings; for a new one %s would set %s.", out.Application, n.name(), strings.Join(l.unset, ", ")))
	}
	return out
}

// installedBlueprint is the Blueprint of an existing Application, if the catalog was asked and still has it.
func (b *builder) installedBlueprint(i *Installed) *blueprint.Blueprint {
	for _, v := range b.search.versions(i.Blueprint) {
		if v.name == i.Version {
			return v.Blueprint
		}
	}
	return nil
}

// order lists new Applications, each after what it needs.
func (b *builder) order(n *slot, seen map[*slot]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, l := range n.links {
		if l.target != nil {
			b.order(l.target, seen)
		}
	}
	b.tree.Order = append(b.tree.Order, b.nodes[n])
}
