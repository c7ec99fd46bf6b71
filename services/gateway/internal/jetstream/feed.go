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

// grace is how long the first reading waits for an Environment whose account does not answer. The others are served
// without it then.
const grace = 10 * time.Second

// Feed follows the bucket of the Sovereign's own views, and with it the bucket of each Environment that has a view
// there, in the account of its Organization.
type Feed struct {
	accounts *spine.Accounts
	store    *readmodel.Store
	log      *slog.Logger
	grace    time.Duration

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
	late   bool // its first reading is not waited for any longer
}

// NewFeed makes a Feed into a store.
func NewFeed(accounts *spine.Accounts, store *readmodel.Store, log *slog.Logger) *Feed {
	return &Feed{accounts: accounts, store: store, log: log, grace: grace, follow: map[string]*following{},
		waiting: map[string]string{spine.System: notRead}}
}

const notRead = "have not been read yet"

// Ready tells whether the views can be served: everything has been read once, and those of the Sovereign are being
// followed. An Environment whose account is away keeps nobody else from being served; see Waiting.
func (f *Feed) Ready(context.Context) error {
	if !f.accounts.Sovereign().JetStream().Conn().IsConnected() {
		return errors.New("NATS is not connected; the last known views are shown")
	}
	waiting := f.Waiting()
	if _, own := waiting[spine.System]; !own && f.store.Synced() || len(waiting) == 0 {
		return nil
	}
	why := make([]string, 0, len(waiting))
	for _, env := range slices.Sorted(maps.Keys(waiting)) {
		why = append(why, "the views of "+env+" "+waiting[env])
	}
	return errors.New(strings.Join(why, "; "))
}

// Waiting tells which Environments' views are not up to date, and why.
func (f *Feed) Waiting() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.waiting)
}

// Run follows the buckets until ctx ends. While NATS is away, what is known stays.
func (f *Feed) Run(ctx context.Context) {
	f.bucket(spine.System).run(ctx)
	f.running.Wait()
}

// wait notes why an Environment's views are not up to date; an empty reason means that they are.
func (f *Feed) wait(env, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.follow[env]; env != spine.System && (now == nil || now.gone) {
		return
	}
	before, waited := f.waiting[env]
	switch {
	case reason == "" && waited:
		delete(f.waiting, env)
		f.store.MarkRead(env)
		if before != notRead {
			f.log.Info("feed: the views are up to date again", "bucket", env)
		}
	case reason != "" && reason != before:
		f.waiting[env] = reason
		f.log.Info("feed: the views are not up to date", "bucket", env, "reason", reason)
	}
	f.settled()
}

// settled tells the read model when it counts as read: when nothing is waited for, for the first time, or only
// Environments that have had their time. The lock is held.
func (f *Feed) settled() {
	if f.store.Synced() {
		return
	}
	if _, own := f.waiting[spine.System]; own {
		return
	}
	for env := range f.waiting {
		if !f.follow[env].late {
			return
		}
	}
	f.store.MarkSynced()
}

// tooLate stops to wait for the first reading of an Environment.
func (f *Feed) tooLate(now *following) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now.late = true
	f.settled()
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
	f.waiting[env] = notRead
	f.store.MarkUnread(env)
	patience := time.AfterFunc(f.grace, func() { f.tooLate(now) })
	f.running.Go(func() {
		defer close(now.done)
		defer patience.Stop()
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
	f.store.MarkRead(env)
	f.settled()
}

func (f *Feed) bucket(env string) *bucket {
	return &bucket{feed: f, env: env, known: map[string]known{}}
}

// take reads one entry. It refuses a view that is in a bucket to which it does not belong: what a bucket holds must not
// be seen with another one's rights.
func (f *Feed) take(env string, entry jetstream.KeyValueEntry) (readmodel.View, error) {
	v, err := readmodel.Parse(entry.Value())
	if err != nil {
		return v, err
	}
	kind, name, ok := spine.ParseKey(entry.Key())
	if !ok || string(v.Kind) != kind || v.Name != name {
		return v, fmt.Errorf("it says that it is %s %q", v.Kind, v.Name)
	}
	if !belongs(env, v.Header) {
		return v, fmt.Errorf("it says that it is %s of %q in %q", v.Kind, v.Environment, v.Organization)
	}
	return v, nil
}

// belongs tells whether a view may be in the bucket of an Environment, or of System.
func belongs(env string, h view.Header) bool {
	inSystem := env == spine.System
	switch h.Kind {
	case view.KindSovereign:
		return inSystem && h.Organization == "" && h.Environment == ""
	case view.KindSetAside:
		return inSystem
	case view.KindOrganization:
		return inSystem && h.Organization == h.Name && h.Environment == ""
	case view.KindEnvironment:
		organization, _, err := spine.ParseEnvironment(h.Name)
		return inSystem && err == nil && h.Environment == h.Name && h.Organization == organization
	default:
		organization, _, err := spine.ParseEnvironment(env)
		return !inSystem && err == nil && h.Environment == env && h.Organization == organization
	}
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
