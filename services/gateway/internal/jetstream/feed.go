// Package jetstream feeds the read model from the buckets that the projector writes.
package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// lookAgain is how often the feed looks for buckets of new Environments.
const lookAgain = 2 * time.Second

// Feed follows every bucket of views.
type Feed struct {
	spine  *spine.Spine
	store  *readmodel.Store
	log    *slog.Logger
	synced atomic.Bool
}

// NewFeed makes a Feed into a store.
func NewFeed(sp *spine.Spine, store *readmodel.Store, log *slog.Logger) *Feed {
	return &Feed{spine: sp, store: store, log: log}
}

// Ready tells whether the views have been read once and NATS still answers.
func (f *Feed) Ready(ctx context.Context) error {
	if !f.synced.Load() {
		return errors.New("the views have not been read yet")
	}
	return f.spine.Ready(ctx)
}

// Run follows the buckets until ctx ends. While NATS is away, what is known stays.
func (f *Feed) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	following := map[string]bool{}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		envs, err := f.environments(ctx)
		if err != nil {
			f.log.Debug("feed: buckets cannot be listed", "error", err)
		}
		var first sync.WaitGroup
		for _, env := range envs {
			if following[env] {
				continue
			}
			following[env] = true
			first.Add(1)
			wg.Go(func() { f.follow(ctx, env, sync.OnceFunc(first.Done)) })
		}
		if err == nil {
			go func() { first.Wait(); f.synced.Store(true) }()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *Feed) environments(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	names := f.spine.JetStream().KeyValueStoreNames(ctx)
	var out []string
	for name := range names.Name() {
		if env, ok := spine.EnvironmentOf(name); ok {
			out = append(out, env)
		}
	}
	return out, names.Error()
}

// follow watches one bucket, and watches again when the watch ends.
func (f *Feed) follow(ctx context.Context, env string, synced func()) {
	defer synced()
	known := map[string]string{} // key in the bucket -> key of the view
	for ctx.Err() == nil {
		if err := f.watch(ctx, env, known, synced); err != nil && ctx.Err() == nil {
			f.log.Info("feed: watch starts again", "environment", env, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (f *Feed) watch(ctx context.Context, env string, known map[string]string, synced func()) error {
	kv, err := f.spine.JetStream().KeyValue(ctx, spine.Bucket(env))
	if err != nil {
		return err
	}
	w, err := kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	seen := map[string]bool{}
	first := true
	for entry := range w.Updates() {
		if entry == nil {
			first = false
			// What vanished while nobody watched is gone now; the listing is complete, so this is positive evidence.
			for key := range known {
				if !seen[key] {
					f.drop(known, key)
				}
			}
			synced()
			continue
		}
		if first {
			seen[entry.Key()] = true
		}
		f.take(known, entry)
	}
	return errors.New("the watch ended")
}

func (f *Feed) take(known map[string]string, entry jetstream.KeyValueEntry) {
	if entry.Operation() != jetstream.KeyValuePut {
		f.drop(known, entry.Key())
		return
	}
	v, err := readmodel.Parse(entry.Value())
	if err != nil {
		f.log.Error("feed: view set aside", "key", entry.Key(), "error", err)
		return
	}
	known[entry.Key()] = v.Key
	f.store.Put(v)
}

func (f *Feed) drop(known map[string]string, key string) {
	if viewKey, ok := known[key]; ok {
		f.store.Delete(viewKey)
		delete(known, key)
	}
}
