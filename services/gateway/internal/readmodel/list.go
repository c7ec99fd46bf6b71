package readmodel

import (
	"cmp"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
)

// Order says how a list is sorted. A leading "-" turns it round.
type Order string

// The orders. Where two views are equal, their keys decide.
const (
	ByName        Order = "name"
	ByPhase       Order = "phase"
	ByEnvironment Order = "environment"
	ByTime        Order = "since"
	NewestFirst   Order = "-since"

	byKey Order = "key"
)

// Valid tells whether the order is one of these, or the reverse of one.
func (o Order) Valid() bool {
	switch Order(strings.TrimPrefix(string(o), "-")) {
	case ByName, ByPhase, ByEnvironment, ByTime:
		return true
	}
	return false
}

// place is where a view stands in an order; it sorts as the views do.
func (o Order) place(v *View) string {
	switch Order(strings.TrimPrefix(string(o), "-")) {
	case ByPhase:
		return v.Phase
	case ByEnvironment:
		return v.Environment
	case ByTime:
		return v.at
	case byKey:
		return v.Key
	default:
		return v.Name
	}
}

func (o Order) compare(placeA, keyA, placeB, keyB string) int {
	c := strings.Compare(placeA, placeB)
	if strings.HasPrefix(string(o), "-") {
		c = -c
	}
	return cmp.Or(c, strings.Compare(keyA, keyB))
}

// Position is a place between two views of a sorted list. It stays good while views come and go, the one that it was
// taken from included.
type Position struct {
	Order Order  `json:"o"`
	Place string `json:"p"`
	Key   string `json:"k"`
}

// Sight is what a reader may see. May answers the same for all views of one kind, Organization and Environment. The key
// is the same only where May is; without a key nothing is remembered.
type Sight struct {
	Key string
	May Filter
}

// Query asks for a part of the views of one kind.
type Query struct {
	Kind view.Kind
	// Organization and Environment that they belong to, or empty for all.
	Organization, Environment string
	Sight                     Sight
	// Want narrows what may be seen down; nil for all of it.
	Want  func(*View) bool
	Order Order
	// After is where the part begins; nil for the start.
	After *Position
	Limit int
}

// List returns the views that are asked for, and the position from which more can be had; nil if there are no more.
func (s *Store) List(q Query) ([]*View, *Position) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.kinds[q.Kind]
	if c == nil {
		return nil, nil
	}
	out := make([]*View, 0, min(q.Limit, 500))
	for next := c.walk(q); ; {
		v := next()
		if v == nil {
			return out, nil
		}
		if q.Want != nil && !q.Want(v) {
			continue
		}
		if len(out) == q.Limit {
			last := out[len(out)-1]
			return out, &Position{Order: q.Order, Place: q.Order.place(last), Key: last.Key}
		}
		out = append(out, v)
	}
}

// maxMerged is how many shelves are merged. Of more of them it is cheaper to go through everything and leave out what
// may not be seen.
const maxMerged = 16

// walk returns what returns the views in order, one at a time, and nil after the last. The read lock is held.
func (c *catalog) walk(q Query) func() *View {
	shelves, seen := c.visible(q)
	if len(shelves) > maxMerged {
		all := c.all.after(q.Order, q.After)
		return func() *View {
			for len(all) > 0 {
				v := all[0]
				if all = all[1:]; seen[v.shelf] {
					return v
				}
			}
			return nil
		}
	}
	lists := make([][]*View, 0, len(shelves))
	for _, sh := range shelves {
		if l := sh.after(q.Order, q.After); len(l) > 0 {
			lists = append(lists, l)
		}
	}
	return func() *View { return first(&lists, q.Order) }
}

// first takes the first view of some sorted lists.
func first(lists *[][]*View, o Order) *View {
	ls := *lists
	if len(ls) == 0 {
		return nil
	}
	best := 0
	for i := 1; i < len(ls); i++ {
		a, b := ls[i][0], ls[best][0]
		if o.compare(o.place(a), a.Key, o.place(b), b.Key) < 0 {
			best = i
		}
	}
	v := ls[best][0]
	if ls[best] = ls[best][1:]; len(ls[best]) == 0 {
		*lists = slices.Delete(ls, best, best+1)
	}
	return v
}

// Tally is how many views of an Environment are in each phase.
type Tally struct {
	Organization, Environment string
	Phases                    map[string]int
}

// Count counts the views that are asked for, Environment by Environment; Order, After and Limit do not matter.
func (s *Store) Count(q Query) []Tally {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.kinds[q.Kind]
	if c == nil {
		return nil
	}
	shelves, _ := c.visible(q)
	out := make([]Tally, 0, len(shelves))
	for _, sh := range shelves {
		t := Tally{Organization: sh.header.Organization, Environment: sh.header.Environment, Phases: map[string]int{}}
		if q.Want == nil {
			for phase, n := range sh.phases {
				t.Phases[phase] = n
			}
		} else {
			for _, v := range sh.views {
				if q.Want(v) {
					t.Phases[v.Phase]++
				}
			}
		}
		if len(t.Phases) > 0 {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Tally) int {
		return cmp.Or(strings.Compare(a.Organization, b.Organization), strings.Compare(a.Environment, b.Environment))
	})
	return out
}
