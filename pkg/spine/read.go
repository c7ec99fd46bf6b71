package spine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxBatch is how many events a reader gets at a time at most, and maxBatchBytes after how many bytes there are
	// enough.
	maxBatch      = 2048
	maxBatchBytes = 8 << 20
	// maxAhead is how many are taken out of the connection before they are asked for; the connection itself holds
	// maxBatchBytes of them at most.
	maxAhead = 256
	// inspectEvery is how often a reader checks that the stream is the one that it was.
	inspectEvery = 2 * time.Second
)

// ErrReplaced says that the stream is not the one that was read before: it was deleted, or lost what it held. What was
// known stays, and everything has to be read and told anew.
var ErrReplaced = errors.New("the stream was made anew")

// Position is a place in a stream. The zero value is the beginning of whatever stream there is.
type Position struct {
	// Made is when the stream was made: what tells it from a later one of its name.
	Made time.Time
	// Sequence of the last event that was read, and when the stream took it: what tells it from another that came to have
	// its number after the log went back, as it may after a power cut. Zero where it is not known.
	Sequence uint64
	Time     time.Time
}

// Reading says what to read and from where on.
type Reading struct {
	// Subjects to read, such as All or Environment(env).
	Subjects []string
	// After is where to go on.
	After Position
	// New reads what comes from now on; After does not matter then.
	New bool
}

// Batch is what a reader gets at a time: what has arrived, in the order of the stream.
type Batch struct {
	Events []Event
	// SetAside are those that could not be read as events; they have no data but the sequence, subject and reason.
	SetAside []Refused
	// End is the position after the batch.
	End Position
	// Pending is how many more the stream holds for this reader.
	Pending uint64
}

// Refused is something on the spine that is no event that can be read.
type Refused struct {
	Subject  string
	Sequence uint64
	// Time at which the stream took it.
	Time   time.Time
	Size   int
	Reason string
}

// Read calls handle with batch after batch, the first one as soon as it is known where the stream ends, even if it is
// empty, until ctx ends, handle returns an error, or the stream is replaced (ErrReplaced). It survives restarts of the
// server and loses nothing through them. What handle was told and did not return nil for is told again by the next Read
// from the same position.
func (s *Spine) Read(ctx context.Context, r Reading, handle func(context.Context, Batch) error) error {
	if err := s.EnsureStream(ctx); err != nil {
		return err
	}
	stream, err := s.js.Stream(ctx, Stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", Stream, err)
	}
	info := stream.CachedInfo()
	at := r.After
	switch {
	case r.New:
		at = Position{Made: info.Created, Sequence: info.State.LastSeq}
	case at.Made.IsZero():
		at = Position{Made: info.Created}
	case !at.Made.Equal(info.Created) || at.Sequence > info.State.LastSeq:
		return ErrReplaced
	}
	if err := s.same(ctx, at); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cons, err := s.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: r.Subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at.Sequence + 1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("reader of %v: %w", r.Subjects, err)
	}
	defer s.forget(ctx, cons)
	pending, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("reader of %v: %w", r.Subjects, err)
	}
	if pending.NumPending == 0 {
		if err := handle(ctx, Batch{End: at}); err != nil {
			return err
		}
	}
	messages := make(chan jetstream.Msg, maxAhead)
	consuming, err := cons.Consume(func(m jetstream.Msg) {
		select {
		case messages <- m:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxBytes(maxBatchBytes), jetstream.PullHeartbeat(5*time.Second), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		s.log.Debug("spine: reader", "subjects", r.Subjects, "error", err)
	}))
	if err != nil {
		return fmt.Errorf("reader of %v: %w", r.Subjects, err)
	}
	defer consuming.Stop()
	inspect := time.NewTicker(inspectEvery)
	defer inspect.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-consuming.Closed():
			return fmt.Errorf("reader of %v: it was ended by the server", r.Subjects)
		case <-inspect.C:
			if err := s.same(ctx, at); err != nil {
				return err
			}
		case m := <-messages:
			b := Batch{End: at}
			if err := b.gather(m, messages); err != nil {
				return err
			}
			if err := handle(ctx, b); err != nil {
				return err
			}
			at = b.End
		}
	}
}

// forget takes a reader away from the server, which would keep it for a while.
func (s *Spine) forget(ctx context.Context, cons jetstream.Consumer) {
	info := cons.CachedInfo()
	if info == nil || !s.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.js.DeleteConsumer(ctx, Stream, info.Name); err != nil {
		s.log.Debug("spine: a reader is left to its time", "error", err)
	}
}

// same returns ErrReplaced if the stream is not the one of a position. A server that does not answer says nothing.
func (s *Spine) same(ctx context.Context, at Position) error {
	ctx, cancel := context.WithTimeout(ctx, inspectEvery)
	defer cancel()
	stream, err := s.js.Stream(ctx, Stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrReplaced
	case err != nil:
		return nil //nolint:nilerr // the connection says that it is away, and comes back by itself
	case !stream.CachedInfo().Created.Equal(at.Made) || stream.CachedInfo().State.LastSeq < at.Sequence:
		return ErrReplaced
	case at.Time.IsZero() || at.Sequence < stream.CachedInfo().State.FirstSeq:
		return nil
	}
	last, err := stream.GetMsg(ctx, at.Sequence)
	if err == nil && !last.Time.Equal(at.Time) {
		return ErrReplaced
	}
	return nil //nolint:nilerr // the event may have been purged, and a server that does not answer says nothing
}

// gather adds a message, and as many of those that have arrived as a batch takes.
func (b *Batch) gather(m jetstream.Msg, more <-chan jetstream.Msg) error {
	for size := 0; ; {
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		b.End.Sequence, b.End.Time, b.Pending = meta.Sequence.Stream, meta.Timestamp.UTC(), meta.NumPending
		e, err := ParseEvent(m.Subject(), m.Headers(), m.Data())
		if err != nil {
			b.SetAside = append(b.SetAside, Refused{Subject: m.Subject(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp.UTC(), Size: len(m.Data()), Reason: err.Error()})
		} else {
			e.Sequence, e.Stored = meta.Sequence.Stream, meta.Timestamp.UTC()
			b.Events = append(b.Events, e)
		}
		if size += len(m.Data()); len(b.Events)+len(b.SetAside) == maxBatch || size >= maxBatchBytes {
			return nil
		}
		select {
		case m = <-more:
		default:
			return nil
		}
	}
}
