// Package jetstream keeps Operations: the records in a key-value bucket, which are the truth, and a work queue that only
// says which of them to look at.
package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// The names in JetStream.
const (
	Bucket  = "operations"
	Stream  = "OPERATIONS"
	subject = "operations.run."
	// keep is how long a record outlives its last change, and so how long an Idempotency-Key holds.
	keep = 30 * 24 * time.Hour
)

// Records implements operation.Records.
type Records struct {
	spine *spine.Spine
	*announcer

	mu     sync.Mutex
	bucket jetstream.KeyValue
	// missed is set when an Operation that was accepted could not be queued.
	missed atomic.Bool
}

var _ operation.Records = (*Records)(nil)

// New returns records that are kept in one account, and announced in the account of each Organization. It does not
// connect.
func New(intents *spine.Spine, accounts *spine.Accounts, log *slog.Logger) *Records {
	return &Records{spine: intents, announcer: &announcer{of: accounts.Of, log: log, later: map[string]map[string]int64{}}}
}

// open returns the bucket; the first use makes it and the queue.
func (r *Records) open(ctx context.Context) (jetstream.KeyValue, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bucket != nil {
		return r.bucket, nil
	}
	js := r.spine.JetStream()
	kv, err := js.KeyValue(ctx, Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: Bucket, History: 1, TTL: keep, Storage: jetstream.FileStorage,
			Description: "Operations: what was asked, the plan and how far it came"})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = js.KeyValue(ctx, Bucket)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", Bucket, err)
	}
	// One message an Operation: a newer one takes the place of the older.
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: Stream, Subjects: []string{subject + "*"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardOld, Description: "Operations that have not ended",
	}); err != nil {
		return nil, fmt.Errorf("stream %s: %w", Stream, err)
	}
	r.bucket = kv
	return kv, nil
}

// Ready fits server.Check.
func (r *Records) Ready(ctx context.Context) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	_, err = kv.Status(ctx)
	return err
}

// Create implements operation.Records.
func (r *Records) Create(ctx context.Context, o *operation.Operation) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	rev, err := kv.Create(ctx, o.ID, b)
	if err != nil {
		return conflict(o.ID, err)
	}
	o.Revision = rev
	return nil
}

// Get implements operation.Records.
func (r *Records) Get(ctx context.Context, id string) (*operation.Operation, error) {
	kv, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, spine.Encode(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, operation.ErrNoRecord
	}
	if err != nil {
		return nil, fmt.Errorf("operation %s: %w", id, err)
	}
	return decode(e)
}

func decode(e jetstream.KeyValueEntry) (*operation.Operation, error) {
	o := &operation.Operation{}
	if err := json.Unmarshal(e.Value(), o); err != nil {
		return nil, fmt.Errorf("operation %s: %w", e.Key(), err)
	}
	o.Revision = e.Revision()
	return o, nil
}

// Update implements operation.Records.
func (r *Records) Update(ctx context.Context, o *operation.Operation) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	rev, err := kv.Update(ctx, o.ID, b, o.Revision)
	if err != nil {
		return conflict(o.ID, err)
	}
	o.Revision = rev
	return nil
}

func conflict(id string, err error) error {
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return fmt.Errorf("%s: %w", id, operation.ErrConflict)
	}
	return fmt.Errorf("operation %s: %w", id, err)
}

// Enqueue implements operation.Records.
func (r *Records) Enqueue(ctx context.Context, id string) error {
	if _, err := r.open(ctx); err != nil {
		r.missed.Store(true)
		return err
	}
	if _, err := r.spine.JetStream().Publish(ctx, subject+spine.Encode(id), nil); err != nil {
		r.missed.Store(true)
		return fmt.Errorf("queue %s: %w", id, err)
	}
	return nil
}
