package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
)

const (
	// lookAgain is how often a bucket that is not there is looked for.
	lookAgain = 300 * time.Millisecond
	// lookAgainAccount is how often an account that is not there is looked for.
	lookAgainAccount = time.Second
	// inspect is how often a bucket that is followed is checked to be the one that it was.
	inspect = 5 * time.Second
	// rebuilding is how long a bucket that was made anew may take to be filled again, before what it does not hold
	// counts as gone.
	rebuilding = time.Minute
)

// known is a view that came from a bucket.
type known struct {
	view     string // its key in the read model
	revision uint64
	// environment is set for the view of an Environment.
	environment string
}

// bucket follows one bucket. Its views are this goroutine's alone.
type bucket struct {
	feed  *Feed
	env   string
	known map[string]known // by key in the bucket

	made    time.Time // when the bucket was made, as far as we know it
	remade  time.Time // when we learned that it is another one than before; zero once it counts as filled
	newest  uint64
	seen    map[string]bool
	initial bool
}

var (
	errReplaced  = errors.New("the bucket was made anew")
	errReconnect = errors.New("the connection was lost in between")
)

func (b *bucket) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := b.watch(ctx)
		if ctx.Err() != nil {
			break
		}
		again := lookAgain
		switch {
		case errors.Is(err, jetstream.ErrBucketNotFound) && b.env != spine.System && b.made.IsZero():
			b.feed.wait(b.env, "") // an Environment in which nothing has happened has no bucket
		case errors.Is(err, spine.ErrNoAccount) && b.made.IsZero():
			b.feed.wait(b.env, "") // nothing can have happened in an Organization that has no account yet
			again = lookAgainAccount
		case err != nil:
			b.feed.wait(b.env, err.Error())
			b.feed.log.Debug("feed: watch starts again", "bucket", b.env, "error", err)
		}
		if !pause(ctx, again) {
			break
		}
	}
}

// clear takes away all that came from the bucket.
func (b *bucket) clear() {
	for key := range b.known {
		b.drop(key)
	}
}

func (b *bucket) watch(ctx context.Context) error {
	account, err := b.feed.accounts.Of(ctx, b.env)
	if err != nil {
		return err
	}
	conn := account.JetStream().Conn()
	if !conn.IsConnected() {
		return errors.New("NATS is not connected")
	}
	kv, err := b.open(ctx, account)
	if err != nil {
		return err
	}
	reconnects := conn.Stats().Reconnects
	w, err := kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	b.seen, b.initial = map[string]bool{}, true
	tick := time.NewTicker(inspect)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-w.Updates():
			if !ok {
				return errors.New("the watch ended")
			}
			if entry != nil {
				b.take(ctx, entry)
				continue
			}
			if err := b.settle(ctx, kv); err != nil {
				return err
			}
		case <-tick.C:
			if !conn.IsConnected() {
				b.feed.wait(b.env, "NATS is not connected")
				continue
			}
			// A watch resumes by itself, but nobody promises that nothing is missed: read everything again.
			if conn.Stats().Reconnects != reconnects {
				return errReconnect
			}
			if err := b.inspect(ctx, kv); err != nil {
				return err
			}
		}
	}
}

func (b *bucket) open(ctx context.Context, account *spine.Spine) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	kv, err := account.JetStream().KeyValue(ctx, spine.Bucket(b.env))
	if err != nil {
		return nil, err
	}
	made, last, err := state(ctx, kv)
	if err != nil {
		return nil, err
	}
	if !b.made.IsZero() && (!made.Equal(b.made) || last < b.newest) {
		b.feed.log.Info("feed: the bucket was made anew; what it held is kept until it is filled again", "bucket", b.env)
		b.remade, b.newest = time.Now(), 0
		for key, k := range b.known { // revisions start again
			k.revision = 0
			b.known[key] = k
		}
	}
	b.made = made
	return kv, nil
}

func (b *bucket) inspect(ctx context.Context, kv jetstream.KeyValue) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	made, last, err := state(ctx, kv)
	if err != nil {
		return err
	}
	if !made.Equal(b.made) || last < b.newest {
		return errReplaced
	}
	if !b.remade.IsZero() && time.Since(b.remade) > rebuilding {
		return b.settle(ctx, kv)
	}
	return nil
}

func state(ctx context.Context, kv jetstream.KeyValue) (made time.Time, last uint64, err error) {
	status, err := kv.Status(ctx)
	if err != nil {
		return time.Time{}, 0, err
	}
	s, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return time.Time{}, 0, fmt.Errorf("bucket status is a %T", status)
	}
	return s.StreamInfo().Created, s.StreamInfo().State.LastSeq, nil
}

// settle is called when the watch has told all that the bucket holds. What was known and was not told may be gone: it
// is asked for by name, because a view that is written during the listing comes after its end. In a bucket that was made
// anew an absence means nothing until it has had time to be filled.
func (b *bucket) settle(ctx context.Context, kv jetstream.KeyValue) error {
	b.initial = false
	if !b.remade.IsZero() {
		if time.Since(b.remade) < rebuilding {
			b.feed.wait(b.env, "are being rebuilt; the last known ones are shown")
			return nil
		}
		b.remade = time.Time{}
	}
	for key := range b.known {
		if b.seen[key] {
			continue
		}
		get, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := kv.Get(get, key)
		cancel()
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			b.drop(key)
		} else if err != nil {
			return err
		}
	}
	b.feed.wait(b.env, "")
	return nil
}

func (b *bucket) take(ctx context.Context, entry jetstream.KeyValueEntry) {
	key := entry.Key()
	b.newest = max(b.newest, entry.Revision())
	if b.initial || !b.remade.IsZero() {
		b.seen[key] = true
	}
	if entry.Operation() != jetstream.KeyValuePut {
		b.drop(key)
		return
	}
	if k, ok := b.known[key]; ok && k.revision >= entry.Revision() {
		return
	}
	v, err := b.feed.take(b.env, entry)
	if err != nil {
		b.feed.log.Error("feed: view set aside", "bucket", b.env, "key", key, "error", err)
		return
	}
	if k, ok := b.known[key]; ok && k.view != v.Key {
		b.drop(key)
	}
	k := known{view: v.Key, revision: entry.Revision()}
	if b.env == spine.System && v.Kind == view.KindEnvironment {
		k.environment = v.Name
	}
	b.known[key] = k
	b.feed.store.Put(v)
	if k.environment != "" {
		b.feed.appeared(ctx, k.environment)
	}
}

func (b *bucket) drop(key string) {
	k, ok := b.known[key]
	if !ok {
		return
	}
	delete(b.known, key)
	b.feed.store.Delete(k.view)
	if k.environment != "" {
		b.feed.vanished(k.environment)
	}
}
