package readmodel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"catalyst.openova.io/pkg/view"
	"pgregory.net/rapid"
)

func put(s *Store, name string, n int) {
	h := view.Header{Kind: view.KindApplication, Organization: "acme", Environment: "acme-dev", Name: name}
	s.Put(View{Header: h, Key: h.Key(), Object: fmt.Appendf(nil, `{"n":%d}`, n)})
}

func all(view.Header) bool { return true }

// A reader that is cut off at any frame and comes back with the id of the last frame it got ends with the same views
// as the store, through gaps and resyncs alike.
func TestAnyCutResumesToTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New("e", rapid.IntRange(1, 8).Draw(t, "kept"))
		mine := map[string]string{}
		var at Cursor
		synced := false
		catchUp := func(frames int) {
			if !synced {
				views, c := s.Snapshot(all)
				clear(mine)
				for _, v := range views {
					mine[v.Key] = string(v.Object)
				}
				at, synced = c, true
				return
			}
			changes, end, err := s.After(at, all)
			if errors.Is(err, ErrGap) {
				synced = false
				return
			}
			for i, ch := range changes {
				if i == frames {
					return // cut off: at stays at the last frame that was got
				}
				if ch.Object == nil {
					delete(mine, ch.Key)
				} else {
					mine[ch.Key] = string(ch.Object)
				}
				var err error
				if at, err = ParseCursor(ch.At.String()); err != nil {
					t.Fatal(err)
				}
			}
			at = end
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				h := view.Header{Kind: view.KindApplication, Environment: "acme-dev", Name: name}
				s.Delete(h.Key())
			case 1:
				catchUp(rapid.IntRange(0, 3).Draw(t, "frames"))
			default:
				put(s, name, i)
			}
		}
		catchUp(1000)
		catchUp(1000)
		catchUp(1000)
		want := map[string]string{}
		views, _ := s.Snapshot(all)
		for _, v := range views {
			want[v.Key] = string(v.Object)
		}
		if !maps.Equal(mine, want) {
			t.Fatalf("the reader has %v, the store %v", mine, want)
		}
	})
}

func TestACursorOfAnotherProcessIsAGap(t *testing.T) {
	s := New("now", 4)
	put(s, "a", 1)
	for _, id := range []string{"before-1", "now-2"} {
		c, err := ParseCursor(id)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.After(c, all); !errors.Is(err, ErrGap) {
			t.Errorf("After(%s) = %v, want a gap", id, err)
		}
	}
	for _, id := range []string{"", "x", "-1", "now-", "now-x"} {
		if _, err := ParseCursor(id); err == nil {
			t.Errorf("ParseCursor(%q) is accepted", id)
		}
	}
}

// The numbers that a reader gets say when something changed, and nothing of how much has changed elsewhere.
func TestNumbersTellNothingOfWhatMayNotBeSeen(t *testing.T) {
	ids := func(others int) (out []string) {
		s := New("e", 1000)
		var now uint64
		s.Clock(func() uint64 { return now })
		mine := func(h view.Header) bool { return h.Name == "mine" }
		_, at := s.Snapshot(mine)
		for i := range 5 {
			now += 1000
			for k := range others {
				put(s, fmt.Sprintf("other-%d", k), i)
			}
			now += 1000
			put(s, "mine", i)
			now += 1000
			changes, end, err := s.After(at, mine)
			if err != nil || len(changes) != 1 {
				t.Fatal(changes, err)
			}
			out = append(out, changes[0].At.String(), end.String())
			at = end
		}
		return out
	}
	if quiet, busy := ids(0), ids(50); !slices.Equal(quiet, busy) {
		t.Errorf("with others %v, without %v", busy, quiet)
	}
}

func TestTheSameBytesAreNoChange(t *testing.T) {
	s := New("e", 4)
	put(s, "a", 1)
	changed := s.Changed()
	put(s, "a", 1)
	select {
	case <-changed:
		t.Error("putting the same bytes woke the readers")
	default:
	}
	put(s, "a", 2)
	<-changed
}
