// Package readmodel holds every view in memory, in the order in which it learned of them, so that any number of
// readers can be served without asking anybody. A reader is a cursor into one ring of changes: it costs nothing while
// it waits, and one that falls behind the ring is told so and starts anew. Nobody waits for it.
package readmodel

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"catalyst.openova.io/pkg/view"
)

// Store is safe for any number of goroutines.
type Store struct {
	epoch string
	clock func() uint64

	mu      sync.RWMutex
	synced  bool
	unread  map[string]bool // Environments
	seq     uint64          // of the newest change
	total   uint64          // how many changes there were
	dropped uint64          // seq of the newest change that is no longer kept
	ring    []Change
	views   drawer
	kinds   map[view.Kind]*catalog
	changed chan struct{} // nil as long as nobody has asked for it
}

// New makes an empty Store that remembers the last kept changes. The epoch must differ from process to process.
func New(epoch string, kept int) *Store {
	return &Store{epoch: epoch, clock: func() uint64 { return 0 }, ring: make([]Change, kept), unread: map[string]bool{}, views: newDrawer(), kinds: map[view.Kind]*catalog{}}
}

// Clock makes changes be numbered by a clock that never goes back, instead of being counted, so that the numbers that
// one reader gets tell nothing of how much has changed that it may not see. It is called before anything else.
func (s *Store) Clock(clock func() uint64) { s.clock = clock }

// now is the place after the newest change, at this instant: what comes later gets a larger number. A lock is held.
func (s *Store) now() Cursor { return Cursor{s.epoch, max(s.seq, s.clock())} }

// MarkSynced says that everything that is known elsewhere is known here. Until then an empty answer would mean nothing.
func (s *Store) MarkSynced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = true
}

// Synced tells whether MarkSynced was called.
func (s *Store) Synced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// MarkUnread says that the views of an Environment are known elsewhere, or may be, and not here.
func (s *Store) MarkUnread(environment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread[environment] = true
}

// MarkRead says that they are known here, or that there are none any more.
func (s *Store) MarkRead(environment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unread, environment)
}

// Unread returns the Environments of a query of which nothing can be said yet.
func (s *Store) Unread(q Query) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for env := range s.unread {
		v := s.views.views[view.Header{Kind: view.KindEnvironment, Environment: env, Name: env}.Key()]
		if v != nil && (q.Organization == "" || v.Organization == q.Organization) && (q.Environment == "" || env == q.Environment) && q.Sight.May(v.Header) {
			out = append(out, env)
		}
	}
	slices.Sort(out)
	return out
}

// Cursor is a place in the order of changes, of one process.
type Cursor struct {
	epoch string
	seq   uint64
}

func (c Cursor) String() string { return c.epoch + "-" + strconv.FormatUint(c.seq, 10) }

// Epoch names the process that the cursor is of.
func (c Cursor) Epoch() string { return c.epoch }

// Seq grows from change to change.
func (c Cursor) Seq() uint64 { return c.seq }

// ParseCursor is the inverse of String.
func ParseCursor(s string) (Cursor, error) {
	epoch, seq, ok := strings.Cut(s, "-")
	n, err := strconv.ParseUint(seq, 10, 64)
	if !ok || err != nil || epoch == "" {
		return Cursor{}, fmt.Errorf("%q is no event id of this stream", s)
	}
	return Cursor{epoch: epoch, seq: n}, nil
}

// Change is one step of the order: a view that was put, or one that is gone.
type Change struct {
	At Cursor
	*View
}

// ErrGap says that the changes after a cursor are no longer known here; the reader needs a snapshot.
var ErrGap = errors.New("the changes since then are no longer kept")

// Filter says which views a reader may and wants to see.
type Filter func(view.Header) bool

// Put takes in a view; one that is known in just these bytes changes nothing.
func (s *Store) Put(v View) {
	v = v.framed()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.views.views[v.Key]
	if ok && bytes.Equal(old.Object, v.Object) {
		return
	}
	if ok && (old.Organization != v.Organization || old.Environment != v.Environment) {
		s.remove(old) // for those who could see it where it was, and cannot where it is
	}
	s.catalog(v.Kind).put(&v)
	s.views.put(&v)
	s.append(&v)
}

// Delete takes a view away.
func (s *Store) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.views.views[key]; ok {
		s.remove(v)
	}
}

func (s *Store) remove(v *View) {
	s.views.remove(v)
	s.catalog(v.Kind).remove(v)
	gone := *v
	gone.Object, gone.shelf = nil, nil
	gone = gone.framed()
	s.append(&gone)
}

func (s *Store) append(v *View) {
	s.seq = max(s.seq, s.clock()) + 1
	slot := &s.ring[s.total%uint64(len(s.ring))]
	if slot.View != nil {
		s.dropped = slot.At.seq
	}
	*slot = Change{At: Cursor{s.epoch, s.seq}, View: v}
	s.total++
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Changed returns a channel that is closed at the next change. Take it before reading, so that none is missed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// Get returns one view.
func (s *Store) Get(key string) (*View, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.views.views[key]
	return v, ok
}

// Now is the place after the newest change.
func (s *Store) Now() Cursor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now()
}

// Snapshot returns every view that passes, ordered by key, and the place after which changes continue it.
func (s *Store) Snapshot(pass Filter) ([]*View, Cursor) {
	return s.SnapshotOf(func(view.Header) bool { return true }, pass)
}

// SnapshotOf is Snapshot for two filters, of which the first is as May of a Sight: it is not asked about each view.
func (s *Store) SnapshotOf(may, pass Filter) ([]*View, Cursor) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*View, 0, 64)
	var last *shelf
	seen := false
	for _, v := range s.views.after(byKey, nil) {
		if v.shelf != last { // views of a kind and an Environment lie together
			last, seen = v.shelf, may(v.shelf.header)
		}
		if seen && (pass == nil || pass(v.Header)) {
			out = append(out, v)
		}
	}
	return out, s.now()
}

// After returns what changed since a cursor, each view only as it is last, and the place where that ends. ErrGap means
// that the cursor is of another process or too old.
func (s *Store) After(c Cursor, pass Filter) ([]Change, Cursor, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	end := s.now()
	if c.epoch != s.epoch || c.seq > end.seq || c.seq < s.dropped {
		return nil, end, ErrGap
	}
	if c.seq >= s.seq {
		return nil, end, nil
	}
	seen := map[string]bool{}
	var out []Change
	for n := s.total; n > 0 && s.total-n < uint64(len(s.ring)); n-- {
		ch := s.ring[(n-1)%uint64(len(s.ring))]
		if ch.At.seq <= c.seq {
			break
		}
		if pass(ch.Header) && !seen[ch.Key] {
			seen[ch.Key] = true
			out = append(out, ch)
		}
	}
	slices.Reverse(out)
	return out, end, nil
}
