package observation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

const (
	// beatEvery is the pause between two heartbeats.
	beatEvery = 5 * time.Second
	// lookFor is how long a source may take to answer.
	lookFor = 4 * time.Second
	// grace is how long a source may be silent before it is called quiet: as long as a watch takes to be renewed.
	grace = 10 * time.Second
)

// Environment is one stage of an Organization.
type Environment struct{ Name, Organization, EnvType, Branch string }

// Source is where observations come from, such as a cluster.
type Source interface {
	// Name as in the source of its events, such as /observer/local.
	Name() string
	// Heard returns nil while the source answers and everything that it says is heard, or why not.
	Heard(context.Context) error
	// Environments are those that hear from the source.
	Environments() []string
	// Tell puts everything that is known of the Environments of an Organization again; the empty name stands for the
	// Sovereign itself.
	Tell(organization string)
	// Changed is called when the source has fallen quiet, with the reason, and with nil when it is heard again.
	Changed(quiet error)
}

// Pulse says of one source whether it can be heard. While it can, it beats: a heartbeat means that all that the source
// said before has been published.
type Pulse struct {
	source Source
	queue  *Queue
	log    *slog.Logger
	began  time.Time

	mu    sync.Mutex
	known bool // whether the source was heard or given up since the start
	quiet error
	since time.Time
	heard time.Time
	told  map[string]bool // the Environments that know of the present state
}

// NewPulse makes the Pulse of a source.
func NewPulse(source Source, queue *Queue, log *slog.Logger) *Pulse {
	return &Pulse{source: source, queue: queue, log: log, told: map[string]bool{}}
}

// Run beats until ctx ends.
func (p *Pulse) Run(ctx context.Context) {
	p.began = time.Now()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	// The first look is soon: what has just started is heard as soon as it can be.
	soon := time.NewTicker(beatEvery / 10)
	defer soon.Stop()
	for ctx.Err() == nil {
		p.beat(ctx)
		p.mu.Lock()
		first := soon.C
		if p.known {
			first = nil
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-first:
		}
	}
}

func (p *Pulse) beat(ctx context.Context) {
	look, cancel := context.WithTimeout(ctx, lookFor)
	err := p.source.Heard(look)
	cancel()
	now := time.Now()
	if ctx.Err() != nil {
		return
	}
	p.observe(err, now)
	p.tell()
	if err != nil || p.queue.Flush(ctx) != nil && ctx.Err() != nil {
		return
	}
	p.heartbeat(nil, now)
}

// heartbeat puts a heartbeat, or says why there is none from now on.
func (p *Pulse) heartbeat(quiet error, now time.Time) {
	o := &spinev1.Heartbeat{Source: p.source.Name(), Reachable: quiet == nil, ObservedAt: timestamppb.New(now)}
	if quiet != nil {
		o.Message = quiet.Error()
	}
	p.queue.Put(spine.System, spine.Event{
		ID: fmt.Sprintf("heartbeat%s/%d", o.GetSource(), now.UnixNano()), Source: o.GetSource(), Subject: spine.HeartbeatOf(o.GetSource()), Time: now, Data: o,
	})
}

// observe takes note of one look.
func (p *Pulse) observe(err error, now time.Time) {
	p.mu.Lock()
	changed := false
	switch {
	case err == nil:
		changed = !p.known || p.quiet != nil
		p.known, p.quiet, p.heard = true, nil, now
		if changed {
			p.since = now
		}
	case p.known && p.quiet != nil:
		p.quiet = err
	default:
		last := p.heard
		if last.IsZero() {
			last = p.began
		}
		if now.Sub(last) >= grace {
			changed = true
			p.known, p.quiet, p.since = true, err, last
		}
	}
	if changed {
		clear(p.told)
	}
	quiet := p.quiet
	p.mu.Unlock()
	if !changed {
		return
	}
	if quiet != nil {
		p.log.Error("observer: a source has fallen quiet", "source", p.source.Name(), "error", quiet)
	} else {
		p.log.Info("observer: a source is heard", "source", p.source.Name())
	}
	p.source.Changed(quiet)
}

// tell says how the source is to the Sovereign and to each Environment that does not know it yet.
func (p *Pulse) tell() {
	environments := append([]string{spine.System}, p.source.Environments()...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		return
	}
	for _, env := range environments {
		if p.told[env] {
			continue
		}
		p.told[env] = true
		if env == spine.System && p.quiet != nil {
			p.heartbeat(p.quiet, time.Now())
		}
		o := &spinev1.SourceObserved{
			Source: p.source.Name(), Quiet: p.quiet != nil, Since: timestamppb.New(p.since), ObservedAt: timestamppb.Now(),
		}
		if p.quiet != nil {
			o.Message = p.quiet.Error()
			if env != spine.System {
				// Where a cluster is and what it answers is the Sovereign's business.
				o.Message, _, _ = strings.Cut(o.GetMessage(), ": ")
			}
		}
		p.queue.Put(env, spine.Event{
			ID:     fmt.Sprintf("source%s/%s/%t/%d", p.source.Name(), env, o.GetQuiet(), p.since.UnixNano()),
			Source: p.source.Name(), Subject: spine.Source(env, p.source.Name()), Time: o.GetObservedAt().AsTime(), Data: o,
		})
	}
}

// Tell says again what is known of the Environments of an Organization (the empty name stands for the Sovereign itself),
// and has the source do the same.
func (p *Pulse) Tell(organization string) {
	p.mu.Lock()
	for env := range p.told {
		if of, err := OrganizationOf(env); err == nil && of == organization {
			delete(p.told, env)
		}
	}
	p.mu.Unlock()
	p.tell()
	p.source.Tell(organization)
}

// Known tells whether the source has been heard or given up since the start, so that all there is to say of it is said.
func (p *Pulse) Known() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// Ready tells whether the source can be heard.
func (p *Pulse) Ready(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		return errors.New("it has not been heard yet")
	}
	return p.quiet
}
