package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/proc"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// Supervisor keeps components running and says on the board how they are.
type Supervisor struct {
	spawner *Spawner
	board   *step.Board
	prober  *prober
	logPath func(component string) string
	timing  Timing

	mu    sync.Mutex
	units map[string]*unit
	order []string
}

// Timing is how patient a Supervisor is. The zero value is not useful: see DefaultTiming.
type Timing struct {
	// ProbeStarting and ProbeRunning are the pauses between two probes.
	ProbeStarting, ProbeRunning time.Duration
	// BackoffMin and BackoffMax bound the pause before a restart; Settled is the running time that resets it.
	BackoffMin, BackoffMax, Settled time.Duration
	// Hung is how long a component may not answer before it is killed.
	Hung time.Duration
	// Grace is how long a component has to end.
	Grace time.Duration
}

// DefaultTiming suits real servers.
var DefaultTiming = Timing{
	ProbeStarting: 100 * time.Millisecond, ProbeRunning: 3 * time.Second,
	BackoffMin: 100 * time.Millisecond, BackoffMax: 10 * time.Second, Settled: 20 * time.Second,
	Hung: 45 * time.Second, Grace: 5 * time.Second,
}

type unit struct {
	sup  *Supervisor
	name string

	mu   sync.Mutex
	spec sovereign.Component
	view step.Component

	stop    chan struct{}
	stopped chan struct{}
	started bool
	once    sync.Once
}

// NewSupervisor makes a Supervisor without components.
func NewSupervisor(spawner *Spawner, board *step.Board, logPath func(string) string, t Timing) *Supervisor {
	return &Supervisor{spawner: spawner, board: board, prober: newProber(), logPath: logPath, timing: t, units: map[string]*unit{}}
}

// Declare tells of a component, or changes what it is told when it starts the next time.
func (s *Supervisor) Declare(c sovereign.Component) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.units[c.Name]
	if u == nil {
		u = &unit{sup: s, name: c.Name, stop: make(chan struct{}), stopped: make(chan struct{})}
		u.view = step.Component{Name: c.Name, Title: c.Title, Own: c.Own, Port: c.Port, State: step.Building}
		s.units[c.Name] = u
		s.order = append(s.order, c.Name)
		s.board.SetComponent(u.view)
	}
	u.mu.Lock()
	u.spec = c
	u.mu.Unlock()
}

// Start starts components and returns at once; one that runs is left alone.
func (s *Supervisor) Start(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		if u := s.units[n]; u != nil && !u.started {
			u.started = true
			go u.run()
		}
	}
}

// Wait returns when all the components are ready, or why they are not when ctx ends.
func (s *Supervisor) Wait(ctx context.Context, names ...string) error {
	for {
		snap, changed := s.board.Snapshot()
		open := notReady(snap, names)
		if len(open) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c := open[0]
			err := fmt.Errorf("%s is not ready: it is %s", c.Title, c.State)
			if c.Detail != "" {
				err = fmt.Errorf("%w (%s)", err, c.Detail)
			}
			return step.WithHint(err, "its output is in %s", s.logPath(c.Name))
		}
	}
}

func notReady(snap step.Snapshot, names []string) []step.Component {
	var open []step.Component
	for _, n := range names {
		for _, c := range snap.Components {
			if c.Name == n && c.State != step.Up {
				open = append(open, c)
			}
		}
	}
	return open
}

// Stop ends every component, those first that others do not wait for.
func (s *Supervisor) Stop() {
	s.mu.Lock()
	levels := levels(s.units)
	s.mu.Unlock()
	for i := len(levels) - 1; i >= 0; i-- {
		var wg sync.WaitGroup
		for _, u := range levels[i] {
			u.once.Do(func() { close(u.stop) })
			s.mu.Lock()
			started := u.started
			u.started = true
			s.mu.Unlock()
			if started {
				wg.Go(func() { <-u.stopped })
			}
		}
		wg.Wait()
	}
}

// levels groups units by how many others they wait for in a row.
func levels(units map[string]*unit) [][]*unit {
	var depth func(name string, seen int) int
	depth = func(name string, seen int) int {
		u := units[name]
		if u == nil || seen > len(units) {
			return 0
		}
		d := 0
		for _, a := range u.spec.After {
			d = max(d, 1+depth(a, seen+1))
		}
		return d
	}
	var out [][]*unit
	for name, u := range units {
		d := depth(name, 0)
		for len(out) <= d {
			out = append(out, nil)
		}
		out[d] = append(out[d], u)
	}
	return out
}

func (u *unit) set(f func(*step.Component)) {
	u.mu.Lock()
	before := u.view
	f(&u.view)
	after := u.view
	u.mu.Unlock()
	if before != after {
		u.sup.board.SetComponent(after)
	}
}

func (u *unit) state(state step.ComponentState, detail string) {
	now := time.Now()
	u.set(func(c *step.Component) {
		if c.State != state {
			c.Since = &now
		}
		c.State, c.Detail = state, detail
	})
}

func (u *unit) run() {
	defer close(u.stopped)
	if !u.waitForOthers() {
		u.state(step.Stopped, "")
		return
	}
	t := u.sup.timing
	pause := t.BackoffMin
	for {
		began := time.Now()
		err := u.runOnce()
		select {
		case <-u.stop:
			u.set(func(c *step.Component) { c.PID, c.MemoryBytes = 0, 0 })
			u.state(step.Stopped, "")
			return
		default:
		}
		if time.Since(began) > t.Settled {
			pause = t.BackoffMin
		}
		u.set(func(c *step.Component) { c.PID, c.MemoryBytes = 0, 0; c.Restarts++ })
		u.state(step.Restarting, fmt.Sprintf("%v; starts again in %s", err, pause))
		select {
		case <-u.stop:
			u.state(step.Stopped, "")
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, t.BackoffMax)
	}
}

func (u *unit) waitForOthers() bool {
	u.mu.Lock()
	after := u.spec.After
	u.mu.Unlock()
	for {
		snap, changed := u.sup.board.Snapshot()
		open := notReady(snap, after)
		if len(open) == 0 {
			return true
		}
		u.state(step.Waiting, "waits for "+open[0].Title)
		select {
		case <-changed:
		case <-u.stop:
			return false
		}
	}
}

// runOnce starts the process and returns why it ended.
func (u *unit) runOnce() error {
	u.mu.Lock()
	spec := u.spec
	u.mu.Unlock()
	log, err := OpenLog(u.sup.logPath(u.name), MaxLog)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer log.Close() //nolint:errcheck // nothing is buffered
	cmd := exec.Command(spec.Binary, spec.Args...)
	cmd.Env = Environment(spec.Env)
	cmd.Stdout, cmd.Stderr = Lossy(log), Lossy(log)
	cmd.WaitDelay = time.Second
	if err := u.sup.spawner.Start(cmd); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	u.set(func(c *step.Component) { c.PID = pid })
	u.state(step.Starting, "")
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	ctx, cancel := context.WithCancel(context.Background())
	var probing sync.WaitGroup
	probing.Go(func() { u.watch(ctx, pid, spec) })
	defer probing.Wait()
	defer cancel()
	select {
	case err = <-exited:
	case <-u.stop:
		err = u.end(pid, exited)
	}
	Signal(pid, syscall.SIGKILL) //nolint:errcheck // what it left behind, if anything
	if err == nil {
		err = fmt.Errorf("it ended by itself")
	}
	return err
}

func (u *unit) end(pid int, exited <-chan error) error {
	u.state(step.Stopped, "is ending")
	if err := Signal(pid, syscall.SIGTERM); err != nil {
		return <-exited
	}
	select {
	case err := <-exited:
		return err
	case <-time.After(u.sup.timing.Grace):
	}
	Signal(pid, syscall.SIGKILL) //nolint:errcheck // it may have ended meanwhile
	return <-exited
}

// watch probes the process until ctx ends, and kills it when it has not answered for too long.
func (u *unit) watch(ctx context.Context, pid int, spec sovereign.Component) {
	t := u.sup.timing
	answered := time.Now()
	for {
		state, detail, alive := u.sup.prober.check(ctx, spec)
		if ctx.Err() != nil {
			return
		}
		if alive {
			answered = time.Now()
		}
		pause := t.ProbeRunning
		if state != step.Up {
			pause = t.ProbeStarting
		}
		u.state(state, detail)
		u.set(func(c *step.Component) { c.MemoryBytes = proc.AnonymousMemory(pid) >> 20 << 20 })
		if time.Since(answered) > t.Hung {
			u.state(step.Restarting, fmt.Sprintf("it has not answered for %s and is killed", t.Hung))
			Signal(pid, syscall.SIGKILL) //nolint:errcheck // it may have ended meanwhile
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Environment is what a child is told: what this process was told, without what belongs to a person's shell, and extra.
func Environment(extra map[string]string) []string {
	var env []string
	for _, kv := range os.Environ() {
		k, _, _ := strings.Cut(kv, "=")
		if k == "KUBECONFIG" || strings.HasPrefix(k, "CATALYST_") || strings.HasPrefix(k, "GIT_") || strings.HasPrefix(k, "MAKE") || k == "MFLAGS" {
			continue
		}
		if _, ok := extra[k]; !ok {
			env = append(env, kv)
		}
	}
	for k, v := range extra {
		env = append(env, k+"="+v)
	}
	return env
}
