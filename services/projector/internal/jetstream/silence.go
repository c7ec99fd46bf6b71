package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/projector/internal/projection"
)

// silence notices that the heartbeats of a source have stopped, which nobody but a listener can, and makes it a fact in
// the log of each Environment; and that they have come back.
type silence struct {
	accounts *spine.Accounts
	after    time.Duration
	log      *slog.Logger
	heard    map[string]time.Time // by source, by this process's own clock

	mu   sync.Mutex
	busy bool
	told map[string]map[string]bool // by source: the Environments that know of the change under way
}

func newSilence(accounts *spine.Accounts, after time.Duration, log *slog.Logger) *silence {
	return &silence{accounts: accounts, after: after, log: log, heard: map[string]time.Time{}, told: map[string]map[string]bool{}}
}

func (s *silence) hear(data proto.Message) {
	if h, ok := data.(*spinev1.Heartbeat); ok {
		s.heard[h.GetSource()] = time.Now()
	}
}

// look tells of sources that have fallen quiet, or are heard again. While the spine is away nothing can be heard, and
// that is no fault of the sources.
func (s *silence) look(ctx context.Context, state *projection.State) {
	ready, cancel := context.WithTimeout(ctx, time.Second)
	away := s.accounts.Sovereign().Ready(ready)
	cancel()
	now := time.Now()
	s.mu.Lock()
	busy := s.busy
	s.mu.Unlock()
	for source, last := range state.Heartbeats() {
		if s.heard[source].IsZero() || away != nil {
			s.heard[source] = now
		}
		fact, quiet := state.Quiet(source)
		silent := now.Sub(s.heard[source]) > s.after
		again := quiet && last.GetReachable() && last.GetObservedAt().AsTime().After(fact.GetObservedAt().AsTime())
		if busy || away != nil || silent == quiet && !again {
			continue
		}
		if !silent && !again {
			continue // it is the observer that says it cannot be heard
		}
		o := &spinev1.SourceObserved{Source: source, Quiet: silent, Since: last.GetObservedAt(), ObservedAt: timestamppb.New(now)}
		if silent {
			o.Message = fmt.Sprintf("nothing was heard from it for %.0f seconds", s.after.Seconds())
		}
		busy = true
		s.mu.Lock()
		s.busy = true
		s.mu.Unlock()
		go s.tell(ctx, o, state.Environments())
	}
}

// tell publishes a change for each Environment, and for the Sovereign when all that have an account know of it: until
// then the change counts as not told.
func (s *silence) tell(ctx context.Context, o *spinev1.SourceObserved, environments map[string]bool) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	change := fmt.Sprintf("%s/%t/%d", o.GetSource(), o.GetQuiet(), o.GetSince().AsTime().UnixNano())
	s.mu.Lock()
	told := s.told[change]
	if told == nil {
		told = map[string]bool{}
	}
	clear(s.told)
	s.told[change] = told
	s.mu.Unlock()
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	var untold []string
	for env, there := range environments {
		if there && !told[env] {
			untold = append(untold, env)
		}
	}
	for _, env := range untold {
		wg.Go(func() {
			err := s.publish(ctx, env, o)
			mu.Lock()
			defer mu.Unlock()
			if err == nil || errors.Is(err, spine.ErrNoAccount) {
				told[env] = true
				return
			}
			failed++
			s.log.Debug("projector: an Environment cannot be told of a source", "environment", env, "source", o.GetSource(), "error", err)
		})
	}
	wg.Wait()
	if failed == 0 {
		if err := s.publish(ctx, spine.System, o); err != nil {
			s.log.Debug("projector: the Sovereign cannot be told of a source", "source", o.GetSource(), "error", err)
		} else {
			s.log.Info("projector: a source has changed", "source", o.GetSource(), "quiet", o.GetQuiet())
		}
	}
	s.mu.Lock()
	s.busy = false
	s.mu.Unlock()
}

func (s *silence) publish(ctx context.Context, env string, o *spinev1.SourceObserved) error {
	sp, err := s.accounts.Of(ctx, env)
	if err != nil {
		return err
	}
	at := o.GetObservedAt().AsTime()
	return sp.Publish(ctx, spine.Event{
		ID: fmt.Sprintf("silence/%s/%s/%d", o.GetSource(), env, at.UnixNano()), Source: source, Subject: spine.Source(env, o.GetSource()), Time: at, Data: o,
	})
}

// printable is a text as protobuf carries it: a subject may be any bytes.
func printable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
