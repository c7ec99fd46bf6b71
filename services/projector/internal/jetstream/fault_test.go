package jetstream

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// A replica that was paused and comes back after another one took its work over writes nothing.
func TestAPausedReplicaIsFenced(t *testing.T) {
	r := newRig(t, "acme")
	r.publish(spine.System, environment("acme-dev", 1))
	var paused atomic.Bool
	held, resume := make(chan struct{}, 100), make(chan struct{})
	old := r.start("old", func(p *Projector) {
		p.hold = func(env string) {
			if env == "acme-dev" && paused.Load() {
				held <- struct{}{}
				<-resume
			}
		}
	})
	first := []proto.Message{branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 2)}
	r.publish("acme-dev", first...)
	r.becomes("acme-dev", expect(t, "acme-dev", first...))

	paused.Store(true)
	stale := deployment("acme-dev", "shop", 3, 1) // of which the old one has the view in hand when it is paused
	r.publish("acme-dev", stale)
	<-held
	// The old one is paused as a whole: another one takes over what it had.
	old.mute.Store(true)
	fresh := r.start("new")
	eventually(t, "the new one has taken over", func() bool { return fresh.works("acme-dev") })
	back := deployment("acme-dev", "shop", 4, 2)
	r.publish("acme-dev", back)
	want := expect(t, "acme-dev", append(first, stale, back)...)
	r.becomes("acme-dev", want)
	before := r.revision("acme-dev")
	paused.Store(false)
	close(resume)
	eventually(t, "the old one has noticed that another one has its lease", func() bool {
		err := old.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), errNotMine.Error())
	})
	r.becomes("acme-dev", want)
	if after := r.revision("acme-dev"); after != before {
		t.Errorf("the bucket was written %d times by a replica that was fenced off", after-before)
	}
}

func (rep *replica) works(env string) bool {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	s := rep.parts[env]
	return s != nil && s.caught && s.err == nil
}

// revision is how often the views of an Environment were written.
func (r *rig) revision(env string) uint64 {
	r.t.Helper()
	sp, err := r.reader.Of(r.t.Context(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := sp.JetStream().Stream(r.t.Context(), "KV_"+spine.Bucket(env))
	if err != nil {
		r.t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// Two replicas share the work, and what they show is what one would. When one leaves, the other takes its part.
func TestReplicasShareTheWork(t *testing.T) {
	r := newRig(t, "acme", "globex")
	envs := []string{"acme-dev", "acme-stg", "acme-prod", "globex-dev", "globex-prod"}
	for i, env := range envs {
		r.publish(spine.System, environment(env, i+1))
	}
	one, two := r.start("one"), r.start("two")
	eventually(t, "each has three", func() bool { return one.count() == 3 && two.count() == 3 })
	events := map[string][]proto.Message{}
	for i := range 300 {
		env := envs[i%len(envs)]
		app := fmt.Sprint("app", i%7)
		e := []proto.Message{branch(env, app, i+1), deployment(env, app, i+1, int32(i%3))}
		events[env] = append(events[env], e...)
		r.publish(env, e...)
	}
	for _, env := range envs {
		r.becomes(env, expect(t, env, events[env]...))
	}
	one.stop()
	eventually(t, "the other has all", func() bool { return two.count() == 6 })
	for _, env := range envs {
		e := deployment(env, "app0", 1000, 0)
		events[env] = append(events[env], e)
		r.publish(env, e)
		r.becomes(env, expect(t, env, events[env]...))
	}
}

func (rep *replica) count() int {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	n := 0
	for _, s := range rep.parts {
		if s.caught {
			n++
		}
	}
	return n
}

// Whatever happens, delayed, repeated, in any order, with a projector that is killed at any point: the bytes are those
// of one that saw each event once.
func TestCrashesMakeNoDifference(t *testing.T) {
	r := newOpenRig(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		env := fmt.Sprintf("acme%d-dev", n)
		known := environment(env, n)
		r.publish(spine.System, known)
		events := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) proto.Message {
			app, v := rapid.SampledFrom([]string{"shop", "cart"}).Draw(rt, "app"), rapid.IntRange(1, 9).Draw(rt, "version")
			if rapid.Bool().Draw(rt, "branch") {
				return branch(env, app, v)
			}
			d := deployment(env, app, v, int32(rapid.IntRange(0, 2).Draw(rt, "ready")))
			d.Deleted = rapid.IntRange(0, 3).Draw(rt, "deleted") == 0
			return d
		}), 1, 20).Draw(rt, "events")
		again := append(append([]proto.Message{}, events...), events...)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		rep := r.start("one")
		for _, e := range again {
			r.publish(env, e)
			if random.IntN(8) == 0 {
				rep.kill()
				rep = r.start("one")
			}
		}
		r.becomes(env, expect(t, env, events...))
		rep.stop()
		gone := proto.Clone(known).(*spinev1.ObjectObserved)
		gone.Deleted = true
		r.publish(spine.System, gone)
	})
}

// When the log is deleted, nothing that people see is: the projector says so, has everything told again and goes on.
func TestALostLogDeletesNothing(t *testing.T) {
	r := newOpenRig(t)
	system := environment("acme-dev", 1)
	events := []proto.Message{branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 2), branch("acme-dev", "cart", 3)}
	r.publish(spine.System, system)
	r.publish("acme-dev", events...)
	rep := r.start("one")
	want := expect(t, "acme-dev", events...)
	r.becomes("acme-dev", want)
	eventually(t, "ready", func() bool { return rep.Ready(t.Context()) == nil })
	js := r.observer.Sovereign().JetStream()
	if err := js.DeleteStream(t.Context(), spine.Stream); err != nil {
		t.Fatal(err)
	}
	eventually(t, "not ready, with the reason", func() bool {
		err := rep.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "acme-dev: its log was lost")
	})
	r.becomes("acme-dev", want)
	rep.stop() // what is to be told again is not forgotten by a restart
	rep = r.start("one")
	eventually(t, "still not ready", func() bool {
		err := rep.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "acme-dev: its log was lost")
	})
	now := deployment("acme-dev", "shop", 5, 1)
	look := proto.Clone(events[0]).(*spinev1.BranchObserved)
	look.ObservedAt = at(100)
	r.answerTell(func() {
		r.publish(spine.System, system)
		r.publish("acme-dev", look, now)
	})
	eventually(t, "ready again", func() bool { return rep.Ready(t.Context()) == nil })
	r.becomes("acme-dev", expect(t, "acme-dev", append(events, now)...))
}

// Buckets that are deleted are made again with the same bytes, while the projector runs or after it was away.
func TestDeletedBucketsComeBack(t *testing.T) {
	r := newOpenRig(t)
	r.answerTell(func() {})
	r.publish(spine.System, environment("acme-dev", 1))
	events := []proto.Message{branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 2), deployment("acme-dev", "cart", 3, 0)}
	r.publish("acme-dev", events...)
	rep := r.start("one")
	want := expect(t, "acme-dev", events...)
	r.becomes("acme-dev", want)
	js := r.observer.Sovereign().JetStream()
	remove := func(buckets ...string) {
		for _, b := range buckets {
			if err := js.DeleteKeyValue(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, buckets := range [][]string{
		{spine.Bucket("acme-dev")}, {spine.Facts("acme-dev")}, {spine.Bucket("acme-dev"), spine.Facts("acme-dev")}, {spine.Bucket(spine.System)}, {leaseBucket},
	} {
		remove(buckets...)
		r.becomes("acme-dev", want)
		eventually(t, "the facts are there", func() bool {
			_, err := js.KeyValue(t.Context(), spine.Facts("acme-dev"))
			return err == nil
		})
	}
	rep.stop()
	remove(spine.Bucket("acme-dev"), spine.Facts("acme-dev"))
	rep = r.start("one")
	r.becomes("acme-dev", want)
	eventually(t, "ready", func() bool { return rep.Ready(t.Context()) == nil })
}

// Somebody who writes into a bucket past the projector is corrected.
func TestAForeignWriteIsCorrected(t *testing.T) {
	r := newOpenRig(t)
	r.publish(spine.System, environment("acme-dev", 1))
	r.publish("acme-dev", branch("acme-dev", "shop", 1))
	r.start("one")
	want := expect(t, "acme-dev", branch("acme-dev", "shop", 1))
	r.becomes("acme-dev", want)
	kv, err := r.observer.Sovereign().JetStream().KeyValue(t.Context(), spine.Bucket("acme-dev"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), spine.Key("Application", "shop"), []byte(`{"phase":"Running"}`)); err != nil {
		t.Fatal(err)
	}
	r.becomes("acme-dev", want)
}

// A source whose heartbeats stop is made known to every Environment, and so is its return.
func TestSilenceBecomesAFact(t *testing.T) {
	r := newRig(t, "acme")
	r.publish(spine.System, environment("acme-dev", 1))
	r.start("one", func(p *Projector) { p.pace.quiet = 300 * time.Millisecond })
	r.publish("acme-dev", branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 2))
	beat := func() {
		r.publish(spine.System, &spinev1.Heartbeat{Source: "/observer/local", Reachable: true, ObservedAt: timestamppb.Now()})
	}
	beat()
	shop := func() string { return r.views("acme-dev")[spine.Key("Application", "shop")] }
	eventually(t, "what is known is too old to believe", func() bool {
		return strings.Contains(shop(), `"phase":"Unknown"`) && strings.Contains(shop(), "unknownSince")
	})
	eventually(t, "the Sovereign shows it", func() bool {
		v := r.sovereignView()
		return len(v.Sources) == 1 && !v.Sources[0].Reachable
	})
	eventually(t, "it is believed again", func() bool {
		beat()
		return !strings.Contains(shop(), `"phase":"Unknown"`)
	})
}

func TestRebuildProvesAndRepairs(t *testing.T) {
	r := newOpenRig(t)
	system := environment("acme-dev", 1)
	events := []proto.Message{branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 2), branch("acme-dev", "cart", 3)}
	r.publish(spine.System, system)
	r.publish("acme-dev", events...)
	rep := r.start("one")
	want := expect(t, "acme-dev", events...)
	r.becomes("acme-dev", want)
	r.becomes(spine.System, expect(t, spine.System, system))
	rebuild := func(write bool) *Report {
		t.Helper()
		got, err := Rebuild(t.Context(), r.reader, write, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := rebuild(false)
	if got.Err() != nil || len(got.Parts) != 2 || got.Parts[1].Live != got.Parts[1].Rebuilt || got.Parts[1].Live == got.Parts[0].Live {
		t.Errorf("a rebuild of what is right: %+v, %v", got, got.Err())
	}
	rep.stop()
	kv, err := r.observer.Sovereign().JetStream().KeyValue(t.Context(), spine.Bucket("acme-dev"))
	if err != nil {
		t.Fatal(err)
	}
	key := spine.Key("Application", "shop")
	if _, err := kv.Put(t.Context(), key, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	settle := settleWithin
	settleWithin = 0
	defer func() { settleWithin = settle }()
	got = rebuild(false)
	var text bytes.Buffer
	got.Print(&text)
	if got.Err() == nil || got.Parts[1].Live == got.Parts[1].Rebuilt || !strings.Contains(text.String(), "differs: "+key) {
		t.Errorf("a rebuild of what is wrong: %v\n%s", got.Err(), text.String())
	}
	if got = rebuild(true); got.Err() != nil {
		t.Error(got.Err())
	}
	r.becomes("acme-dev", want)
	if got = rebuild(false); got.Err() != nil {
		t.Error(got.Err())
	}
	r.start("one")
	more := deployment("acme-dev", "shop", 9, 0)
	r.publish("acme-dev", more)
	r.becomes("acme-dev", expect(t, "acme-dev", append(events, more)...))
}

func TestWhenTheLogLacksSomething(t *testing.T) {
	made, now := epoch, epoch.Add(30*24*time.Hour)
	for _, tc := range []struct {
		reason string
		at     place
		state  jetstream.StreamState
		want   bool
	}{
		{"the log is whole and nothing was read", place{}, jetstream.StreamState{FirstSeq: 1, LastSeq: 9, Msgs: 9, FirstTime: made}, false},
		{"nothing was read, and its beginning is gone", place{}, jetstream.StreamState{FirstSeq: 5, LastSeq: 9, Msgs: 5, FirstTime: made}, true},
		{"it goes on where the place is", place{Made: made, Sequence: 4}, jetstream.StreamState{FirstSeq: 5, LastSeq: 9, Msgs: 5, FirstTime: now}, false},
		{"what is gone was of others", place{Made: made, Sequence: 2, Seen: now}, jetstream.StreamState{FirstSeq: 5, LastSeq: 9, Msgs: 5, FirstTime: now.Add(-spine.KeptFor)}, false},
		{"something went unseen", place{Made: made, Sequence: 2, Seen: now.Add(-9 * 24 * time.Hour)}, jetstream.StreamState{FirstSeq: 5, LastSeq: 9, Msgs: 5, FirstTime: now.Add(-spine.KeptFor)}, true},
		{"all was seen and is gone by its age", place{Made: made, Sequence: 9, Seen: now}, jetstream.StreamState{FirstSeq: 21, LastSeq: 20}, false},
		{"all is gone, and nobody looked for long", place{Made: made, Sequence: 9, Seen: now.Add(-9 * 24 * time.Hour)}, jetstream.StreamState{FirstSeq: 21, LastSeq: 20}, true},
		{"it is another log, which is told by reading it", place{Made: made.Add(1), Sequence: 2}, jetstream.StreamState{FirstSeq: 5, LastSeq: 9, Msgs: 5, FirstTime: now}, false},
	} {
		if got := lost(tc.at, &jetstream.StreamInfo{Created: made, State: tc.state}, now); got != tc.want {
			t.Errorf("%s: %v", tc.reason, got)
		}
	}
}
