package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Task is a step with what it does.
type Task struct {
	ID    string
	Title string
	// After names the tasks that must be done before.
	After []string
	Run   func(context.Context, *Report) error
}

// Report is how a task says where it is.
type Report struct {
	board *Board
	id    string
}

// Detail says in a few words what is being done.
func (r *Report) Detail(format string, args ...any) {
	r.board.UpdateStep(r.id, func(s *Step) { s.Detail = fmt.Sprintf(format, args...) })
}

// Progress tells how much is done, from 0 to 1, and what.
func (r *Report) Progress(p float64, detail string) {
	r.board.UpdateStep(r.id, func(s *Step) { s.Progress, s.Detail = min(max(p, s.Progress), 1), detail })
}

// hinted is an error with what a person can do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// WithHint adds to an error what a person can do about it.
func WithHint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// Hint returns what a person can do about err, if that is known.
func Hint(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// Check tells what is wrong with a plan: a task twice, one that waits for a task that is not there, or in a circle.
func Check(tasks []Task) error {
	known := map[string]bool{}
	for _, t := range tasks {
		if known[t.ID] {
			return fmt.Errorf("task %s is there twice", t.ID)
		}
		known[t.ID] = true
	}
	done := map[string]bool{}
	for len(done) < len(tasks) {
		before := len(done)
		for _, t := range tasks {
			open := 0
			for _, a := range t.After {
				if !known[a] {
					return fmt.Errorf("task %s waits for %s, which is not there", t.ID, a)
				}
				if !done[a] {
					open++
				}
			}
			if open == 0 {
				done[t.ID] = true
			}
		}
		if len(done) == before {
			var stuck []string
			for _, t := range tasks {
				if !done[t.ID] {
					stuck = append(stuck, t.ID)
				}
			}
			return fmt.Errorf("these tasks wait for each other: %s", strings.Join(stuck, ", "))
		}
	}
	return nil
}

// Run does the tasks, each as soon as those before it are done, and returns the first error; the others are then told
// to stop, and waited for.
func Run(ctx context.Context, board *Board, tasks []Task) error {
	if err := Check(tasks); err != nil {
		return err
	}
	done := map[string]chan struct{}{}
	for _, t := range tasks {
		done[t.ID] = make(chan struct{})
		board.AddStep(t.ID, t.Title)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, t := range tasks {
		all.Go(func() {
			for _, a := range t.After {
				select {
				case <-done[a]:
				case <-ctx.Done():
					return
				}
			}
			if err := runOne(ctx, board, t); err != nil {
				cancel(err)
				return
			}
			close(done[t.ID])
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func runOne(ctx context.Context, board *Board, t Task) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	start := board.now()
	board.UpdateStep(t.ID, func(s *Step) { s.State, s.StartedAt = Running, &start })
	err := t.Run(ctx, &Report{board, t.ID})
	end := board.now()
	if err != nil && ctx.Err() != nil {
		// Stopped because of another, or by a person: that is not this step's failure.
		board.UpdateStep(t.ID, func(s *Step) { s.State, s.Detail, s.EndedAt = Pending, "stopped", &end })
		return context.Cause(ctx)
	}
	if err != nil {
		board.UpdateStep(t.ID, func(s *Step) { s.State, s.Error, s.Hint, s.EndedAt = Failed, err.Error(), Hint(err), &end })
		return fmt.Errorf("%s: %w", t.Title, err)
	}
	board.UpdateStep(t.ID, func(s *Step) { s.State, s.Progress, s.EndedAt = Done, 1, &end })
	return nil
}
