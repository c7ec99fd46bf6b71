package observation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

var quiet = slog.New(slog.DiscardHandler)

// ledger is an account that writes down what it takes. Its answers are the test's.
type ledger struct {
	mu      sync.Mutex
	stream  Stream
	refuse  func(spine.Event) error
	missing bool
	took    []spine.Event
}

func (l *ledger) PublishBatch(_ context.Context, events []spine.Event) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := make([]error, len(events))
	for i, e := range events {
		if l.refuse != nil {
			if errs[i] = l.refuse(e); errs[i] != nil {
				continue
			}
		}
		l.took = append(l.took, e)
	}
	return errs
}

func (l *ledger) Stream(context.Context) (Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream, nil
}

func (l *ledger) set(change func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *ledger) ids() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.took {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}

// ledgers are accounts by Organization.
type ledgers map[string]*ledger

func (l ledgers) Account(_ context.Context, organization string) (Account, error) {
	a, ok := l[organization]
	if !ok {
		return nil, spine.ErrNoAccount
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.missing {
		return nil, fmt.Errorf("organization %q: %w", organization, spine.ErrNoAccount)
	}
	return a, nil
}

func newLedgers(organizations ...string) ledgers {
	out := ledgers{}
	for _, o := range append(organizations, "") {
		out[o] = &ledger{stream: Stream{Made: time.Unix(1, 0), Server: "first"}}
	}
	return out
}

func event(subject, id string) spine.Event {
	return spine.Event{ID: id, Source: "/test", Subject: subject, Time: time.Unix(1, 0), Data: &spinev1.Heartbeat{}}
}

// run runs a queue in a bubble of its own time.
func run(t *testing.T, accounts ledgers, test func(t *testing.T, q *Queue), before ...func(context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(accounts, quiet)
		for _, f := range before {
			q.Before = f
		}
		ctx, cancel := context.WithCancel(t.Context())
		go q.Run(ctx)
		synctest.Wait()
		test(t, q)
		cancel()
		synctest.Wait()
	})
}

// settled waits until every account has taken what there is, however long it refuses.
func settled(t *testing.T, q *Queue) {
	t.Helper()
	for q.Flush(t.Context()) != nil {
		after(maxPause)
	}
}

// Whatever an account refuses and for how long, in the end it has the newest event of each subject, never an older one
// after a newer one, and a flush returns when that is so.
func TestTheNewestOfEachSubjectArrivesInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		puts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 40).Draw(rt, "puts")
		refuse := rapid.SliceOfN(rapid.Bool(), 0, 80).Draw(rt, "refuse")
		pauses := rapid.SliceOfN(rapid.Bool(), len(puts), len(puts)).Draw(rt, "pauses")
		accounts := newLedgers("acme")
		n := 0
		accounts["acme"].refuse = func(spine.Event) error {
			n++
			if n <= len(refuse) && refuse[n-1] {
				return errors.New("refused")
			}
			return nil
		}
		run(t, accounts, func(t *testing.T, q *Queue) {
			want := map[string]string{}
			for i, subject := range puts {
				want[subject] = fmt.Sprintf("%03d", i)
				q.Put("acme-dev", event(subject, want[subject]))
				if pauses[i] {
					synctest.Wait() // the lane takes what there is
				}
			}
			settled(t, q)
			got := map[string]string{}
			for _, e := range accounts["acme"].took {
				if e.ID < got[e.Subject] {
					t.Errorf("%s: %s came after %s", e.Subject, e.ID, got[e.Subject])
				}
				got[e.Subject] = e.ID
			}
			for subject, id := range want {
				if got[subject] != id {
					t.Errorf("%s: the account has %q, the newest is %q", subject, got[subject], id)
				}
			}
		})
	})
}

func TestAnAccountThatFailsDelaysNobodyElse(t *testing.T) {
	for reason, fault := range map[string]func(*ledger){
		"it is missing": func(l *ledger) { l.missing = true },
		"it is full":    func(l *ledger) { l.refuse = func(spine.Event) error { return errors.New("maximum bytes exceeded") } },
	} {
		t.Run(reason, func(t *testing.T) {
			accounts := newLedgers("acme", "globex")
			fault(accounts["globex"])
			run(t, accounts, func(t *testing.T, q *Queue) {
				q.Put("globex-dev", event("a", "1"))
				q.Put("acme-dev", event("a", "2"))
				q.Put(spine.System, event("s", "3"))
				synctest.Wait()
				if got := accounts["acme"].ids() + accounts[""].ids(); got != "23" {
					t.Errorf("the others have %q", got)
				}
				if err := q.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), `"globex"`) || !strings.Contains(err.Error(), "1 events wait") {
					t.Errorf("ready says %v, want globex and what waits", err)
				}
				began := time.Now()
				if err := q.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), `"globex"`) {
					t.Errorf("flush says %v, want globex", err)
				}
				if took := time.Since(began); took > stuckAfter+2*maxPause {
					t.Errorf("flush waited %s for the account that fails", took)
				}
				accounts["globex"].set(func(l *ledger) { l.missing, l.refuse = false, nil })
				settled(t, q)
				if got := accounts["globex"].ids(); got != "1" {
					t.Errorf("globex has %q after it recovered", got)
				}
				if err := q.Ready(t.Context()); err != nil {
					t.Errorf("ready says %v after it recovered", err)
				}
			})
		})
	}
}

func TestWhatCanNeverBeStoredIsSetAside(t *testing.T) {
	accounts := newLedgers("acme")
	accounts["acme"].refuse = func(e spine.Event) error {
		if e.ID == "large" {
			return fmt.Errorf("publish: %w: 300000 bytes", spine.ErrTooLarge)
		}
		_, err := e.Message()
		return err
	}
	run(t, accounts, func(t *testing.T, q *Queue) {
		q.Put("acme-dev", event("a", "large"))
		q.Put("acme-dev", spine.Event{ID: "bad", Source: "/test", Subject: "b", Data: &spinev1.Heartbeat{Source: "\xff"}})
		q.Put("acme-dev", event("c", "fine"))
		if err := q.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := accounts["acme"].ids(); got != "fine" {
			t.Errorf("the account has %q", got)
		}
		aside := map[string]*spinev1.EventSetAside{}
		for _, e := range accounts[""].took {
			if o, ok := e.Data.(*spinev1.EventSetAside); ok {
				aside[o.GetSubject()] = o
			}
		}
		if o := aside["a"]; o.GetOrganization() != "acme" || !strings.Contains(o.GetReason(), "300000 bytes") {
			t.Errorf("what is too large: %v", o)
		}
		if o := aside["b"]; o.GetOrganization() != "acme" || !strings.Contains(o.GetReason(), "UTF-8") {
			t.Errorf("what is no UTF-8: %v", o)
		}
	})
}

func TestALostStreamIsToldEverythingAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Stream)
		again   bool
		freshID bool
	}{
		{"the same stream", func(*Stream) {}, false, false},
		{"events were added", func(s *Stream) { s.Last += 10 }, false, false},
		{"made anew", func(s *Stream) { s.Made, s.Last = time.Unix(2, 0), 0 }, true, true},
		{"the oldest events expired", func(s *Stream) { s.First, s.Last = 4, 9 }, false, false},
		{"all events are gone", func(s *Stream) { s.First = 6 }, true, true},
		{"the newest events are lost", func(s *Stream) { s.Last-- }, true, true},
		{"the server was restarted", func(s *Stream) { s.Server = "second" }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			accounts := newLedgers("acme", "globex")
			accounts["acme"].stream.First, accounts["acme"].stream.Last = 1, 5
			run(t, accounts, func(t *testing.T, q *Queue) {
				var mu sync.Mutex
				var lost []string
				q.Lost = func(organization string) {
					mu.Lock()
					lost = append(lost, organization)
					mu.Unlock()
					q.Put("acme-dev", event("a", "1"))
				}
				q.Put("acme-dev", event("a", "1"))
				q.Put("globex-dev", event("a", "1"))
				synctest.Wait()
				accounts["acme"].set(func(l *ledger) { c.change(&l.stream) })
				time.Sleep(3 * inspectEvery)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if again := len(lost) > 0; again != c.again || again && (len(lost) != 1 || lost[0] != "acme") {
					t.Fatalf("told again: %q, want %t", lost, c.again)
				}
				ids := strings.Fields(accounts["acme"].ids())
				if c.again && (len(ids) != 2 || (ids[0] != ids[1]) != c.freshID) {
					t.Errorf("ids are %q, want fresh ones: %t", ids, c.freshID)
				}
				if got := accounts["globex"].ids(); got != "1" {
					t.Errorf("globex has %q", got)
				}
			})
		})
	}
}

func TestAnOrganizationThatLeftIsForgotten(t *testing.T) {
	accounts := newLedgers("acme")
	run(t, accounts, func(t *testing.T, q *Queue) {
		q.Put("acme-dev", event("a", "1"))
		synctest.Wait()
		accounts["acme"].set(func(l *ledger) { l.missing = true })
		q.Expect("acme", false)
		q.Put("acme-dev", event("a", "2"))
		if err := q.Flush(t.Context()); err != nil {
			t.Errorf("flush says %v", err)
		}
		if err := q.Ready(t.Context()); err != nil {
			t.Errorf("ready says %v", err)
		}
		accounts["acme"].set(func(l *ledger) { l.missing = false })
		q.Expect("acme", true)
		q.Put("acme-dev", event("a", "3"))
		if err := q.Flush(t.Context()); err != nil {
			t.Errorf("flush says %v", err)
		}
		if got := accounts["acme"].ids(); got != "1 3" {
			t.Errorf("the account has %q", got)
		}
	})
}

// 500 changes a second with the spine away for a while: nothing that is true is missing afterwards, and what waited was
// one event a subject.
func TestAStormWhileTheSpineIsAway(t *testing.T) {
	accounts := newLedgers("acme")
	run(t, accounts, func(t *testing.T, q *Queue) {
		const things, seconds = 100, 120
		newest := map[string]string{}
		for i := range 500 * seconds {
			away := i > 500*10 && i < 500*(seconds-10)
			if i%500 == 0 {
				accounts["acme"].set(func(l *ledger) {
					l.refuse = nil
					if away {
						l.refuse = func(spine.Event) error { return errors.New("away") }
					}
				})
			}
			subject := fmt.Sprint("thing", i%things)
			newest[subject] = fmt.Sprintf("%07d", i)
			q.Put("acme-dev", event(subject, newest[subject]))
			time.Sleep(2 * time.Millisecond)
			if l := q.lane("acme"); i%5000 == 0 {
				l.mu.Lock()
				if len(l.pending) > things || len(l.order) > 2*things {
					t.Fatalf("%d events and %d tickets wait for %d things", len(l.pending), len(l.order), things)
				}
				l.mu.Unlock()
			}
		}
		if err := q.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, e := range accounts["acme"].took {
			got[e.Subject] = max(got[e.Subject], e.ID)
		}
		for subject, id := range newest {
			if got[subject] != id {
				t.Errorf("%s: the account has %q, the newest is %q", subject, got[subject], id)
			}
		}
	})
}
