package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// clusterPatience is how long the cluster may take. Who waits for a preview has its Git side to look at without.
const clusterPatience = 5 * time.Second

// Renders tells what Requests do by rendering them, before and after, and asking the cluster. Cluster may be nil.
type Renders struct {
	Renderer   Renderer
	Blueprints Blueprints
	Cluster    Cluster
}

var _ Previewer = (*Renders)(nil)

// side is what Flux applies of one tree.
type side struct {
	objects map[string]applied
	notes   []string
}

// applied is an object with who applies it.
type applied struct {
	Object
	manager string
}

// Preview implements Previewer. The error is about the way there; what is wrong with the tree is in Incomplete.
func (p *Renders) Preview(ctx context.Context, r Request) (Preview, error) {
	if !deployed(r.Before, r.EnvType) && !deployed(r.After, r.EnvType) {
		return Preview{Changes: []Change{}}, nil
	}
	var incomplete []string
	able, away := p.ask(ctx)
	if away != "" {
		incomplete = append(incomplete, away)
	}
	before, after, err := p.sides(ctx, r, able)
	if ctx.Err() != nil {
		return Preview{}, ctx.Err()
	}
	if err != nil {
		return Preview{Changes: []Change{}, Incomplete: strings.Join(append(incomplete, err.Error()), "; ")}, nil
	}
	changes, checks := compare(before, after)
	incomplete = append(incomplete, before.notes...)
	incomplete = append(incomplete, after.notes...)
	if away == "" {
		incomplete = append(incomplete, p.inspect(ctx, r.Environment, changes, checks)...)
	}
	slices.Sort(incomplete)
	return Preview{Changes: changes, Incomplete: strings.Join(slices.Compact(incomplete), "; ")}, nil
}

// ask asks the cluster what it can do, or returns why it cannot be asked.
func (p *Renders) ask(ctx context.Context) (able Capabilities, away string) {
	if p.Cluster == nil {
		return able, "there is no cluster to ask, so what runs now is not compared"
	}
	ctx, cancel := context.WithTimeout(ctx, clusterPatience/2)
	defer cancel()
	able, err := p.Cluster.Capabilities(ctx)
	if err != nil {
		return Capabilities{}, fmt.Sprintf("the cluster could not be asked, so what runs now is not compared: %v", err)
	}
	return able, ""
}

// deployed tells whether a tree runs in an Environment of this type.
func deployed(files map[string][]byte, envType string) bool {
	dir := "overlays/" + envType + "/"
	for path := range files {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// sides renders both trees, one after the other in one Session.
func (p *Renders) sides(ctx context.Context, r Request, able Capabilities) (before, after side, err error) {
	session, err := p.Renderer.Open(ctx)
	if err != nil {
		return side{}, side{}, err
	}
	defer session.Close()
	if before, err = p.side(ctx, session, r, r.Before, nil, able); err != nil {
		return side{}, side{}, fmt.Errorf("what Git says now cannot be rendered: %w", err)
	}
	if sameTree(r.Before, r.After) {
		return before, before, nil
	}
	if after, err = p.side(ctx, session, r, r.After, &before, able); err != nil {
		return side{}, side{}, fmt.Errorf("what Git would say cannot be rendered: %w", err)
	}
	return before, after, nil
}

func sameTree(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) })
}

func (p *Renders) side(ctx context.Context, session Session, r Request, files map[string][]byte, before *side, able Capabilities) (side, error) {
	s := side{objects: map[string]applied{}}
	if !deployed(files, r.EnvType) {
		return s, nil
	}
	tree, err := session.Tree(Tree{Environment: r.Environment, EnvType: r.EnvType, Application: r.Application, Files: files})
	if err != nil {
		return s, fmt.Errorf("overlays/%s: %w", r.EnvType, err)
	}
	s.add(tree, kustomizeManager)
	pins, notes := pins(tree.Objects)
	s.notes = append(s.notes, notes...)
	for _, pin := range pins {
		if pin.suspended() && before != nil {
			// Flux lets what runs be.
			s.hold(*before, pin)
			continue
		}
		payload, err := p.Blueprints.Payload(ctx, pin.source)
		if err != nil {
			return s, fmt.Errorf("the Blueprint of %s cannot be had: %w", pin.owner, err)
		}
		rendering, err := session.Release(Release{
			Owner: pin.owner, Settings: settings(tree.Objects), Digest: pin.source.Digest, Payload: payload,
			// Both sides are told the same, so that only what Git says makes a difference.
			Upgrade: len(r.Before) > 0, Capabilities: able,
		})
		if err != nil {
			return s, fmt.Errorf("the Blueprint of %s: %w", pin.owner, err)
		}
		s.add(rendering, pin.manager())
	}
	return s, nil
}

func (s *side) add(r Rendering, manager string) {
	for _, o := range r.Objects {
		s.objects[o.key()] = applied{o, manager}
	}
	s.notes = append(s.notes, r.Notes...)
}

// hold keeps what a release rendered before it was paused.
func (s *side) hold(before side, pin pinned) {
	for key, o := range before.objects {
		if _, isNew := s.objects[key]; !isNew && pin.owns(o.Object) {
			s.objects[key] = o
		}
	}
}

// compare lists what happens to each object, and what to ask the cluster about it.
func compare(before, after side) ([]Change, []Check) {
	keys := maps.Clone(before.objects)
	maps.Copy(keys, after.objects)
	order := slices.Collect(maps.Keys(keys))
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(keys[a].Object), rank(keys[b].Object)), cmp.Compare(a, b))
	})
	changes, checks := make([]Change, 0, len(order)), make([]Check, 0, len(order))
	var d differ
	for _, key := range order {
		was, is := before.objects[key], after.objects[key]
		o := keys[key] // the newer one
		c := Change{Kind: o.Kind(), APIVersion: o.APIVersion(), Namespace: o.Namespace(), Name: o.Name(), Action: None}
		c.Diff = d.diff("now", "next", was.Object, is.Object)
		switch {
		case was.Object == nil:
			c.Action = Create
		case is.Object == nil:
			c.Action = Delete
		case c.Diff != "":
			c.Action = Update
		}
		changes = append(changes, c)
		checks = append(checks, Check{Now: was.Object, Next: is.Object, Manager: o.manager})
	}
	return changes, checks
}

// rank puts Flux's own objects first: they are what renders the others.
func rank(o Object) int {
	if strings.HasSuffix(o.Group(), ".toolkit.fluxcd.io") {
		return 0
	}
	return 1
}

// inspect asks the cluster and adds to the changes what it says.
func (p *Renders) inspect(ctx context.Context, environment string, changes []Change, checks []Check) []string {
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	var unknown []string
	var d differ
	for i, f := range p.Cluster.Inspect(ctx, environment, checks) {
		c, check := &changes[i], checks[i]
		switch {
		case errors.Is(f.Err, context.DeadlineExceeded):
			unknown = append(unknown, "the cluster did not answer in time, so not all that runs was compared")
			continue
		case f.Err != nil:
			unknown = append(unknown, fmt.Sprintf("%s %s could not be compared with what runs: %v", c.Kind, c.Name, f.Err))
			continue
		}
		c.Problem = f.Problem
		switch {
		case check.Now != nil && f.Live == nil && f.Applied != nil:
			c.Drift = d.diff("git", "cluster", check.Now, nil)
		case check.Now != nil && f.Live != nil && f.Applied != nil:
			c.Drift = d.diff("git", "cluster", f.Applied, f.Live)
		case check.Now == nil && f.Live != nil:
			c.Drift = d.diff("git", "cluster", nil, f.Live)
		}
	}
	return unknown
}
