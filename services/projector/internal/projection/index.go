package projection

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// index brings what is looked up by Application and kind to the change of one fact; nil stands for no fact.
func (s *State) index(key string, old, now proto.Message) {
	switch d := either(old, now).(type) {
	case *spinev1.ObjectObserved:
		before, after := live(old), live(now)
		if s.Environment == "" {
			s.indexSystem(key, d, before, after)
			return
		}
		if before != nil {
			s.of(before.GetApplication()).remove(before)
			s.restate(before.GetApplication())
		}
		if after != nil {
			s.of(after.GetApplication()).add(after)
			s.restate(after.GetApplication())
		}
	case *spinev1.BranchObserved:
		s.indexBranch(d.GetApplication(), as[*spinev1.BranchObserved](old), as[*spinev1.BranchObserved](now))
	case *spinev1.BranchChecked:
		s.of(d.GetApplication()).checked = as[*spinev1.BranchChecked](now)
		s.restate(d.GetApplication())
	case *spinev1.OperationProgressed:
		if o := as[*spinev1.OperationProgressed](old); o != nil {
			e := s.of(o.GetApplication())
			e.operations = slices.DeleteFunc(e.operations, func(x *spinev1.OperationProgressed) bool { return x == o })
			e.happened = true
			s.restate(o.GetApplication())
		}
		if o := as[*spinev1.OperationProgressed](now); o != nil {
			e := s.of(o.GetApplication())
			i, _ := slices.BinarySearchFunc(e.operations, o, newerOperation)
			e.operations = slices.Insert(e.operations, i, o)
			e.happened = true
			s.restate(o.GetApplication())
		}
		s.touch(Ref{view.KindOperation, d.GetId()})
	case *spinev1.SourceObserved:
		s.indexSource(as[*spinev1.SourceObserved](old), as[*spinev1.SourceObserved](now))
	case *spinev1.ClusterObserved:
		set(s.clusters, d.GetCluster(), as[*spinev1.ClusterObserved](now))
		s.touch(s.Anchor())
	case *spinev1.Heartbeat:
		set(s.heartbeats, d.GetSource(), as[*spinev1.Heartbeat](now))
		s.touch(s.Anchor())
	case *spinev1.EventSetAside:
		s.indexAside(as[*spinev1.EventSetAside](old), as[*spinev1.EventSetAside](now))
	}
}

// replace puts a look at an object in the place of another that says the same.
func (s *State) replace(key string, old, now *spinev1.ObjectObserved) {
	switch {
	case old.GetDeleted():
	case s.Environment == "":
		if _, ok := s.nodes[key]; ok {
			s.nodes[key] = now
		}
		if r, ok := s.placeOf(old); ok {
			swap(s.objects[r], old, now)
		}
	default:
		e := s.of(old.GetApplication())
		swap(*e.list(old), old, now)
	}
}

func (s *State) indexSystem(key string, d, before, after *spinev1.ObjectObserved) {
	if before.GetNode() != nil || after.GetNode() != nil {
		if after.GetNode() == nil {
			after = nil
		}
		set(s.nodes, key, after)
		s.touch(s.Anchor())
		return
	}
	r, ok := s.placeOf(d)
	if !ok {
		return
	}
	list := s.objects[r]
	if before != nil {
		list = slices.DeleteFunc(list, func(x *spinev1.ObjectObserved) bool { return x == before })
	}
	if after != nil {
		i, _ := slices.BinarySearchFunc(list, after, compareRef)
		list = slices.Insert(list, i, after)
	}
	if s.objects[r] = list; len(list) == 0 {
		delete(s.objects, r)
	}
	s.touch(r)
}

// placeOf names the view of the Sovereign's own that an object has to itself.
func (s *State) placeOf(o *spinev1.ObjectObserved) (Ref, bool) {
	k := view.Kind(o.GetObject().GetKind())
	return Ref{k, o.GetObject().GetName()}, s.Environment == "" && (k == view.KindOrganization || k == view.KindEnvironment)
}

func (s *State) indexBranch(app string, old, now *spinev1.BranchObserved) {
	e := s.of(app)
	e.branch, e.happened = now, true
	for _, d := range needs(old) {
		if m := s.dependents[d.GetApplication()]; m != nil {
			delete(m, app)
		}
		s.touch(Ref{view.KindApplication, d.GetApplication()})
	}
	for _, d := range needs(now) {
		m := s.dependents[d.GetApplication()]
		if m == nil {
			m = map[string]struct{}{}
			s.dependents[d.GetApplication()] = m
		}
		m[app] = struct{}{}
		s.touch(Ref{view.KindApplication, d.GetApplication()})
	}
	for _, b := range []*spinev1.BranchObserved{old, now} {
		if named(b.GetBlueprint()) {
			s.touch(Ref{view.KindBlueprintUse, b.GetBlueprint()})
		}
	}
	if used(old) {
		delete(s.uses[old.GetBlueprint()], app)
	}
	if used(now) {
		m := s.uses[now.GetBlueprint()]
		if m == nil {
			m = map[string]*evidence{}
			s.uses[now.GetBlueprint()] = m
		}
		m[app] = e
	}
	s.restate(app)
}

// used tells whether an Application runs from a Blueprint.
func used(b *spinev1.BranchObserved) bool { return b.GetPresent() && named(b.GetBlueprint()) }

// named tells whether something that Git holds can be the name of a view.
func named(s string) bool { return s != "" && utf8.RuneCountInString(s) <= longestName }

// needs are the dependencies of an Application that Git holds.
func needs(b *spinev1.BranchObserved) []*spinev1.Dependency {
	if !b.GetPresent() {
		return nil
	}
	return b.GetDependencies()
}

func (s *State) indexSource(old, now *spinev1.SourceObserved) {
	if old.GetQuiet() {
		s.quiet = slices.DeleteFunc(s.quiet, func(x *spinev1.SourceObserved) bool { return x == old })
	}
	if now.GetQuiet() {
		i, _ := slices.BinarySearchFunc(s.quiet, now, func(a, b *spinev1.SourceObserved) int { return strings.Compare(a.GetSource(), b.GetSource()) })
		s.quiet = slices.Insert(s.quiet, i, now)
	}
	if !old.GetQuiet() && !now.GetQuiet() && s.Environment != "" {
		return
	}
	for app := range s.evidence {
		s.restate(app)
	}
	for r := range s.objects {
		s.touch(r)
	}
	if s.Environment == "" {
		s.touch(s.Anchor())
	}
}

func (s *State) indexAside(old, now *spinev1.EventSetAside) {
	if old != nil {
		s.aside = slices.DeleteFunc(s.aside, func(x *spinev1.EventSetAside) bool { return x == old })
	}
	s.touch(Ref{view.KindSetAside, asideName(cmp.Or(now, old))})
	if now == nil {
		return
	}
	i, _ := slices.BinarySearchFunc(s.aside, now, newerAside)
	s.aside = slices.Insert(s.aside, i, now)
	if len(s.aside) > keptAside {
		s.drop(Key(s.aside[keptAside]))
	}
}

// of is the evidence of an Application, or of what belongs to none.
func (s *State) of(app string) *evidence {
	e := s.evidence[app]
	if e == nil {
		e = &evidence{name: app, heap: -1}
		s.evidence[app] = e
	}
	return e
}

// restate has the verdict on an Application made anew before anything is shown.
func (s *State) restate(app string) { s.stale[app] = s.evidence[app] }

// settle makes every verdict that is stale. A verdict depends on the Application's own facts alone, so that those who
// need it or are needed by it are shown anew, and nothing goes round in circles.
func (s *State) settle() {
	if len(s.stale) == 0 {
		return
	}
	for app, e := range s.stale {
		if app != "" {
			s.rejudge(e)
		}
		if e.happened {
			e.happened = false
			if s.activity.set(e, entriesOf(e)) {
				s.touch(s.Anchor())
			}
		}
		if e.empty() {
			delete(s.evidence, app)
		}
	}
	clear(s.stale)
}

func (s *State) rejudge(e *evidence) {
	before := e.verdict.phase
	e.verdict = s.judge(e)
	s.touch(Ref{view.KindApplication, e.name})
	if e.verdict.phase == before {
		return
	}
	for dependent := range s.dependents[e.name] {
		s.touch(Ref{view.KindApplication, dependent})
	}
}

func compareRef(a, b *spinev1.ObjectObserved) int {
	x, y := a.GetObject(), b.GetObject()
	return cmp.Or(
		strings.Compare(x.GetCluster(), y.GetCluster()), strings.Compare(x.GetKind(), y.GetKind()), strings.Compare(x.GetNamespace(), y.GetNamespace()),
		strings.Compare(x.GetName(), y.GetName()), strings.Compare(x.GetApiVersion(), y.GetApiVersion()),
	)
}

// live is the object if it is there.
func live(m proto.Message) *spinev1.ObjectObserved {
	if o := as[*spinev1.ObjectObserved](m); o != nil && !o.GetDeleted() {
		return o
	}
	return nil
}

func as[M proto.Message](m proto.Message) M {
	out, _ := m.(M)
	return out
}

func either(a, b proto.Message) proto.Message {
	if b != nil {
		return b
	}
	return a
}

func set[V any](m map[string]*V, key string, v *V) {
	if v == nil {
		delete(m, key)
	} else {
		m[key] = v
	}
}

func swap(list []*spinev1.ObjectObserved, old, now *spinev1.ObjectObserved) {
	if i := slices.Index(list, old); i >= 0 {
		list[i] = now
	}
}
