// Package jetstream feeds the projection from the spine and keeps its facts and views in key-value buckets.
//
// The work is divided by Environment, with one more part for the Sovereign itself. A replica holds a lease for each part
// that it does. For a part it reads the facts and the position up to which they go, and the log from there on. What a
// batch of events touches is written to the views at once; facts and position follow about every second, for which the
// order does not matter: what lies between is read again after a crash, and changes nothing.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// source is where the events of the projector come from.
const source = "/projector"

// pace is how often things are done.
type pace struct {
	lease      time.Duration // after which the parts of a replica that is silent are taken over
	renew      time.Duration // between two looks at the leases
	checkpoint time.Duration // between two writings of the facts
	inspect    time.Duration // between two looks at whether buckets and log are what they were
	quiet      time.Duration // after which a source that is not heard is called quiet
}

var usual = pace{lease: 6 * time.Second, renew: time.Second, checkpoint: time.Second, inspect: 5 * time.Second, quiet: 20 * time.Second}

// Projector is one replica.
type Projector struct {
	accounts *spine.Accounts
	name     string
	log      *slog.Logger
	pace     pace
	tell     *teller
	leases   leases

	// hold, if set, is called before the views or facts of a part are written; a test may make it wait.
	hold func(env string)
	// mute, if set, keeps the replica from saying that it lives, as if the whole process was paused.
	mute atomic.Bool

	mu       sync.Mutex
	parts    map[string]*status
	leaseErr error
	known    map[string]bool // Environments by whether they are there, as the holder of System knows
	poke     chan struct{}
}

// status is how the work on one part stands, for Ready.
type status struct {
	err    error
	lag    uint64
	caught bool
	told   bool // false while the observer has to tell everything again
}

// New makes a replica. Its name must be its own among those that run; a process that comes back under its former name
// goes on at once with what it did.
func New(accounts *spine.Accounts, name string, log *slog.Logger) *Projector {
	p := &Projector{
		accounts: accounts, name: name, log: log, pace: usual,
		parts: map[string]*status{}, leaseErr: errors.New("the leases have not been read yet"), poke: make(chan struct{}, 1),
	}
	p.tell = newTeller(accounts, log)
	p.leases = leases{name: name, heard: map[string]beat{}}
	return p
}

// tooFar is how many events a part may be behind before that is worth a word.
const tooFar = 10_000

// Ready tells what is wrong with the parts that this replica works on: how far behind each is, and what it waits for.
func (p *Projector) Ready(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var wrong []string
	if p.leaseErr != nil {
		wrong = append(wrong, "leases: "+p.leaseErr.Error())
	}
	for _, env := range slices.Sorted(maps.Keys(p.parts)) {
		if why := p.parts[env].wrong(); why != "" {
			wrong = append(wrong, env+": "+why)
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func (s *status) wrong() string {
	switch {
	case spine.Full(s.err):
		return fmt.Sprintf("its account holds as much as it may, so what people see stands still: %s; give it more room", s.err)
	case s.err != nil:
		return s.err.Error()
	case !s.caught:
		return fmt.Sprintf("it is being read from the log; %d events are left", s.lag)
	case !s.told:
		return "its log was lost or does not go back far enough; the observer and provisioning have been asked to tell everything again"
	case s.lag > tooFar:
		return fmt.Sprintf("it is %d events behind", s.lag)
	}
	return ""
}

// report changes how a part stands, and logs what is new about that.
func (p *Projector) report(env string, change func(*status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.parts[env]
	if s == nil {
		return
	}
	before := s.err
	change(s)
	switch {
	case s.err != nil && (before == nil || before.Error() != s.err.Error()):
		p.log.Info("projector: it does not go on and tries again", "part", env, "error", s.err)
	case s.err == nil && before != nil:
		p.log.Info("projector: it goes on", "part", env)
	}
}

// Run projects until ctx ends. Then everything is written, and the leases are free.
func (p *Projector) Run(ctx context.Context) error {
	running := map[string]*worker{}
	defer p.leave(running)
	tick := time.NewTicker(p.pace.renew)
	defer tick.Stop()
	for {
		err := error(nil)
		if !p.mute.Load() {
			err = p.share(ctx, running)
		}
		p.mu.Lock()
		if err != nil && (p.leaseErr == nil || p.leaseErr.Error() != err.Error()) {
			p.log.Info("projector: the leases cannot be read or renewed; it goes on with what it has", "error", err)
		}
		p.leaseErr = err
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-p.poke:
		}
	}
}

// worker is the work on one part.
type worker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (w *worker) stop() {
	w.cancel()
	<-w.done
}

// share takes the parts that this replica shall work on, and lets go of those that it shall not.
func (p *Projector) share(ctx context.Context, running map[string]*worker) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	p.mu.Lock()
	known := maps.Clone(p.known)
	p.mu.Unlock()
	mine, surplus, err := p.leases.renew(ctx, p.accounts.Sovereign(), known, p.pace.lease)
	if err != nil {
		return err
	}
	for env, w := range running {
		if !slices.Contains(mine, env) {
			w.stop()
			delete(running, env)
			p.mu.Lock()
			delete(p.parts, env)
			p.mu.Unlock()
		}
	}
	for _, env := range surplus {
		if err := p.leases.release(ctx, env); err != nil {
			return err
		}
	}
	for _, env := range mine {
		if running[env] == nil {
			running[env] = p.start(ctx, env)
		}
	}
	return nil
}

func (p *Projector) start(ctx context.Context, env string) *worker {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &worker{cancel: cancel, done: make(chan struct{})}
	p.mu.Lock()
	p.parts[env] = &status{told: true}
	p.mu.Unlock()
	go func() {
		defer close(w.done)
		p.project(ctx, env)
	}()
	return w
}

// leave ends the work on every part and frees the leases, so that others need not wait.
func (p *Projector) leave(running map[string]*worker) {
	for _, w := range running {
		w.cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	for env, w := range running {
		<-w.done
		if err := p.leases.release(ctx, env); err != nil {
			p.log.Info("projector: a lease could not be freed; it ends by itself", "part", env, "error", err)
		}
	}
	if err := p.leases.leave(ctx); err != nil {
		p.log.Debug("projector: leaving", "error", err)
	}
}

// project works on one part until ctx ends, however often it fails.
func (p *Projector) project(ctx context.Context, env string) {
	pause := 50 * time.Millisecond
	for attempt := 0; ctx.Err() == nil; attempt++ {
		progress, err := p.once(ctx, env, attempt > 0)
		if progress {
			pause = 50 * time.Millisecond
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errReplaced) {
			p.log.Info("projector: it is read again", "part", env, "because", err)
			continue
		}
		p.report(env, func(s *status) { s.err, s.caught = err, false })
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// environments tells which Environments are there, as the facts of System say; the next look at the leases divides them.
func (p *Projector) environments(known map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if maps.Equal(p.known, known) {
		return
	}
	p.known = known
	select {
	case p.poke <- struct{}{}:
	default:
	}
}
