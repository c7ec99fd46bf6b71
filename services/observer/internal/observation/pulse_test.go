package observation

import (
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stub is a source whose state the test sets.
type stub struct {
	mu           sync.Mutex
	failure      error
	environments []string
	changes      []string
	tells        []string
}

func (s *stub) set(change func(*stub)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *stub) Name() string { return "/observer/local" }

func (s *stub) Heard(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

func (s *stub) Environments() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.environments)
}

func (s *stub) Tell(organization string) {
	s.set(func(s *stub) { s.tells = append(s.tells, organization) })
}

func (s *stub) Changed(quiet error) {
	s.set(func(s *stub) { s.changes = append(s.changes, fmt.Sprint(quiet)) })
}

// said lists what an account was told of the source, and drops it.
func (l *ledger) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.took {
		switch o := e.Data.(type) {
		case *spinev1.Heartbeat:
			word := "beat"
			if !o.GetReachable() {
				word = "no beat"
			}
			out = append(out, word)
		case *spinev1.SourceObserved:
			word := "heard"
			if o.GetQuiet() {
				word = "quiet: " + o.GetMessage()
			}
			out = append(out, word)
		default:
			out = append(out, e.ID)
		}
	}
	l.took = nil
	return strings.Join(slices.Compact(out), ", ")
}

func pulse(t *testing.T, s *stub, accounts ledgers, test func(t *testing.T, p *Pulse, q *Queue), before ...func(context.Context)) {
	t.Helper()
	run(t, accounts, func(t *testing.T, q *Queue) {
		p := NewPulse(s, q, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait()
		test(t, p, q)
		cancel()
		synctest.Wait()
	}, before...)
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestASourceThatFallsQuiet(t *testing.T) {
	accounts := newLedgers("acme")
	s := &stub{environments: []string{"acme-dev"}}
	pulse(t, s, accounts, func(t *testing.T, p *Pulse, q *Queue) {
		check := func(when, system, acme string) {
			t.Helper()
			if got := accounts[""].said(); got != system {
				t.Errorf("%s: the Sovereign was told %q, want %q", when, got, system)
			}
			if got := accounts["acme"].said(); got != acme {
				t.Errorf("%s: acme was told %q, want %q", when, got, acme)
			}
		}
		check("at first", "heard, beat", "heard")
		after(time.Minute)
		check("while nothing changes", "beat", "")
		s.set(func(s *stub) { s.environments = append(s.environments, "acme-prod") })
		after(beatEvery)
		check("with a new Environment", "beat", "heard")

		s.set(func(s *stub) { s.failure = errors.New("it does not answer: connection refused") })
		after(beatEvery)
		check("within the grace", "", "")
		since := time.Now().Add(-beatEvery)
		after(grace)
		if o, ok := accounts["acme"].took[0].Data.(*spinev1.SourceObserved); !ok || o.GetSince().AsTime().Sub(since).Abs() > beatEvery {
			t.Errorf("quiet since %v, want about %v", o.GetSince().AsTime(), since)
		}
		check("after the grace", "no beat, quiet: it does not answer: connection refused", "quiet: it does not answer")
		after(time.Minute)
		check("while it stays quiet", "", "")
		if err := p.Ready(t.Context()); err == nil || err.Error() != "it does not answer: connection refused" {
			t.Errorf("ready says %v", err)
		}

		s.set(func(s *stub) { s.failure = nil })
		after(beatEvery)
		check("when it is back", "heard, beat", "heard")
		if got := fmt.Sprint(s.changes); got != "[<nil> it does not answer: connection refused <nil>]" {
			t.Errorf("the source was told of %s", got)
		}

		q.Anew("acme")
		p.Tell("acme")
		synctest.Wait()
		check("asked to tell acme again", "", "heard")
		if got := fmt.Sprint(s.tells); got != "[acme]" {
			t.Errorf("the source was asked to tell %s", got)
		}
	})
}

func TestASourceThatWasNeverHeard(t *testing.T) {
	accounts := newLedgers("acme")
	s := &stub{environments: []string{"acme-dev"}, failure: errors.New("no such host")}
	pulse(t, s, accounts, func(t *testing.T, p *Pulse, _ *Queue) {
		if err := p.Ready(t.Context()); err == nil {
			t.Error("it is called ready at once")
		}
		after(grace + beatEvery)
		if got := accounts["acme"].said(); got != "quiet: no such host" {
			t.Errorf("acme was told %q", got)
		}
	})
}

// A heartbeat says that everything before it has been published: while something waits there is none.
func TestNoHeartbeatOvertakesWhatWasSaid(t *testing.T) {
	accounts := newLedgers("acme")
	var hold atomic.Pointer[chan struct{}]
	pulse(t, &stub{}, accounts, func(t *testing.T, _ *Pulse, q *Queue) {
		accounts[""].said()
		release := make(chan struct{})
		hold.Store(&release)
		q.Put("acme-dev", event("a", "1"))
		after(time.Minute)
		if got := accounts[""].said(); got != "" {
			t.Errorf("the Sovereign was told %q while an event was on its way", got)
		}
		close(release)
		after(2 * beatEvery)
		if got := accounts[""].said(); got != "beat" {
			t.Errorf("the Sovereign was told %q after it arrived", got)
		}
	}, func(context.Context) { // publishing takes its time, and does not fail
		if release := hold.Load(); release != nil {
			<-*release
		}
	})
}

// An account that fails for long holds back no heartbeat of the others.
func TestAnAccountThatFailsStopsNoHeartbeat(t *testing.T) {
	accounts := newLedgers("acme")
	accounts["acme"].missing = true
	pulse(t, &stub{}, accounts, func(t *testing.T, _ *Pulse, q *Queue) {
		q.Put("acme-dev", event("a", "1"))
		after(time.Minute)
		if n := len(accounts[""].took); n < 5 {
			t.Errorf("%d events for the Sovereign in a minute", n)
		}
	})
}
