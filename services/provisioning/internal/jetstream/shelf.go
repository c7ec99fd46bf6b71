package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// PlanBucket holds InstallPlans.
const (
	PlanBucket = "install-plans"
	// keepPlans is longer than they hold, so that who comes late is told that they expired.
	keepPlans = 24 * time.Hour
)

// Shelf implements operation.Shelf.
type Shelf struct {
	spine *spine.Spine

	mu     sync.Mutex
	bucket jetstream.KeyValue
}

var _ operation.Shelf = (*Shelf)(nil)

// NewShelf returns a shelf in the account of what was asked. It does not connect.
func NewShelf(intents *spine.Spine) *Shelf { return &Shelf{spine: intents} }

// open returns the bucket; the first use makes it.
func (s *Shelf) open(ctx context.Context) (jetstream.KeyValue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bucket != nil {
		return s.bucket, nil
	}
	js := s.spine.JetStream()
	kv, err := js.KeyValue(ctx, PlanBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: PlanBucket, History: 1, TTL: keepPlans, Storage: jetstream.FileStorage,
			Description: "InstallPlans: what was shown to people, until it expires"})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = js.KeyValue(ctx, PlanBucket)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", PlanBucket, err)
	}
	s.bucket = kv
	return kv, nil
}

// Put implements operation.Shelf.
func (s *Shelf) Put(ctx context.Context, p *operation.InstallPlan) error {
	kv, err := s.open(ctx)
	if err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := kv.Create(ctx, p.ID, b); err != nil {
		return conflict(p.ID, err)
	}
	return nil
}

// Take implements operation.Shelf.
func (s *Shelf) Take(ctx context.Context, id string) (*operation.InstallPlan, error) {
	kv, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, spine.Encode(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, operation.ErrNoRecord
	}
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", id, err)
	}
	p := &operation.InstallPlan{}
	if err := json.Unmarshal(e.Value(), p); err != nil {
		return nil, fmt.Errorf("plan %s: %w", id, err)
	}
	return p, nil
}
