package observation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// Queue holds what is on its way to the spine, in a lane for each account, so that one that fails or is full delays
// nothing but its own events. In a lane the newest event of a subject takes the place of an older one that has not left
// yet. So a spine that is away for hours costs memory for the things there are, not for their changes, and nothing that
// is still true is lost.
type Queue struct {
	accounts Accounts
	log      *slog.Logger
	// Before is called before events are published, if set: what has to be kept first is kept then.
	Before func(context.Context)
	// Lost is called, if set, when an account may have lost what was published to it. Everything that belongs to the
	// Organization (the empty name stands for the Sovereign itself) has to be put again.
	Lost func(organization string)

	mu      sync.Mutex
	lanes   map[string]*lane
	start   func(*lane) // set while Run runs
	running sync.WaitGroup
}

// NewQueue makes an empty Queue. Set its hooks before Run.
func NewQueue(accounts Accounts, log *slog.Logger) *Queue {
	return &Queue{accounts: accounts, log: log, lanes: map[string]*lane{}}
}

// OrganizationOf names the lane of an Environment's events; it is empty for spine.System.
func OrganizationOf(env string) (string, error) {
	if env == spine.System {
		return "", nil
	}
	organization, _, err := spine.ParseEnvironment(env)
	return organization, err
}

// Put adds an event of an Environment (or spine.System), in place of one of the same subject that still waits.
func (q *Queue) Put(env string, e spine.Event) { q.PutThen(env, e, nil) }

// PutThen is Put that calls done after the event has been stored, unless a newer one of its subject came before that.
func (q *Queue) PutThen(env string, e spine.Event, done func()) {
	organization, err := OrganizationOf(env)
	if err != nil {
		q.log.Error("observer: an event belongs nowhere and is dropped", "subject", e.Subject, "error", err)
		return
	}
	q.lane(organization).put(e, done)
}

func (q *Queue) lane(organization string) *lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, ok := q.lanes[organization]
	if !ok {
		l = newLane(q, organization)
		q.lanes[organization] = l
		if q.start != nil {
			q.start(l)
		}
	}
	return l
}

func (q *Queue) all() []*lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Values(q.lanes))
}

// Run publishes until ctx ends.
func (q *Queue) Run(ctx context.Context) {
	q.lane("") // the Sovereign's own is watched from the beginning
	q.mu.Lock()
	q.start = func(l *lane) { q.running.Go(func() { l.run(ctx) }) }
	for _, l := range q.lanes {
		q.start(l)
	}
	q.mu.Unlock()
	<-ctx.Done()
	q.mu.Lock()
	q.start = nil
	q.mu.Unlock()
	q.running.Wait()
}

// Flush waits until all that was put before has been stored, in every account that takes events. The error names the
// accounts that do not, or says that ctx ended.
func (q *Queue) Flush(ctx context.Context) error {
	lanes := q.all()
	marks := make([]uint64, len(lanes))
	for i, l := range lanes {
		marks[i] = l.mark()
	}
	var errs []error
	for i, l := range lanes {
		if err := l.flush(ctx, marks[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Anew makes the ids of the events of an Organization differ from those that they had, so that a stream that is to be
// told everything again does not take them for repetitions.
func (q *Queue) Anew(organization string) { q.lane(organization).anew(0) }

// AnewAfter does the same unless it was done a short while ago. What was stored since then is still there.
func (q *Queue) AnewAfter(organization string, d time.Duration) { q.lane(organization).anew(d) }

// Organizations are those that have a lane; the empty name, the Sovereign itself, is among them.
func (q *Queue) Organizations() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Sorted(maps.Keys(q.lanes))
}

// Expect says whether an Organization exists. What waits for the account of one that does not is dropped when the account
// is gone too.
func (q *Queue) Expect(organization string, exists bool) {
	l := q.lane(organization)
	l.mu.Lock()
	l.leaving = !exists
	l.mu.Unlock()
}

// Ready names the accounts that do not take events, with the reason.
func (q *Queue) Ready(context.Context) error {
	var errs []error
	for _, l := range q.all() {
		errs = append(errs, l.ready())
	}
	return errors.Join(errs...)
}

func accountName(organization string) string {
	if organization == "" {
		return "the Sovereign's own account"
	}
	return fmt.Sprintf("the account of %q", organization)
}
