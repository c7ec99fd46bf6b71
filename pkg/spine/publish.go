package spine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// stallFor is how long a publisher waits for a place when as many events are on their way as may be.
const stallFor = 5 * time.Second

// Publish appends an event and returns when it is stored. Publishing the same ID twice within two minutes stores one.
func (s *Spine) Publish(ctx context.Context, e Event) error {
	return s.PublishBatch(ctx, []Event{e})[0]
}

// PublishBatch appends events in their order, with many on their way at a time, and returns when each is stored or
// refused: an error for each event, nil where it is stored. An event behind a refused one may be stored. ErrTooLarge
// says that trying again does not help.
func (s *Spine) PublishBatch(ctx context.Context, events []Event) []error {
	errs := make([]error, len(events))
	acks := make([]jetstream.PubAckFuture, len(events))
	for i, e := range events {
		msg, err := e.Message()
		if err == nil {
			err = ctx.Err() // while it waits for a place the time may run out
		}
		if err == nil {
			acks[i], err = s.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0), jetstream.WithStallWait(stallFor))
		}
		if err != nil {
			errs[i] = fmt.Errorf("publish %s: %w", e.Subject, err)
		}
	}
	for i, ack := range acks {
		if ack == nil {
			continue
		}
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			errs[i] = fmt.Errorf("publish %s: %w", events[i].Subject, err)
		case <-ctx.Done():
			errs[i] = fmt.Errorf("publish %s: %w", events[i].Subject, ctx.Err())
		}
	}
	return errs
}

// Full tells whether a publish failed because the account or the stream holds as much as it may.
func Full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case 10002, 10023, 10028, 10047, 10077: // resources exceeded: account, server, memory, storage; maximum bytes
		return true
	}
	return false
}
