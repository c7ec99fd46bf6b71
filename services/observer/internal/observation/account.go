// Package observation gathers what was seen until it has reached the spine, and says which sources can be heard.
package observation

import (
	"context"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// Account is one account of the spine.
type Account interface {
	// PublishBatch appends events in their order and returns an error for each, nil where it is stored.
	PublishBatch(context.Context, []spine.Event) []error
	// Stream says which stream holds the events, and makes one if there is none.
	Stream(context.Context) (Stream, error)
}

// Accounts finds the account of an Organization; the empty name stands for the Sovereign's own.
type Accounts interface {
	Account(ctx context.Context, organization string) (Account, error)
}

// Stream tells one stream of events from a later one of its name.
type Stream struct {
	Made time.Time
	// First and Last are the sequences of the oldest and the newest event.
	First, Last uint64
	// Server is the one that answers, which is another one after a restart.
	Server string
}

// replaced tells whether what was published to the stream before may be missing in this one: it was made anew, its end was
// lost, or all that it held is gone.
func (s Stream) replaced(before Stream) bool {
	if before.Made.IsZero() {
		return false
	}
	emptied := s.First != before.First && before.Last > 0 && s.First > before.Last
	return !s.Made.Equal(before.Made) || s.Last < before.Last || emptied
}

// restarted tells whether the server was another one before. What it acknowledged at the very end may not have reached
// its disk.
func (s Stream) restarted(before Stream) bool {
	return before.Server != "" && s.Server != before.Server
}
