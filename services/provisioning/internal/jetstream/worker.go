package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

const (
	ackWait = 10 * time.Second
	// sweepEvery is how soon an Operation that was accepted but not queued is queued.
	sweepEvery = 2 * time.Second
	// recent Operations are announced again at a start, in case their end was not.
	recent = time.Hour
)

// again is when an Operation is tried that could not be looked at.
const again = 2 * time.Second

// Run is what a worker does for one Operation.
type Run func(ctx context.Context, id string) (operation.Outcome, error)

// Worker takes Operations from the queue.
type Worker struct {
	Records *Records
	Run     Run
	// Parallel is how many are carried out at once.
	Parallel int
	Log      *slog.Logger

	mu   sync.Mutex
	busy map[string]bool // the Operations that are being carried out
}

// Work carries Operations out until ctx ends. It begins with those that an earlier process left unfinished.
func (w *Worker) Work(ctx context.Context) error {
	for first := true; ctx.Err() == nil; first = false {
		err := spine.Retry(ctx, w.Log, "unfinished Operations", func(ctx context.Context) error { return w.sweep(ctx, first) })
		if err == nil {
			err = w.work(ctx)
		}
		if ctx.Err() == nil {
			w.Log.Info("the queue of Operations is opened again", "error", err)
			pause(ctx, 500*time.Millisecond)
		}
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (w *Worker) work(ctx context.Context) error {
	cons, err := w.Records.spine.JetStream().CreateOrUpdateConsumer(ctx, Stream, jetstream.ConsumerConfig{
		Durable: "provisioning", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: 1024,
	})
	if err != nil {
		return fmt.Errorf("consumer of %s: %w", Stream, err)
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(w.Parallel), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	wg.Go(func() { w.sweepLoop(ctx) })
	wg.Go(func() { w.announceLoop(ctx) })
	slots := make(chan struct{}, w.Parallel)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		msg, err := it.Next()
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer func() { <-slots }()
			w.handle(ctx, msg)
		})
	}
}

// handle runs one Operation. While it runs the queue is told so; if this process dies, the queue gives it to another.
func (w *Worker) handle(ctx context.Context, msg jetstream.Msg) {
	id, err := spine.Decode(strings.TrimPrefix(msg.Subject(), subject))
	if err != nil {
		w.settle(msg.TermWithReason("the subject names no Operation"), "")
		return
	}
	if !w.take(id) { // it was queued again while it runs
		w.settle(msg.NakWithDelay(again), id)
		return
	}
	defer w.leave(id)
	alive, quiet := context.WithCancel(ctx)
	defer quiet()
	go heartbeat(alive, msg)
	out, err := w.Run(ctx, id)
	quiet()
	switch {
	case err == nil && out.Ended:
		w.settle(msg.Ack(), id)
	case ctx.Err() != nil:
		w.settle(msg.Nak(), id)
	case err == nil:
		w.settle(msg.NakWithDelay(out.After), id)
	case errors.Is(err, operation.ErrConflict): // somebody cancelled it, or another worker is on it
		w.settle(msg.NakWithDelay(again), id)
	default:
		w.Log.Error("an Operation will be tried again", "operation", id, "error", err)
		w.settle(msg.NakWithDelay(again), id)
	}
}

// take is false for an Operation that this process carries out already.
func (w *Worker) take(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[id] {
		return false
	}
	if w.busy == nil {
		w.busy = map[string]bool{}
	}
	w.busy[id] = true
	return true
}

func (w *Worker) leave(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, id)
}

func (w *Worker) settle(err error, id string) {
	if err != nil { // the server gives it out again, and running it again does no harm
		w.Log.Debug("the queue was not told", "operation", id, "error", err)
	}
}

func heartbeat(ctx context.Context, msg jetstream.Msg) {
	t := time.NewTicker(ackWait / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := msg.InProgress(); err != nil {
				return
			}
		}
	}
}

func (w *Worker) sweepLoop(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, sweepEvery)
		if !w.Records.missed.Swap(false) {
			continue
		}
		if err := w.sweep(ctx, false); err != nil {
			w.Records.missed.Store(true)
			w.Log.Debug("unfinished Operations could not be looked for", "error", err)
		}
	}
}

// announceLoop tells what could not be told.
func (w *Worker) announceLoop(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, sweepEvery)
		w.Records.catchUp(ctx, w.Records.Get)
	}
}

// sweep queues the Operations that have not ended. At a start it takes all of them, which also ends the wait for what a
// process that died was working on; later only those that the queue does not hold.
func (w *Worker) sweep(ctx context.Context, start bool) error {
	kv, err := w.Records.open(ctx)
	if err != nil {
		return err
	}
	stream, err := w.Records.spine.JetStream().Stream(ctx, Stream)
	if err != nil {
		return err
	}
	watch, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer func() { _ = watch.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-watch.Updates():
			if !ok || e == nil { // nil marks the end of what is stored
				return nil
			}
			if err := w.resume(ctx, stream, e, start); err != nil {
				return err
			}
		}
	}
}

func (w *Worker) resume(ctx context.Context, stream jetstream.Stream, e jetstream.KeyValueEntry, start bool) error {
	o, err := decode(e)
	if err != nil {
		w.Log.Error("the record of an Operation cannot be read", "operation", e.Key(), "error", err)
		return nil
	}
	if o.Final() {
		if start && time.Since(o.EndedAt) < recent {
			if err := w.Records.Announce(ctx, o); err != nil { // it is announced later
				w.Log.Debug("the end of an Operation was not announced", "operation", o.ID, "error", err)
			}
		}
		return nil
	}
	if !start {
		_, err := stream.GetLastMsgForSubject(ctx, subject+spine.Encode(o.ID))
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
	}
	return w.Records.Enqueue(ctx, o.ID)
}
