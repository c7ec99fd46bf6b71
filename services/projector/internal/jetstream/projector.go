// Package jetstream feeds the projection from the spine and keeps its facts and views in key-value buckets.
//
// For each event the fact is stored first and the views after it, and only then the event is acknowledged. A crash in
// between leaves facts that are ahead of views: at start every view is made again from the facts.
package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/projector/internal/projection"
)

// durable is the name under which the stream remembers what was projected.
const durable = "projector"

// Projector runs the projection.
type Projector struct {
	spine *spine.Spine
	log   *slog.Logger
	envs  map[string]*environment
	ready atomic.Bool
}

// environment is the state of one Environment with the buckets that it is kept in.
type environment struct {
	state *projection.State
	facts jetstream.KeyValue
	views jetstream.KeyValue
	shown map[string][]byte // what the views bucket holds
}

// New makes a Projector.
func New(sp *spine.Spine, log *slog.Logger) *Projector {
	return &Projector{spine: sp, log: log, envs: map[string]*environment{}}
}

// Ready tells whether the stored state has been read.
func (p *Projector) Ready(context.Context) error {
	if !p.ready.Load() {
		return errors.New("the stored state has not been read yet")
	}
	return nil
}

// Run projects until ctx ends.
func (p *Projector) Run(ctx context.Context) error {
	if err := p.spine.EnsureStream(ctx); err != nil {
		return err
	}
	if err := spine.Retry(ctx, p.log, "stored state", p.load); err != nil {
		return err
	}
	p.ready.Store(true)
	return p.spine.Consume(ctx, spine.Consumer{Durable: durable, Subjects: []string{spine.All}}, p.handle)
}

// load reads the facts of every Environment and brings its views up to them.
func (p *Projector) load(ctx context.Context) error {
	p.envs = map[string]*environment{}
	names := p.spine.JetStream().KeyValueStoreNames(ctx)
	var envs []string
	for name := range names.Name() {
		if env, ok := spine.EnvironmentOf(name); ok {
			envs = append(envs, env)
		}
	}
	if err := names.Error(); err != nil {
		return err
	}
	for _, env := range envs {
		if _, err := p.environment(ctx, env); err != nil {
			return err
		}
	}
	return nil
}

func (p *Projector) environment(ctx context.Context, env string) (*environment, error) {
	if e := p.envs[env]; e != nil {
		return e, nil
	}
	scope := env
	if env == spine.System {
		scope = ""
	}
	e := &environment{state: projection.NewState(scope), shown: map[string][]byte{}}
	var err error
	if e.views, err = p.spine.Views(ctx, env); err != nil {
		return nil, err
	}
	if e.facts, err = p.factsBucket(ctx, env); err != nil {
		return nil, err
	}
	if err := each(ctx, e.facts, func(entry jetstream.KeyValueEntry) error {
		m, err := decodeFact(entry.Value())
		if err != nil {
			return fmt.Errorf("fact %s of %s: %w", entry.Key(), env, err)
		}
		e.state.Put(m)
		return nil
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, e.views, func(entry jetstream.KeyValueEntry) error {
		e.shown[entry.Key()] = entry.Value()
		return nil
	}); err != nil {
		return nil, err
	}
	for _, r := range e.state.Refs() {
		if err := e.show(ctx, r); err != nil {
			return nil, err
		}
	}
	p.envs[env] = e
	return e, nil
}

func (p *Projector) factsBucket(ctx context.Context, env string) (jetstream.KeyValue, error) {
	name := "ws-" + spine.Encode(env) + "-facts"
	kv, err := p.spine.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, History: 1, Storage: jetstream.FileStorage, Description: "the newest observation of each thing in " + env,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	return kv, nil
}

func (p *Projector) handle(ctx context.Context, e spine.Event) error {
	scope, ok := projection.Scope(e.Data)
	if !ok {
		return nil
	}
	if scope == "" {
		scope = spine.System
	}
	env, err := p.environment(ctx, scope)
	if err != nil {
		return err
	}
	fact, touched, changed := env.state.Put(e.Data)
	if !changed {
		return nil
	}
	if err := env.keep(ctx, fact); err != nil {
		// The state in memory is ahead of the bucket now: read it again before the event is delivered again.
		delete(p.envs, scope)
		return err
	}
	for _, r := range touched {
		if err := env.show(ctx, r); err != nil {
			delete(p.envs, scope)
			return err
		}
	}
	return nil
}

func (e *environment) keep(ctx context.Context, fact proto.Message) error {
	wrapped, err := anypb.New(fact)
	if err != nil {
		return err
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(wrapped)
	if err != nil {
		return err
	}
	_, err = e.facts.Put(ctx, spine.Encode(projection.Key(fact)), b)
	return err
}

// show brings one view in the bucket to what the facts say, and writes nothing when it says so already.
func (e *environment) show(ctx context.Context, r projection.Ref) error {
	b, err := e.state.View(r)
	if err != nil {
		return err
	}
	key := spine.Key(string(r.Kind), r.Name)
	before, shown := e.shown[key]
	switch {
	case b == nil && !shown || b != nil && bytes.Equal(before, b):
		return nil
	case b == nil:
		if err := e.views.Delete(ctx, key); err != nil {
			return err
		}
		delete(e.shown, key)
		return nil
	default:
		if _, err := e.views.Put(ctx, key, b); err != nil {
			return err
		}
		e.shown[key] = b
		return nil
	}
}

func decodeFact(b []byte) (proto.Message, error) {
	var wrapped anypb.Any
	if err := proto.Unmarshal(b, &wrapped); err != nil {
		return nil, err
	}
	return wrapped.UnmarshalNew()
}

// each calls f for every value of a bucket.
func each(ctx context.Context, kv jetstream.KeyValue, f func(jetstream.KeyValueEntry) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-w.Updates():
			if !ok {
				return errors.New("the watch ended")
			}
			if entry == nil {
				return nil
			}
			if err := f(entry); err != nil {
				return err
			}
		}
	}
}
