// Package observation gathers what was seen until it has reached the spine.
package observation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// Queue holds one event for each subject at most: the newest state of a thing takes the place of an older one that has
// not left yet. So a spine that is away for hours costs memory for the things there are, not for their changes, and
// nothing that is still true is lost.
type Queue struct {
	log *slog.Logger

	mu      sync.Mutex
	pending map[string]spine.Event
	order   []string
	wake    chan struct{}
}

// NewQueue makes an empty Queue.
func NewQueue(log *slog.Logger) *Queue {
	return &Queue{log: log, pending: map[string]spine.Event{}, wake: make(chan struct{}, 1)}
}

// Put adds an event, in place of one of the same subject that still waits.
func (q *Queue) Put(e spine.Event) {
	q.mu.Lock()
	if _, waits := q.pending[e.Subject]; !waits {
		q.order = append(q.order, e.Subject)
	}
	q.pending[e.Subject] = e
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) next() (spine.Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.order) == 0 {
		q.order = nil
		return spine.Event{}, false
	}
	e := q.pending[q.order[0]]
	delete(q.pending, q.order[0])
	q.order = q.order[1:]
	return e, true
}

// back returns an event that could not be published, unless a newer one of its subject waits already.
func (q *Queue) back(e spine.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, newer := q.pending[e.Subject]; newer {
		return
	}
	q.pending[e.Subject] = e
	q.order = append([]string{e.Subject}, q.order...)
}

// Run publishes until ctx ends, in the order in which things were first put, and tries again for as long as it takes.
func (q *Queue) Run(ctx context.Context, publish func(context.Context, spine.Event) error) {
	pause := 50 * time.Millisecond
	for {
		e, ok := q.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			}
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := publish(attempt, e)
		cancel()
		if err == nil {
			pause = 50 * time.Millisecond
			continue
		}
		q.back(e)
		q.log.Info("observer: the spine does not take events; they wait", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}
