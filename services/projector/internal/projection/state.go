package projection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// State is what is known of one Environment, or of the Sovereign itself when Environment is empty.
type State struct {
	Environment string
	facts       map[string]proto.Message
}

// NewState returns an empty State.
func NewState(environment string) *State {
	return &State{Environment: environment, facts: map[string]proto.Message{}}
}

// Put takes in one observation. It returns the fact that now holds and the views that may differ because of it;
// changed is false when the observation was known or is older than what is known.
func (s *State) Put(data proto.Message) (fact proto.Message, touched []Ref, changed bool) {
	key := Key(data)
	before := s.facts[key]
	fact = Merge(before, data)
	if before != nil && proto.Equal(before, fact) {
		return fact, nil, false
	}
	s.facts[key] = fact
	touched = refsOf(fact)
	if before != nil {
		// An object that moves from one Application to another changes both.
		for _, r := range refsOf(before) {
			if !slices.Contains(touched, r) {
				touched = append(touched, r)
			}
		}
	}
	return fact, touched, true
}

// Facts returns every fact, in the order of their keys.
func (s *State) Facts() []proto.Message {
	out := make([]proto.Message, 0, len(s.facts))
	for _, k := range slices.Sorted(maps.Keys(s.facts)) {
		out = append(out, s.facts[k])
	}
	return out
}

// Ref names a view within a State.
type Ref struct {
	Kind view.Kind
	Name string
}

// Refs returns every view that the State can have.
func (s *State) Refs() []Ref {
	seen := map[Ref]bool{}
	var out []Ref
	for _, f := range s.Facts() {
		for _, r := range refsOf(f) {
			if !seen[r] {
				seen[r] = true
				out = append(out, r)
			}
		}
	}
	return out
}

func refsOf(fact proto.Message) []Ref {
	switch f := fact.(type) {
	case *spinev1.ObjectObserved:
		switch {
		case f.GetApplication() != "":
			return []Ref{{view.KindApplication, f.GetApplication()}}
		case f.GetOrganizationDetail() != nil || f.GetObject().GetKind() == string(view.KindOrganization):
			return []Ref{{view.KindOrganization, f.GetObject().GetName()}}
		case f.GetEnvironmentDetail() != nil || f.GetObject().GetKind() == string(view.KindEnvironment):
			return []Ref{{view.KindEnvironment, f.GetObject().GetName()}}
		case f.GetNode() != nil || f.GetObject().GetKind() == "Node":
			return []Ref{{view.KindSovereign, SovereignName}}
		}
	case *spinev1.BranchObserved:
		return []Ref{{view.KindApplication, f.GetApplication()}}
	case *spinev1.OperationProgressed:
		return []Ref{{view.KindOperation, f.GetId()}, {view.KindApplication, f.GetApplication()}}
	}
	return nil
}

// View returns the bytes of a view, or nil when there is nothing to show under that name. The same facts give the same
// bytes.
func (s *State) View(r Ref) ([]byte, error) {
	var v any
	var ok bool
	switch r.Kind {
	case view.KindApplication:
		v, ok = s.application(r.Name)
	case view.KindOperation:
		v, ok = s.operation(r.Name)
	case view.KindOrganization:
		v, ok = s.organization(r.Name)
	case view.KindEnvironment:
		v, ok = s.environment(r.Name)
	case view.KindSovereign:
		v, ok = s.sovereign()
	default:
		return nil, fmt.Errorf("no view of kind %q", r.Kind)
	}
	if !ok {
		return nil, nil
	}
	return json.Marshal(v)
}
