package readmodel

import (
	"slices"
	"sync"

	"catalyst.openova.io/pkg/view"
)

// catalog holds the views of one kind, all together and by what a person may see or not: a shelf for each Organization
// and Environment. The store's lock guards it.
type catalog struct {
	all     drawer
	shelves map[scope]*shelf
	byOrg   map[string][]*shelf

	mu     sync.Mutex // guards sights, which readers fill
	sights map[string]sighted
}

type scope struct{ organization, environment string }

// shelf holds the views of one Organization and Environment.
type shelf struct {
	drawer
	header view.Header // what is the same for all of them
	phases map[string]int
}

// sighted is what somebody may see.
type sighted struct {
	shelves []*shelf
	seen    map[*shelf]bool
}

// maxSights is how many different sights are remembered.
const maxSights = 512

// catalog returns that of a kind. The write lock is held.
func (s *Store) catalog(kind view.Kind) *catalog {
	c, ok := s.kinds[kind]
	if !ok {
		c = &catalog{all: newDrawer(), shelves: map[scope]*shelf{}, byOrg: map[string][]*shelf{}}
		s.kinds[kind] = c
	}
	return c
}

func (c *catalog) put(v *View) {
	at := scope{v.Organization, v.Environment}
	sh, ok := c.shelves[at]
	if !ok {
		sh = &shelf{drawer: newDrawer(), phases: map[string]int{},
			header: view.Header{Kind: v.Kind, Organization: v.Organization, Environment: v.Environment}}
		c.shelves[at] = sh
		c.byOrg[at.organization] = append(c.byOrg[at.organization], sh)
		c.sights = nil
	}
	v.shelf = sh
	if old := sh.views[v.Key]; old != nil {
		sh.count(old.Phase, -1)
	}
	sh.count(v.Phase, 1)
	sh.put(v)
	c.all.put(v)
}

func (c *catalog) remove(v *View) {
	sh := v.shelf
	sh.remove(v)
	sh.count(v.Phase, -1)
	c.all.remove(v)
	if len(sh.views) > 0 {
		return
	}
	delete(c.shelves, scope{v.Organization, v.Environment})
	if c.byOrg[v.Organization] = slices.DeleteFunc(c.byOrg[v.Organization], func(o *shelf) bool { return o == sh }); len(c.byOrg[v.Organization]) == 0 {
		delete(c.byOrg, v.Organization)
	}
	c.sights = nil
}

func (sh *shelf) count(phase string, by int) {
	if sh.phases[phase] += by; sh.phases[phase] == 0 {
		delete(sh.phases, phase)
	}
}

// visible returns the shelves that a query may see; seen is set if there are many. The read lock is held.
func (c *catalog) visible(q Query) (shelves []*shelf, seen map[*shelf]bool) {
	if q.Organization != "" {
		for _, sh := range c.byOrg[q.Organization] {
			if (q.Environment == "" || sh.header.Environment == q.Environment) && q.Sight.May(sh.header) {
				shelves = append(shelves, sh)
			}
		}
		return shelves, set(shelves)
	}
	all := c.sighted(q.Sight)
	if q.Environment == "" {
		return all.shelves, all.seen
	}
	for _, sh := range all.shelves {
		if sh.header.Environment == q.Environment {
			shelves = append(shelves, sh)
		}
	}
	return shelves, set(shelves)
}

// sighted returns all that somebody may see. It is remembered, since it changes only with the Environments that there
// are.
func (c *catalog) sighted(by Sight) sighted {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.sights[by.Key]; ok && by.Key != "" {
		return s
	}
	var s sighted
	for _, sh := range c.shelves {
		if by.May(sh.header) {
			s.shelves = append(s.shelves, sh)
		}
	}
	s.seen = set(s.shelves)
	if by.Key != "" {
		if c.sights == nil || len(c.sights) >= maxSights {
			c.sights = map[string]sighted{}
		}
		c.sights[by.Key] = s
	}
	return s
}

func set(shelves []*shelf) map[*shelf]bool {
	if len(shelves) <= maxMerged {
		return nil
	}
	seen := make(map[*shelf]bool, len(shelves))
	for _, sh := range shelves {
		seen[sh] = true
	}
	return seen
}

// drawer holds views, and keeps them in each order that was ever asked for.
type drawer struct {
	views map[string]*View

	mu     *sync.Mutex // guards orders, to which readers add
	orders map[Order][]*View
}

func newDrawer() drawer {
	return drawer{views: map[string]*View{}, mu: &sync.Mutex{}, orders: map[Order][]*View{}}
}

// put takes a view in, or puts it in the place of the one with its key. The write lock is held.
func (d *drawer) put(v *View) {
	old := d.views[v.Key]
	d.views[v.Key] = v
	for o, sorted := range d.orders {
		if old != nil {
			i, _ := search(sorted, o, o.place(old), old.Key)
			if o.place(old) == o.place(v) {
				sorted[i] = v
				continue
			}
			sorted = slices.Delete(sorted, i, i+1)
		}
		i, _ := search(sorted, o, o.place(v), v.Key)
		d.orders[o] = slices.Insert(sorted, i, v)
	}
}

func (d *drawer) remove(v *View) {
	delete(d.views, v.Key)
	for o, sorted := range d.orders {
		if i, ok := search(sorted, o, o.place(v), v.Key); ok {
			d.orders[o] = slices.Delete(sorted, i, i+1)
		}
	}
}

// after returns the views behind a position. They are good as long as the read lock is held.
func (d *drawer) after(o Order, after *Position) []*View {
	d.mu.Lock()
	sorted, ok := d.orders[o]
	if !ok {
		sorted = make([]*View, 0, len(d.views))
		for _, v := range d.views {
			sorted = append(sorted, v)
		}
		slices.SortFunc(sorted, func(a, b *View) int { return o.compare(o.place(a), a.Key, o.place(b), b.Key) })
		d.orders[o] = sorted
	}
	d.mu.Unlock()
	if after == nil {
		return sorted
	}
	i, found := search(sorted, o, after.Place, after.Key)
	if found {
		i++ // the one that the position was taken from has been seen
	}
	return sorted[i:]
}

func search(sorted []*View, o Order, place, key string) (int, bool) {
	return slices.BinarySearchFunc(sorted, key, func(v *View, key string) int { return o.compare(o.place(v), v.Key, place, key) })
}
