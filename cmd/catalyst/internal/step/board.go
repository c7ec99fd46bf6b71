// Package step is the model of a bootstrap as people see it: steps with their progress, the components that they bring
// up, and a board that tells its readers when something changed.
package step

import (
	"slices"
	"sync"
	"time"
)

// State of a step.
type State string

// The states of a step.
const (
	Pending State = "pending"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Step is one thing that the bootstrap does.
type Step struct {
	ID        string     `json:"id"`
	Title     string     `json:"title"`
	State     State      `json:"state"`
	Detail    string     `json:"detail"`
	StartedAt *time.Time `json:"startedAt,omitempty"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
	// Progress is from 0 to 1; 0 also where it cannot be told.
	Progress float64 `json:"progress"`
	Error    string  `json:"error,omitempty"`
	// Hint says what a person can do about the error.
	Hint string `json:"hint,omitempty"`
}

// ComponentState is what a process is doing.
type ComponentState string

// The states of a component.
const (
	Building   ComponentState = "building"
	Waiting    ComponentState = "waiting"
	Starting   ComponentState = "starting"
	Up         ComponentState = "running"
	Stopped    ComponentState = "stopped"
	Restarting ComponentState = "failed"
)

// Component is one process as people see it.
type Component struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Own         bool           `json:"own"`
	State       ComponentState `json:"state"`
	Detail      string         `json:"detail"`
	PID         int            `json:"pid"`
	Port        int            `json:"port"`
	Restarts    int            `json:"restarts"`
	MemoryBytes int64          `json:"memoryBytes"`
	Since       *time.Time     `json:"since,omitempty"`
}

// Snapshot is the whole board at one instant.
type Snapshot struct {
	Ready bool `json:"ready"`
	// Simulated tells that the cluster's nodes are simulated.
	Simulated          bool        `json:"simulated"`
	ConsoleURL         string      `json:"consoleURL"`
	StartedAt          time.Time   `json:"startedAt"`
	ConsoleReachableAt *time.Time  `json:"consoleReachableAt,omitempty"`
	ReadyAt            *time.Time  `json:"readyAt,omitempty"`
	Error              string      `json:"error,omitempty"`
	Hint               string      `json:"hint,omitempty"`
	Steps              []Step      `json:"steps"`
	Components         []Component `json:"components"`
}

// Board holds the steps and components. It is safe for concurrent use.
type Board struct {
	now func() time.Time

	mu      sync.Mutex
	snap    Snapshot
	changed chan struct{}
}

// NewBoard makes an empty board.
func NewBoard(consoleURL string, simulated bool, now func() time.Time) *Board {
	return &Board{now: now, changed: make(chan struct{}), snap: Snapshot{StartedAt: now(), ConsoleURL: consoleURL, Simulated: simulated}}
}

// Snapshot returns the board as it is, and a channel that is closed at its next change.
func (b *Board) Snapshot() (Snapshot, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.snap
	s.Steps, s.Components = slices.Clone(s.Steps), slices.Clone(s.Components)
	return s, b.changed
}

func (b *Board) change(f func(s *Snapshot)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.snap)
	close(b.changed)
	b.changed = make(chan struct{})
}

// AddStep puts a pending step on the board.
func (b *Board) AddStep(id, title string) {
	b.change(func(s *Snapshot) { s.Steps = append(s.Steps, Step{ID: id, Title: title, State: Pending}) })
}

// UpdateStep changes a step.
func (b *Board) UpdateStep(id string, f func(*Step)) {
	b.change(func(s *Snapshot) {
		for i := range s.Steps {
			if s.Steps[i].ID == id {
				f(&s.Steps[i])
			}
		}
	})
}

// SetComponent puts a component on the board or replaces it.
func (b *Board) SetComponent(c Component) {
	b.change(func(s *Snapshot) {
		for i := range s.Components {
			if s.Components[i].Name == c.Name {
				s.Components[i] = c
				return
			}
		}
		s.Components = append(s.Components, c)
	})
}

// ConsoleReachable notes the first time that the console answered.
func (b *Board) ConsoleReachable() {
	now := b.now()
	b.change(func(s *Snapshot) {
		if s.ConsoleReachableAt == nil {
			s.ConsoleReachableAt = &now
		}
	})
}

// Ready notes that everything is there.
func (b *Board) Ready() {
	now := b.now()
	b.change(func(s *Snapshot) { s.Ready, s.ReadyAt = true, &now })
}

// Fail notes why the bootstrap ended.
func (b *Board) Fail(err error) {
	b.change(func(s *Snapshot) { s.Error, s.Hint = err.Error(), Hint(err) })
}
