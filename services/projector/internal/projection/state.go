package projection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// maxView is the size in bytes of the largest view: the spine carries values up to a megabyte.
const maxView = 900 << 10

// Ref names a view within a State.
type Ref struct {
	Kind view.Kind
	Name string
}

// fact is what holds of one thing, and the place in the log of the newest event that says so.
type fact struct {
	data     proto.Message
	sequence uint64
}

// State is what is known of one Environment, or of the Sovereign itself when Environment is empty. One observation costs
// the work for the views that it is part of, whatever else is known.
type State struct {
	Environment  string
	organization string

	facts   map[string]*fact
	passing map[string]struct{} // keys of the facts that last as long as the log
	changed map[string]struct{} // keys of the facts to store

	touched map[Ref]struct{}
	order   []Ref // of touched, as they were touched

	evidence   map[string]*evidence           // by Application
	stale      map[string]*evidence           // those whose verdict has to be made anew
	dependents map[string]map[string]struct{} // by Application: those that need it
	uses       map[string]map[string]*evidence
	activity   activity
	quiet      []*spinev1.SourceObserved // in the order of their names

	objects    map[Ref][]*spinev1.ObjectObserved // Organizations and Environments
	nodes      map[string]*spinev1.ObjectObserved
	clusters   map[string]*spinev1.ClusterObserved
	heartbeats map[string]*spinev1.Heartbeat
	aside      []*spinev1.EventSetAside // newest first

	buffer []byte // in which views are encoded
}

// NewState returns an empty State. What follows from no facts at all is touched already.
func NewState(environment string) *State {
	s := &State{
		Environment: environment,
		facts:       map[string]*fact{}, passing: map[string]struct{}{}, changed: map[string]struct{}{}, touched: map[Ref]struct{}{},
		evidence: map[string]*evidence{}, stale: map[string]*evidence{}, dependents: map[string]map[string]struct{}{},
		uses:    map[string]map[string]*evidence{},
		objects: map[Ref][]*spinev1.ObjectObserved{}, nodes: map[string]*spinev1.ObjectObserved{},
		clusters: map[string]*spinev1.ClusterObserved{}, heartbeats: map[string]*spinev1.Heartbeat{},
	}
	if i := strings.LastIndexByte(environment, '-'); i > 0 {
		s.organization = environment[:i]
	}
	s.touch(s.Anchor())
	return s
}

// Anchor names the one view that every State has, whatever is known.
func (s *State) Anchor() Ref {
	if s.Environment == "" {
		return Ref{view.KindSovereign, SovereignName}
	}
	return Ref{view.KindActivity, s.Environment}
}

// Put takes in one observation, which Check let pass, and its place in the log. It returns false when the observation
// was known or is older than what is known. The State owns data from then on.
func (s *State) Put(data proto.Message, sequence uint64) bool {
	key := Key(data)
	before := s.facts[key]
	if before == nil {
		f := &fact{data: settled(data), sequence: sequence}
		s.facts[key] = f
		s.note(key, f)
		s.index(key, nil, f.data)
		return true
	}
	holds := Merge(before.data, data)
	later := sequence > before.sequence
	before.sequence = max(before.sequence, sequence)
	if holds == before.data {
		if later && !lasting(holds) {
			s.changed[key] = struct{}{}
		}
		return false
	}
	old := before.data
	before.data = holds
	s.note(key, before)
	if old, ok := old.(*spinev1.ObjectObserved); ok && sameLook(old, holds) {
		s.replace(key, old, holds.(*spinev1.ObjectObserved))
		return true
	}
	s.index(key, old, holds)
	return true
}

func (s *State) note(key string, f *fact) {
	s.changed[key] = struct{}{}
	if lasting(f.data) {
		delete(s.passing, key)
	} else {
		s.passing[key] = struct{}{}
	}
}

// Expire drops the facts that only the log knew and that it holds no more: those from before its first sequence. No
// replay of the log can contradict the end of an object whose last word it has lost. What people see goes only if it is
// from before a time, too: a log that lost its events in another way than by their age is no evidence.
func (s *State) Expire(first uint64, before time.Time) {
	for key := range s.passing {
		if f := s.facts[key]; f.sequence < first && timeOf(f.data).Before(before) {
			s.drop(key)
		}
	}
}

func timeOf(m proto.Message) time.Time {
	switch d := m.(type) {
	case *spinev1.OperationProgressed:
		return latest(instant(d.GetCreatedAt()), instant(d.GetEndedAt()))
	case *spinev1.EventSetAside:
		return instant(d.GetObservedAt())
	}
	return time.Time{}
}

// Renumber places every fact that only the log knew at the beginning of a new log, in which it is kept for its time.
func (s *State) Renumber() {
	for key, f := range s.facts {
		f.sequence = 1
		if _, ok := s.passing[key]; ok {
			s.changed[key] = struct{}{}
		}
	}
}

// SetAside is what is known of what was set aside. Nobody but the log and this State knows it.
func (s *State) SetAside() []*spinev1.EventSetAside {
	var out []*spinev1.EventSetAside
	for key := range s.passing {
		if e, ok := s.facts[key].data.(*spinev1.EventSetAside); ok {
			out = append(out, e)
		}
	}
	return out
}

func (s *State) drop(key string) {
	s.index(key, s.facts[key].data, nil)
	delete(s.facts, key)
	delete(s.passing, key)
	s.changed[key] = struct{}{}
}

// Len is how many facts there are.
func (s *State) Len() int { return len(s.facts) }

func (s *State) touch(r Ref) {
	if _, ok := s.touched[r]; !ok {
		s.touched[r] = struct{}{}
		s.order = append(s.order, r)
	}
}

// Touched returns the views that may differ since it was last called.
func (s *State) Touched() []Ref {
	s.settle()
	out := s.order
	clear(s.touched)
	s.order = nil
	return out
}

// TouchAll makes Touched return every view the next time, also those that are not there because something was deleted.
func (s *State) TouchAll() {
	s.touch(s.Anchor())
	for _, f := range s.facts {
		switch d := f.data.(type) {
		case *spinev1.ObjectObserved:
			if r, ok := s.placeOf(d); ok {
				s.touch(r)
			}
			if d.GetApplication() != "" && s.Environment != "" {
				s.touch(Ref{view.KindApplication, d.GetApplication()})
			}
		case *spinev1.BranchObserved:
			s.touch(Ref{view.KindApplication, d.GetApplication()})
			if named(d.GetBlueprint()) {
				s.touch(Ref{view.KindBlueprintUse, d.GetBlueprint()})
			}
		case *spinev1.BranchChecked:
			s.touch(Ref{view.KindApplication, d.GetApplication()})
		case *spinev1.OperationProgressed:
			s.touch(Ref{view.KindOperation, d.GetId()})
			if d.GetApplication() != "" {
				s.touch(Ref{view.KindApplication, d.GetApplication()})
			}
		case *spinev1.EventSetAside:
			s.touch(Ref{view.KindSetAside, asideName(d)})
		}
	}
}

// View returns the bytes of a view, or nil when there is nothing to show under that name. The same facts give the same
// bytes.
func (s *State) View(r Ref) ([]byte, error) {
	s.settle()
	switch r.Kind {
	case view.KindApplication:
		if e := s.evidence[r.Name]; e != nil && e.verdict.phase != "" {
			a := s.application(e)
			s.buffer = appendApplication(s.buffer[:0], &a)
			if len(s.buffer) > maxView {
				return encodeView(a, slimApplication)
			}
			return bytes.Clone(s.buffer), nil
		}
	case view.KindActivity:
		if r == s.Anchor() {
			return encodeView(s.activityView(), func(a *view.Activity) { a.Entries = a.Entries[:0] })
		}
	case view.KindBlueprintUse:
		if v, ok := s.blueprintUse(r.Name); ok {
			return encodeView(v, slimUse)
		}
	case view.KindOperation:
		if f := s.facts["operation\x00"+r.Name]; f != nil {
			return encodeView(s.operation(f.data.(*spinev1.OperationProgressed)), func(o *view.Operation) { o.Steps, o.Applications = []view.Step{}, []string{} })
		}
	case view.KindOrganization:
		if v, ok := s.organizationView(r.Name); ok {
			return encodeView(v)
		}
	case view.KindEnvironment:
		if v, ok := s.environmentView(r.Name); ok {
			return encodeView(v)
		}
	case view.KindSovereign:
		if r == s.Anchor() {
			return encodeView(s.sovereign())
		}
	case view.KindSetAside:
		for _, a := range s.aside {
			if asideName(a) == r.Name {
				return encodeView(setAside(a))
			}
		}
	default:
		return nil, fmt.Errorf("no view of kind %q", r.Kind)
	}
	return nil, nil
}

// encodeView is the JSON of a view. One that is larger than the spine can carry is made smaller.
func encodeView[V any](v V, smaller ...func(*V)) ([]byte, error) {
	b, err := json.Marshal(v)
	for _, f := range smaller {
		if err != nil || len(b) <= maxView {
			break
		}
		f(&v)
		b, err = json.Marshal(v)
	}
	if err == nil && len(b) > maxView {
		return nil, fmt.Errorf("a %T has %d bytes, and the spine carries %d", v, len(b), maxView)
	}
	return b, err
}
