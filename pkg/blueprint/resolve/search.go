package resolve

import (
	"cmp"
	"fmt"
	"slices"
)

// Bounds of one tree. A person cannot judge a plan that is larger.
const (
	maxNodes = 200
	maxSteps = 20_000
)

// Resolve finds the tree of an Application. Of all trees that satisfy every range it is the first one when versions are
// compared newest first, nearer Applications before those behind them. The error is a *NeedError or a *Problems.
func Resolve(in Input) (*Tree, error) {
	s := newSearch(&in)
	if problem := s.begin(); problem != nil {
		return nil, &Problems{List: []Problem{*problem}}
	}
	_, found := s.place(0)
	switch {
	case s.stopped != nil:
		return nil, s.stopped
	case !found:
		return nil, s.failure()
	}
	return s.tree(), nil
}

// set holds positions of decisions.
type set [(maxNodes + 63) / 64]uint64

func (a set) with(i int) set {
	a[i/64] |= 1 << (i % 64)
	return a
}

func (a set) without(i int) set {
	a[i/64] &^= 1 << (i % 64)
	return a
}

func (a set) has(i int) bool { return a[i/64]&(1<<(i%64)) != 0 }

func (a set) or(b set) set {
	for i := range a {
		a[i] |= b[i]
	}
	return a
}

// slot is an Application to be made, while the search looks for its version.
type slot struct {
	path, alias, application string
	parent                   *slot // nil for the root
	blueprint, size          string
	given                    map[string]any
	from                     *edge // that asks for it, nil for the root
	at                       int   // its position among the decisions
	why                      set   // the decisions because of which it exists, as it is

	demands []demand // what others ask of it, its parent first

	// Decided:
	version *version
	rank    int // how many versions that fit were tried before
	skipped []skip
	expansion
	links []*link
}

// skip is a newer version that fits and cannot be resolved.
type skip struct{ version, because string }

// demand is a range that the version of a slot has to be in.
type demand struct {
	path     string // of the dependency that asks
	by       *slot
	versions string
}

// search is depth-first, and goes back to the last decision that had a part in a failure: what is not related to it is
// not tried again.
type search struct {
	in        *Input
	installed installations
	memory    map[memoryKey]expansion
	sorted    map[string][]*version
	ranges    map[string]*versionRange

	agenda []*slot // in the order of decision; those behind the current one are known, not decided
	names  map[string]*slot
	chosen map[string]bool // names that a person gave
	steps  int

	stopped error
	trouble trouble
}

func newSearch(in *Input) *search {
	s := &search{
		in: in, installed: index(in.Installed), names: map[string]*slot{}, memory: map[memoryKey]expansion{},
		sorted: map[string][]*version{}, ranges: map[string]*versionRange{}, chosen: map[string]bool{},
	}
	for _, c := range in.Choices {
		if c.Use == New {
			s.chosen[c.Application] = true
		}
	}
	return s
}

// begin puts the root on the agenda.
func (s *search) begin() *Problem {
	if !validName(s.in.Application) {
		return &Problem{Code: CodeName, Message: fmt.Sprintf("%q cannot be the name of an Application: it needs lower-case letters, digits and dashes, begins with a letter and has at most %d characters.", shorten(s.in.Application), MaxName)}
	}
	root := &slot{application: s.in.Application, blueprint: s.in.Blueprint, size: s.in.Size, given: s.in.Values}
	s.agenda = []*slot{root}
	s.names[root.application] = root
	return nil
}

// place decides the versions of everything on the agenda from a position on. If that cannot be done it returns the
// decisions before that have a part in it, and leaves nothing changed.
func (s *search) place(at int) (blame set, found bool) {
	if at == len(s.agenda) {
		return set{}, true
	}
	n := s.agenda[at]
	n.rank, n.skipped = 0, nil
	blame = n.why
	candidates, problem := s.candidates(n)
	if s.stopped != nil {
		return blame, false
	}
	if problem != nil {
		blame = s.blameDemands(n, blame)
		s.trouble.note(*problem, s.regret(blame))
		return blame, false
	}
	for _, v := range candidates {
		if _, fits := s.demanded(n, v); !fits {
			blame = s.blameDemands(n, blame)
			continue
		}
		before := s.trouble.begin()
		conflict, ok := s.decide(n, v)
		if ok {
			if conflict, ok = s.place(at + 1); ok {
				return set{}, true
			}
			s.undo(n)
		}
		if s.stopped != nil {
			return blame, false
		}
		because := s.trouble.end(before)
		if !conflict.has(at) {
			return conflict, false
		}
		n.skipped = append(n.skipped, skip{v.name, because})
		blame = blame.or(conflict.without(at))
		n.rank++
	}
	return blame, false
}

// decide gives a slot a version, and puts what that needs on the agenda. On failure nothing has changed, and the
// decisions that have a part in it are returned, the slot's own included.
func (s *search) decide(n *slot, v *version) (set, bool) {
	own := n.why.with(n.at)
	if s.steps++; s.steps > maxSteps {
		s.stopped = s.giveUp()
		return own, false
	}
	e := s.expand(n, v)
	if len(e.problems) > 0 {
		if n.parent == nil && n.rank == 0 { // what a person wrote is never a reason to take an older version
			s.stopped = &Problems{List: slices.Clone(e.problems)}
			return own, false
		}
		s.trouble.note(within(n, e.problems[0]), s.regret(own))
		return own, false
	}
	n.version, n.expansion = v, e
	for i := range e.edges {
		conflict, ok := s.connect(n, &e.edges[i])
		if !ok {
			s.undo(n)
			return conflict, false
		}
	}
	return set{}, true
}

// undo takes a decision back. What was decided after it has been taken back before.
func (s *search) undo(n *slot) {
	for _, l := range slices.Backward(n.links) {
		switch {
		case l.use == New:
			delete(s.names, l.target.application)
			s.agenda = s.agenda[:len(s.agenda)-1]
		case l.target != nil:
			l.target.demands = l.target.demands[:len(l.target.demands)-1]
		}
	}
	n.links, n.version, n.expansion = nil, nil, expansion{}
}

// blameDemands adds the decisions that narrow a slot.
func (s *search) blameDemands(n *slot, blame set) set {
	for _, d := range n.demands {
		blame = blame.or(d.by.chain())
	}
	return blame
}

// chain is a slot's own decision and those because of which it exists.
func (n *slot) chain() set { return n.why.with(n.at) }

// regret counts how far the decisions in a set are from the first choice: a problem is worth telling when it is in the
// way of what would be best.
func (s *search) regret(of set) int {
	sum := 0
	for i, n := range s.agenda {
		if of.has(i) {
			sum += n.rank
		}
	}
	return sum
}

// name is how messages speak of a slot.
func (n *slot) name() string { return cmp.Or(n.path, n.application) }

// within makes the problem of a version one of the dependency that it would be used for.
func within(n *slot, p Problem) Problem {
	p.Path = n.path
	return p
}
