// Package readmodel holds every view in memory, in the order in which it learned of them, so that any number of
// readers can be served without asking anybody. A reader is a cursor into one ring of changes: it costs nothing while
// it waits, and one that falls behind the ring is told so and starts anew. Nobody waits for it.
package readmodel

import (
	"bytes"
	"cmp"
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

	mu      sync.RWMutex
	synced  bool
	seq     uint64 // of the newest change
	ring    []Change
	views   map[string]View
	shelves map[shelfKey]*shelf
	changed chan struct{}
}

// New makes an empty Store that remembers the last kept changes. The epoch must differ from process to process.
func New(epoch string, kept int) *Store {
	return &Store{epoch: epoch, ring: make([]Change, kept), views: map[string]View{}, shelves: map[shelfKey]*shelf{}, changed: make(chan struct{})}
}

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

// Cursor is a place in the order of changes, of one process.
type Cursor struct {
	epoch string
	seq   uint64
}

func (c Cursor) String() string { return c.epoch + "-" + strconv.FormatUint(c.seq, 10) }

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
	View
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
	old, ok := s.views[v.Key]
	if ok && bytes.Equal(old.Object, v.Object) {
		return
	}
	if ok && (old.Organization != v.Organization || old.Environment != v.Environment) {
		s.remove(old) // for those who could see it where it was, and cannot where it is
	}
	v.Revision = s.seq + 1
	s.views[v.Key] = v
	s.shelf(v).put(v)
	s.append(v)
}

// Delete takes a view away.
func (s *Store) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.views[key]; ok {
		s.remove(v)
	}
}

func (s *Store) remove(v View) {
	delete(s.views, v.Key)
	s.shelf(v).remove(v)
	v.Object = nil
	s.append(v.framed())
}

func (s *Store) append(v View) {
	s.seq++
	s.ring[s.seq%uint64(len(s.ring))] = Change{At: Cursor{s.epoch, s.seq}, View: v}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next change. Take it before reading, so that none is missed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Get returns one view.
func (s *Store) Get(key string) (View, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.views[key]
	return v, ok
}

// Snapshot returns every view that passes, ordered by key, and the place after which changes continue it.
func (s *Store) Snapshot(pass Filter) ([]View, Cursor) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]View, 0, 64)
	for _, v := range s.views {
		if pass(v.Header) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b View) int { return cmp.Compare(a.Key, b.Key) })
	return out, Cursor{s.epoch, s.seq}
}

// After returns what changed since a cursor, each view only as it is last, and the place where that ends. ErrGap means
// that the cursor is of another process or too old.
func (s *Store) After(c Cursor, pass Filter) ([]Change, Cursor, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	end := Cursor{s.epoch, s.seq}
	if c.epoch != s.epoch || c.seq > s.seq || s.seq-c.seq > uint64(len(s.ring)) {
		return nil, end, ErrGap
	}
	if c.seq == s.seq {
		return nil, end, nil
	}
	seen := map[string]bool{}
	var out []Change
	for q := s.seq; q > c.seq; q-- {
		ch := s.ring[q%uint64(len(s.ring))]
		if !seen[ch.Key] && pass(ch.Header) {
			seen[ch.Key] = true
			out = append(out, ch)
		}
	}
	slices.Reverse(out)
	return out, end, nil
}
