// Package jetstream remembers across restarts which objects the observer has told of, so that what was deleted while it
// was away is told too.
package jetstream

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// Memory is a bucket with the identity of every live object that was told of.
type Memory struct {
	spine  *spine.Spine
	bucket string
	mu     sync.Mutex
	kv     jetstream.KeyValue
}

// NewMemory makes the memory of one cluster's objects.
func NewMemory(sp *spine.Spine, cluster string) *Memory {
	return &Memory{spine: sp, bucket: "observer-" + spine.Encode(cluster)}
}

func (m *Memory) open(ctx context.Context) (jetstream.KeyValue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kv != nil {
		return m.kv, nil
	}
	kv, err := m.spine.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: m.bucket, History: 1, Storage: jetstream.FileStorage})
	if err == nil {
		m.kv = kv
	}
	return kv, err
}

func key(o *spinev1.ObjectRef) string {
	return spine.Encode(o.GetKind()) + "/" + spine.Encode(o.GetNamespace()) + "/" + spine.Encode(o.GetName())
}

// Remember keeps an object, with what is needed to tell of its end.
func (m *Memory) Remember(ctx context.Context, o *spinev1.ObjectObserved) error {
	kv, err := m.open(ctx)
	if err != nil {
		return err
	}
	b, err := proto.Marshal(&spinev1.ObjectObserved{
		Object: o.GetObject(), Organization: o.GetOrganization(), Environment: o.GetEnvironment(), Application: o.GetApplication(),
	})
	if err != nil {
		return err
	}
	_, err = kv.Put(ctx, key(o.GetObject()), b)
	return err
}

// Forget drops an object whose end was told.
func (m *Memory) Forget(ctx context.Context, o *spinev1.ObjectRef) error {
	kv, err := m.open(ctx)
	if err != nil {
		return err
	}
	return kv.Purge(ctx, key(o))
}

// Known lists every remembered object.
func (m *Memory) Known(ctx context.Context) ([]*spinev1.ObjectObserved, error) {
	kv, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	var out []*spinev1.ObjectObserved
	for entry := range w.Updates() {
		if entry == nil {
			break
		}
		var o spinev1.ObjectObserved
		if err := proto.Unmarshal(entry.Value(), &o); err != nil {
			return nil, err
		}
		out = append(out, &o)
	}
	return out, ctx.Err()
}
