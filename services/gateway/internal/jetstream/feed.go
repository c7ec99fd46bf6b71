// Package jetstream feeds the read model from the buckets that the projector writes.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// Feed follows the bucket of the Sovereign's own views, and with it the bucket of each Environment that has a view
// there.
type Feed struct {
	spine *spine.Spine
	store *readmodel.Store
	log   *slog.Logger

	mu      sync.Mutex
	waiting map[string]string // Environment (or spine.System) -> why its views are not up to date
	follow  map[string]*following
	running sync.WaitGroup
}

// following is a bucket that is being followed.
type following struct {
	cancel context.CancelFunc
	done   chan struct{}
	gone   bool // its Environment has vanished, and what came from it goes too
}

// NewFeed makes a Feed into a store.
func NewFeed(sp *spine.Spine, store *readmodel.Store, log *slog.Logger) *Feed {
	return &Feed{spine: sp, store: store, log: log, follow: map[string]*following{},
		waiting: map[string]string{spine.System: "has not been read yet"}}
}

// Ready tells whether every bucket has been read and is being followed.
func (f *Feed) Ready(context.Context) error {
	if !f.spine.JetStream().Conn().IsConnected() {
		return errors.New("NATS is not connected; the last known views are shown")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return nil
	}
	var why []string
	for _, env := range slices.Sorted(maps.Keys(f.waiting)) {
		why = append(why, env+": "+f.waiting[env])
	}
	return errors.New("views of " + strings.Join(why, "; "))
}

// Run follows the buckets until ctx ends. While NATS is away, what is known stays.
func (f *Feed) Run(ctx context.Context) {
	f.bucket(spine.System).run(ctx)
	f.running.Wait()
}

// wait notes why an Environment's views are not up to date; an empty reason means that they are. The read model counts
// as read when nothing is waited for, for the first time.
func (f *Feed) wait(env, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.follow[env]; env != spine.System && (now == nil || now.gone) {
		return
	}
	if reason != "" {
		f.waiting[env] = reason
		return
	}
	delete(f.waiting, env)
	if len(f.waiting) == 0 && !f.store.Synced() {
		f.store.MarkSynced()
	}
}

// appeared begins to follow an Environment.
func (f *Feed) appeared(ctx context.Context, env string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.follow[env]
	if before != nil && !before.gone || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	now := &following{cancel: cancel, done: make(chan struct{})}
	f.follow[env] = now
	f.waiting[env] = "has not been read yet"
	f.running.Go(func() {
		defer close(now.done)
		if before != nil {
			<-before.done // it may still be clearing away
		}
		b := f.bucket(env)
		b.run(ctx)
		f.mu.Lock()
		gone := now.gone
		f.mu.Unlock()
		if gone {
			b.clear()
		}
	})
}

// vanished ends that; the views of the Environment go with it.
func (f *Feed) vanished(env string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.follow[env]; now != nil {
		now.gone = true
		now.cancel()
	}
	delete(f.waiting, env)
}

func (f *Feed) bucket(env string) *bucket {
	return &bucket{feed: f, env: env, known: map[string]known{}}
}

// take reads one entry. It refuses a view that is in another Environment's bucket: what a bucket holds must not be seen
// with another one's rights.
func (f *Feed) take(env string, entry jetstream.KeyValueEntry) (readmodel.View, error) {
	v, err := readmodel.Parse(entry.Value())
	if err != nil {
		return v, err
	}
	kind, name, ok := spine.ParseKey(entry.Key())
	switch {
	case !ok || string(v.Kind) != kind || v.Name != name:
		return v, fmt.Errorf("it says that it is %s %q", v.Kind, v.Name)
	case env != spine.System && v.Environment != env:
		return v, fmt.Errorf("it says that it belongs to %q", v.Environment)
	case env == spine.System && v.Kind == view.KindEnvironment && v.Environment != v.Name:
		return v, fmt.Errorf("it says that it belongs to %q", v.Environment)
	}
	return v, nil
}

// pause waits, and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
