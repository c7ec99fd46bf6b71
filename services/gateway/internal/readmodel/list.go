package readmodel

import (
	"cmp"
	"slices"
	"strings"
	"sync"

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
func (o Order) place(v View) string {
	switch Order(strings.TrimPrefix(string(o), "-")) {
	case ByPhase:
		return v.Phase
	case ByEnvironment:
		return v.Environment
	case ByTime:
		return v.At.UTC().Format("2006-01-02T15:04:05.000000000Z")
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

// Query asks for a part of the views of one kind.
type Query struct {
	Kind view.Kind
	// Organization that they belong to, or empty for all.
	Organization string
	Order        Order
	// Pass tells which views the reader may and wants to see.
	Pass func(View) bool
	// After is where the part begins; nil for the start.
	After *Position
	Limit int
}

// List returns the views that are asked for, and the position from which more can be had; nil if there are no more.
func (s *Store) List(q Query) ([]View, *Position) {
	s.mu.RLock()
	sorted := s.sorted(q)
	s.mu.RUnlock()
	start := 0
	if q.After != nil {
		start, _ = slices.BinarySearchFunc(sorted, q.After, func(v View, after *Position) int {
			if c := q.Order.compare(q.Order.place(v), v.Key, after.Place, after.Key); c != 0 {
				return c
			}
			return -1 // the one that the position was taken from has been seen
		})
	}
	out := make([]View, 0, min(q.Limit, len(sorted)-start))
	for _, v := range sorted[start:] {
		if !q.Pass(v) {
			continue
		}
		if len(out) == q.Limit {
			last := out[len(out)-1]
			return out, &Position{Order: q.Order, Place: q.Order.place(last), Key: last.Key}
		}
		out = append(out, v)
	}
	return out, nil
}

// sorted returns views that nobody changes afterwards. The read lock is held.
func (s *Store) sorted(q Query) []View {
	if q.Organization != "" {
		if sh, ok := s.shelves[shelfKey{q.Kind, q.Organization}]; ok {
			return sh.sorted(q.Order)
		}
		return nil
	}
	var all []View
	for key, sh := range s.shelves {
		if key.kind == q.Kind {
			all = append(all, sh.sorted(q.Order)...)
		}
	}
	sortViews(all, q.Order)
	return all
}

func sortViews(views []View, o Order) {
	slices.SortFunc(views, func(a, b View) int { return o.compare(o.place(a), a.Key, o.place(b), b.Key) })
}

type shelfKey struct {
	kind         view.Kind
	organization string
}

// shelf holds the views of one kind and Organization, and the orders in which they were last asked for.
type shelf struct {
	views map[string]View

	mu     sync.Mutex
	orders map[Order][]View
}

// shelf returns a view's shelf. The write lock is held.
func (s *Store) shelf(v View) *shelf {
	key := shelfKey{v.Kind, v.Organization}
	sh, ok := s.shelves[key]
	if !ok {
		sh = &shelf{views: map[string]View{}}
		s.shelves[key] = sh
	}
	return sh
}

func (sh *shelf) put(v View)    { sh.views[v.Key], sh.orders = v, nil }
func (sh *shelf) remove(v View) { delete(sh.views, v.Key); sh.orders = nil }

func (sh *shelf) sorted(o Order) []View {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if views, ok := sh.orders[o]; ok {
		return views
	}
	views := make([]View, 0, len(sh.views))
	for _, v := range sh.views {
		views = append(views, v)
	}
	sortViews(views, o)
	if sh.orders == nil {
		sh.orders = map[Order][]View{}
	}
	sh.orders[o] = views
	return views
}
