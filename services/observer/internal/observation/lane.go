package observation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

const (
	// maxBatch is how many events leave at a time.
	maxBatch = 4096
	// attemptFor is how long one attempt to publish may take.
	attemptFor = 10 * time.Second
	// inspectEvery is how often a lane checks that its stream is the one that it was.
	inspectEvery = 2 * time.Second
	// stuckAfter is how long a lane may fail before nobody waits for it any longer.
	stuckAfter = 5 * time.Second

	minPause, maxPause = 50 * time.Millisecond, 2 * time.Second
)

// lane is the way to one account.
type lane struct {
	queue        *Queue
	organization string
	wake         chan struct{}

	mu      sync.Mutex
	pending map[string]*item // by subject
	order   []ticket
	next    uint64
	flight  uint64        // the first ticket of what is being published, 0 for none
	moved   chan struct{} // closed and replaced when something left or failed
	failure error
	failing time.Time // since when
	leaving bool
	epoch   string
	since   time.Time // of the epoch

	stream Stream // of the goroutine that publishes
}

// item is an event that waits. ticket is the place of its subject in the line; an item that is not of a ticket's number
// has left or has moved up, and the ticket is void.
type item struct {
	ticket uint64
	event  spine.Event
	done   func()
}

type ticket struct {
	number  uint64
	subject string
}

func newLane(q *Queue, organization string) *lane {
	return &lane{queue: q, organization: organization, wake: make(chan struct{}, 1), pending: map[string]*item{}, moved: make(chan struct{})}
}

func (l *lane) put(e spine.Event, done func()) {
	l.mu.Lock()
	if waits, ok := l.pending[e.Subject]; ok {
		waits.event, waits.done = e, done
	} else {
		l.next++
		l.pending[e.Subject] = &item{ticket: l.next, event: e, done: done}
		l.order = append(l.order, ticket{l.next, e.Subject})
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// anew begins an epoch, unless the present one is younger than d.
func (l *lane) anew(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.since.IsZero() || now.Sub(l.since) >= d {
		l.epoch, l.since = strconv.FormatInt(now.UnixNano(), 36), now
	}
}

// take removes the events that have waited longest.
func (l *lane) take() []*item {
	l.mu.Lock()
	defer l.mu.Unlock()
	var batch []*item
	for len(l.order) > 0 && len(batch) < maxBatch {
		t := l.order[0]
		l.order = l.order[1:]
		if waits, ok := l.pending[t.subject]; ok && waits.ticket == t.number {
			delete(l.pending, t.subject)
			batch = append(batch, waits)
		}
	}
	if len(batch) == 0 {
		l.order = nil // and with it what it has grown to
		return nil
	}
	l.flight = batch[0].ticket
	return batch
}

// settle takes back what could not be published, to where it was. Where a newer event of its subject waits, that one
// moves up instead.
func (l *lane) settle(back []*item, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := make([]ticket, 0, len(back)+len(l.order))
	for _, b := range back {
		subject := b.event.Subject
		if newer, ok := l.pending[subject]; ok {
			newer.ticket = b.ticket
		} else {
			l.pending[subject] = b
		}
		again = append(again, ticket{b.ticket, subject})
	}
	if len(back) > 0 {
		l.order = append(again, l.order...)
	}
	l.flight = 0
	switch {
	case failure == nil:
		l.failing = time.Time{}
	case l.failing.IsZero():
		l.failing = time.Now()
	}
	l.failure = failure
	close(l.moved)
	l.moved = make(chan struct{})
}

// mark is the ticket of what was put last.
func (l *lane) mark() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// flush waits until everything up to a mark has been stored, but for a lane that is stuck.
func (l *lane) flush(ctx context.Context, mark uint64) error {
	for {
		l.mu.Lock()
		oldest, moved, failure := l.oldest(), l.moved, l.failure
		stuck := failure != nil && time.Since(l.failing) > stuckAfter
		l.mu.Unlock()
		switch {
		case oldest > mark:
			return nil
		case stuck:
			return fmt.Errorf("%s: %w", accountName(l.organization), failure)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// oldest is the ticket of the event that has waited longest. Call it with the lock.
func (l *lane) oldest() uint64 {
	if l.flight > 0 {
		return l.flight
	}
	for len(l.order) > 0 {
		if waits, ok := l.pending[l.order[0].subject]; ok && waits.ticket == l.order[0].number {
			return waits.ticket
		}
		l.order = l.order[1:]
	}
	return math.MaxUint64
}

func (l *lane) ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil || l.leaving {
		return nil
	}
	return fmt.Errorf("%s: %w; %d events wait", accountName(l.organization), l.failure, len(l.pending))
}

// run publishes until ctx ends, in the order in which things were first put, and tries again for as long as it takes.
func (l *lane) run(ctx context.Context) {
	inspect := time.NewTicker(inspectEvery)
	defer inspect.Stop()
	for pause := minPause; ctx.Err() == nil; {
		select {
		case <-inspect.C:
			l.inspect(ctx)
		default:
		}
		batch := l.take()
		if batch == nil {
			select {
			case <-ctx.Done():
			case <-l.wake:
			case <-inspect.C:
				l.inspect(ctx)
			}
			continue
		}
		back, failure := l.publish(ctx, batch)
		l.report(failure)
		l.settle(back, failure)
		if failure == nil {
			pause = minPause
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// report says in the log when a lane begins to fail and when it recovers.
func (l *lane) report(failure error) {
	l.mu.Lock()
	before := l.failure
	l.mu.Unlock()
	switch {
	case before == nil && failure != nil:
		l.queue.log.Info("observer: "+accountName(l.organization)+" does not take events; they wait", "full", spine.Full(failure), "error", failure)
	case before != nil && failure == nil:
		l.queue.log.Info("observer: " + accountName(l.organization) + " takes events again")
	}
}

// publish does one attempt. It returns what has to be tried again, and why.
func (l *lane) publish(ctx context.Context, batch []*item) (back []*item, failure error) {
	ctx, cancel := context.WithTimeout(ctx, attemptFor)
	defer cancel()
	account, err := l.account(ctx)
	if err != nil {
		if l.left(err) {
			return nil, nil
		}
		return batch, err
	}
	if l.queue.Before != nil {
		l.queue.Before(ctx)
	}
	for i, err := range account.PublishBatch(ctx, l.events(batch)) {
		e := batch[i].event
		switch {
		case err == nil:
			if batch[i].done != nil {
				batch[i].done()
			}
		case hopeless(e, err):
			l.setAside(e, err)
		default:
			back = append(back, batch[i])
			failure = err
		}
	}
	return back, failure
}

// events are those of a batch with the ids that they have in the present stream.
func (l *lane) events(batch []*item) []spine.Event {
	l.mu.Lock()
	epoch := l.epoch
	l.mu.Unlock()
	events := make([]spine.Event, len(batch))
	for i, b := range batch {
		events[i] = b.event
		if epoch != "" {
			events[i].ID += "@" + epoch
		}
	}
	return events
}

// account finds the account. The first time it makes sure that there is a stream.
func (l *lane) account(ctx context.Context) (Account, error) {
	account, err := l.queue.accounts.Account(ctx, l.organization)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	failed := l.failure != nil
	l.mu.Unlock()
	if l.stream.Made.IsZero() || failed {
		return account, l.compare(ctx, account)
	}
	return account, nil
}

// left tells whether the account is missing because its Organization has gone.
func (l *lane) left(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leaving || !errors.Is(err, spine.ErrNoAccount) {
		return false
	}
	l.pending, l.order = map[string]*item{}, nil
	return true
}

// inspect looks whether the stream is the one that it was. An account that does not answer says nothing.
func (l *lane) inspect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, inspectEvery)
	defer cancel()
	if account, err := l.queue.accounts.Account(ctx, l.organization); err == nil {
		if err := l.compare(ctx, account); err != nil {
			l.queue.log.Debug("observer: the stream cannot be inspected", "organization", l.organization, "error", err)
		}
	}
}

func (l *lane) compare(ctx context.Context, account Account) error {
	now, err := account.Stream(ctx)
	if err != nil {
		return err
	}
	before := l.stream
	l.stream = now
	switch {
	case now.replaced(before):
		l.queue.log.Info("observer: the stream was made anew or lost events; everything is told again", "organization", l.organization)
		l.queue.Anew(l.organization)
	case now.restarted(before):
		// What the stream still has it knows by its id.
		l.queue.log.Info("observer: the server was restarted; everything is told again", "organization", l.organization)
	default:
		return nil
	}
	if l.queue.Lost != nil {
		l.queue.Lost(l.organization)
	}
	return nil
}

// hopeless tells whether an event can never be stored.
func hopeless(e spine.Event, err error) bool {
	if errors.Is(err, spine.ErrTooLarge) {
		return true
	}
	_, wrong := e.Message()
	return wrong != nil
}

// setAside tells the Sovereign of an event that the spine can never take.
func (l *lane) setAside(e spine.Event, err error) {
	l.queue.log.Error("observer: an event is set aside", "subject", e.Subject, "error", err)
	if _, ok := e.Data.(*spinev1.EventSetAside); ok {
		return
	}
	hash := sha256.Sum256([]byte(e.Subject))
	id := hex.EncodeToString(hash[:8])
	l.queue.Put(spine.System, spine.Event{
		ID: "aside/" + id + "/" + e.ID, Source: e.Source, Subject: spine.SetAside(l.organization, id), Time: e.Time,
		Data: &spinev1.EventSetAside{
			Organization: l.organization, Subject: e.Subject, Reason: err.Error(),
			SizeBytes: int64(proto.Size(e.Data)), ObservedAt: timestamppb.New(e.Time),
		},
	})
}
