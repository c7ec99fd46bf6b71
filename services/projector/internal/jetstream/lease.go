package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
)

// leaseBucket holds a key for each part of the work, with the name of the replica that does it, and a key for each
// replica, which it writes again and again for as long as it lives.
const leaseBucket = "projector-leases"

// leases are what a replica knows of who does what. Whether another one lives is told by whether its key changes, as
// seen by this one's own clock; so clocks that differ do no harm. A lease only divides the work: what keeps a replica
// from writing that has lost it without noticing is that its writes do not follow those of the new holder (see bucket).
type leases struct {
	name  string
	kv    jetstream.KeyValue
	heard map[string]beat // by replica
}

type beat struct {
	revision uint64
	at       time.Time
}

func partKey(env string) string     { return "part/" + spine.Encode(env) }
func replicaKey(name string) string { return "replica/" + spine.Encode(name) }

var errNotMine = errors.New("another replica has taken it over")

// holds returns nil if this replica has the lease of a part: who was fenced off does not start anew.
func (p *Projector) holds(ctx context.Context, env string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	kv, err := p.accounts.Sovereign().Open(ctx, leaseBucket)
	if err != nil {
		return err
	}
	entry, err := kv.Get(ctx, partKey(env))
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	if string(entry.Value()) != p.name {
		return errNotMine
	}
	return nil
}

// table is what the bucket holds.
type table struct {
	parts    map[string]lease
	replicas map[string]uint64 // revision by name
}

type lease struct {
	holder   string
	revision uint64
}

// renew says that this replica lives, and returns the parts that it shall work on, and those that it shall leave to
// others and let go of by release. known says of Environments whether they are there.
func (l *leases) renew(ctx context.Context, sp *spine.Spine, known map[string]bool, after time.Duration) (mine, surplus []string, err error) {
	kv, err := sp.Open(ctx, leaseBucket)
	if err != nil {
		return nil, nil, err
	}
	l.kv = kv
	if _, err := kv.Put(ctx, replicaKey(l.name), []byte("lives")); err != nil {
		return nil, nil, fmt.Errorf("lease: %w", err)
	}
	t, err := l.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := l.declare(ctx, t, known); err != nil {
		return nil, nil, err
	}
	alive := l.alive(t, after)
	fair := (len(t.parts) + len(alive) - 1) / len(alive)
	var free []string
	for env, held := range t.parts {
		switch {
		case held.holder == l.name:
			mine = append(mine, env)
		case !alive[held.holder]:
			free = append(free, env)
		}
	}
	slices.SortFunc(mine, systemFirst)
	slices.SortFunc(free, systemFirst)
	if len(mine) > fair {
		return mine[:fair], mine[fair:], nil
	}
	for _, env := range free {
		if len(mine) == fair {
			break
		}
		_, err := kv.Update(ctx, partKey(env), []byte(l.name), t.parts[env].revision)
		if errors.Is(err, jetstream.ErrKeyExists) {
			continue // another one was faster
		}
		if err != nil {
			return mine, nil, fmt.Errorf("lease of %s: %w", env, err)
		}
		mine = append(mine, env)
	}
	return mine, nil, nil
}

func systemFirst(a, b string) int {
	if (a == spine.System) != (b == spine.System) {
		if a == spine.System {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func (l *leases) read(ctx context.Context) (table, error) {
	t := table{parts: map[string]lease{}, replicas: map[string]uint64{}}
	err := each(ctx, l.kv, func(entry jetstream.KeyValueEntry) error {
		kind, name, ok := spine.ParseKey(entry.Key())
		switch {
		case ok && kind == "part":
			t.parts[name] = lease{string(entry.Value()), entry.Revision()}
		case ok && kind == "replica":
			t.replicas[name] = entry.Revision()
		}
		return nil
	})
	return t, err
}

// declare makes a lease for System and each Environment that is there, and removes those of Environments that are not.
func (l *leases) declare(ctx context.Context, t table, known map[string]bool) error {
	want := map[string]bool{spine.System: true}
	for env, there := range known {
		if _, _, err := spine.ParseEnvironment(env); err == nil {
			want[env] = there
		}
	}
	for env, there := range want {
		_, has := t.parts[env]
		switch {
		case there && !has:
			revision, err := l.kv.Create(ctx, partKey(env), nil)
			if errors.Is(err, jetstream.ErrKeyExists) {
				continue // another one was faster; the next look sees it
			}
			if err != nil {
				return fmt.Errorf("lease of %s: %w", env, err)
			}
			t.parts[env] = lease{"", revision}
		case !there && has:
			if err := l.kv.Delete(ctx, partKey(env)); err != nil {
				return fmt.Errorf("lease of %s: %w", env, err)
			}
			delete(t.parts, env)
		}
	}
	return nil
}

// alive are the replicas that have been heard lately. One that is seen for the first time may live.
func (l *leases) alive(t table, after time.Duration) map[string]bool {
	out := map[string]bool{l.name: true}
	now := time.Now()
	for name, revision := range t.replicas {
		b, seen := l.heard[name]
		if !seen || b.revision != revision {
			b = beat{revision, now}
			l.heard[name] = b
		}
		if now.Sub(b.at) < after {
			out[name] = true
		}
	}
	for name := range l.heard {
		if _, there := t.replicas[name]; !there {
			delete(l.heard, name)
		}
	}
	return out
}

// release frees a lease of this replica.
func (l *leases) release(ctx context.Context, env string) error {
	entry, err := l.kv.Get(ctx, partKey(env))
	if errors.Is(err, jetstream.ErrKeyNotFound) || err == nil && string(entry.Value()) != l.name {
		return nil
	}
	if err == nil {
		_, err = l.kv.Update(ctx, partKey(env), nil, entry.Revision())
	}
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("lease of %s: %w", env, err)
	}
	return nil
}

// leave says that this replica lives no more.
func (l *leases) leave(ctx context.Context) error {
	if l.kv == nil {
		return nil
	}
	return l.kv.Delete(ctx, replicaKey(l.name))
}
