package spine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// nastyName draws names as they come from outside: with the signs that mean something to NATS, unicode, bad UTF-8.
func nastyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", ".", "*", ">", "a.b", "a*", "=", "=2E", "ClusterRole/system:node", " ", "\x00", "\xff", "ü", "A", "a", strings.Repeat("x", 253)}),
		rapid.String(), rapid.StringN(1, 5, 253),
	)
}

func TestTokensAreInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := nastyName().Draw(t, "name")
		token := Encode(s)
		if strings.ContainsAny(token, ".*> \t\r\n/") || token == "" {
			t.Fatalf("Encode(%q) = %q is no token", s, token)
		}
		back, err := Decode(token)
		if err != nil || back != s {
			t.Fatalf("Decode(Encode(%q)) = %q, %v", s, back, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"a", "=", "=2E", "=2e", "=41", "==", "a.b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if s, err := Decode(token); err == nil && Encode(s) != token {
			t.Fatalf("Decode(%q) = %q, which encodes to %q: two tokens mean the same", token, s, Encode(s))
		}
	})
}

func TestKeysComeApartAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, name := nastyName().Draw(t, "kind"), nastyName().Draw(t, "name")
		k, n, ok := ParseKey(Key(kind, name))
		if !ok || k != kind || n != name {
			t.Fatalf("ParseKey(Key(%q, %q)) = %q, %q, %t", kind, name, k, n, ok)
		}
		if env, ok := EnvironmentOf(Bucket(name)); !ok || env != name {
			t.Fatalf("EnvironmentOf(Bucket(%q)) = %q, %t", name, env, ok)
		}
	})
}

func TestParseEnvironment(t *testing.T) {
	for name, want := range map[string][2]string{"acme-dev": {"acme", "dev"}, "a-b-prod": {"a-b", "prod"}} {
		if org, env, err := ParseEnvironment(name); err != nil || org != want[0] || env != want[1] {
			t.Errorf("ParseEnvironment(%q) = %q, %q, %v", name, org, env, err)
		}
	}
	for _, name := range []string{"", "acme", "-dev", "acme-"} {
		if _, _, err := ParseEnvironment(name); err == nil {
			t.Errorf("ParseEnvironment(%q) takes it", name)
		}
	}
}

func branchEvent(id string, n int) Event {
	return Event{
		ID: id, Source: "/observer/forge", Subject: Branch("acme-dev", "shop"), Time: time.Unix(int64(n), 5).UTC(),
		Data: &spinev1.BranchObserved{Organization: "acme", Environment: "acme-dev", Application: "shop", Head: &spinev1.Commit{Sha: fmt.Sprint(n)}},
	}
}

func TestAnEventComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := branchEvent(nastyName().Filter(func(s string) bool { return s != "" }).Draw(t, "id"), rapid.IntRange(0, 1e6).Draw(t, "n"))
		e.Source = "/" + nastyName().Draw(t, "source")
		msg, err := e.Message()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEvent(msg.Subject, msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got, protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	whole := func() *nats.Msg {
		msg, err := branchEvent("x", 1).Message()
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	for reason, spoil := range map[string]func(*nats.Msg){
		"no version":       func(m *nats.Msg) { m.Header.Del(headerVersion) },
		"no id":            func(m *nats.Msg) { m.Header.Del(headerID) },
		"unknown type":     func(m *nats.Msg) { m.Header[headerType] = []string{"catalyst.spine.v1.Nothing"} },
		"no time":          func(m *nats.Msg) { m.Header[headerTime] = []string{"noon"} },
		"JSON":             func(m *nats.Msg) { m.Header[headerContent] = []string{"application/json"} },
		"data cut":         func(m *nats.Msg) { m.Data = m.Data[:len(m.Data)-1] },
		"id badly escaped": func(m *nats.Msg) { m.Header[headerID] = []string{"%zz"} },
	} {
		msg := whole()
		spoil(msg)
		if _, err := ParseEvent(msg.Subject, msg.Header, msg.Data); err == nil {
			t.Errorf("%s: it was taken", reason)
		}
	}
	large := branchEvent("x", 1)
	large.Data.(*spinev1.BranchObserved).Problem = strings.Repeat("x", MaxEvent)
	if _, err := large.Message(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an event of %d bytes: %v", proto.Size(large.Data), err)
	}
}

func FuzzParseEvent(f *testing.F) {
	msg, err := branchEvent("x", 1).Message()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("id", "/source", "catalyst.spine.v1.BranchObserved", "2026-11-21T12:00:00Z", msg.Data)
	f.Add("%", "", "catalyst.spine.v1.ObjectObserved", "", []byte{0xff})
	f.Fuzz(func(t *testing.T, id, source, kind, at string, data []byte) {
		h := nats.Header{headerVersion: {"1.0"}, headerID: {id}, headerSource: {source}, headerType: {kind}, headerTime: {at}, headerContent: {contentType}}
		e, err := ParseEvent("ws.a.git.b", h, data)
		if err == nil && (e.Data == nil || e.ID == "") {
			t.Fatalf("an event without data or id: %+v", e)
		}
	})
}

// rig is an embedded server on a port of its own that can be ended and started again.
type rig struct {
	t    *testing.T
	opts server.Options
	srv  *server.Server
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, opts: server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	o := r.opts
	srv, err := server.NewServer(&o)
	if err != nil {
		r.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		r.t.Fatal("the server does not answer")
	}
	r.srv, r.opts.Port = srv, o.Port
}

func (r *rig) stop() { r.srv.Shutdown(); r.srv.WaitForShutdown() }

func (r *rig) open() *Spine {
	r.t.Helper()
	a, err := Open(Config{URL: r.srv.ClientURL(), Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(a.Close)
	s := a.Sovereign()
	if err := s.EnsureStream(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func publish(t *testing.T, s *Spine, from, to int) {
	t.Helper()
	var events []Event
	for n := from; n < to; n++ {
		events = append(events, branchEvent(fmt.Sprint("event-", n), n))
	}
	for _, err := range s.PublishBatch(t.Context(), events) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readUntil reads until it has seen so many events, and returns them with the position after each batch.
func readUntil(t *testing.T, s *Spine, from Position, events int) (got []Event, end Position) {
	t.Helper()
	done := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := s.Read(ctx, Reading{Subjects: []string{Environment("acme-dev")}, After: from}, func(_ context.Context, b Batch) error {
		got, end = append(got, b.Events...), b.End
		if len(got) >= events {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatalf("after %d of %d events: %v", len(got), events, err)
	}
	return got, end
}

func TestReadGoesOnWhereItStopped(t *testing.T) {
	r := newRig(t)
	s := r.open()
	publish(t, s, 0, 5000)
	publish(t, s, 0, 10) // the same ids again: they are one with the first
	all, end := readUntil(t, s, Position{}, 5000)
	for i, e := range all {
		if e.ID != fmt.Sprint("event-", i) {
			t.Fatalf("event %d is %s", i, e.ID)
		}
	}
	if none, same := readUntil(t, s, end, 0); len(none) != 0 || same != end {
		t.Fatalf("at the end: %d events, %+v instead of %+v", len(none), same, end)
	}
	publish(t, s, 5000, 5010)
	more, _ := readUntil(t, s, end, 10)
	if len(more) != 10 || more[0].ID != "event-5000" {
		t.Fatalf("%d events from %s on", len(more), more[0].ID)
	}
}

func TestReadSurvivesTheServer(t *testing.T) {
	r := newRig(t)
	s := r.open()
	publish(t, s, 0, 100)
	seen := make(chan int, 1024)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		n := 0
		ended <- s.Read(ctx, Reading{Subjects: []string{All}}, func(_ context.Context, b Batch) error {
			for _, e := range b.Events {
				if e.ID != fmt.Sprint("event-", n) {
					return fmt.Errorf("event %d is %s", n, e.ID)
				}
				n++
			}
			seen <- n
			return nil
		})
	}()
	await := func(n int) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if got == n {
					return
				}
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(20 * time.Second):
				t.Fatalf("event %d does not come", n)
			}
		}
	}
	await(100)
	r.stop()
	r.start()
	if err := s.EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, s, 100, 200)
	await(200)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAReplacedStreamIsTold(t *testing.T) {
	for reason, replace := range map[string]func(*Spine) error{
		"deleted": func(s *Spine) error { return s.js.DeleteStream(t.Context(), Stream) },
		"made anew": func(s *Spine) error {
			return errors.Join(s.js.DeleteStream(t.Context(), Stream), s.EnsureStream(t.Context()))
		},
	} {
		r := newRig(t)
		s := r.open()
		publish(t, s, 0, 10)
		_, end := readUntil(t, s, Position{}, 10)
		err := s.Read(t.Context(), Reading{Subjects: []string{All}, After: end}, func(context.Context, Batch) error { return replace(s) })
		if !errors.Is(err, ErrReplaced) {
			t.Errorf("%s while it is read: %v", reason, err)
		}
		err = s.Read(t.Context(), Reading{Subjects: []string{All}, After: end}, func(context.Context, Batch) error { return errors.New("it was read") })
		if !errors.Is(err, ErrReplaced) {
			t.Errorf("%s before it is read: %v", reason, err)
		}
	}
}

func TestWhatIsNoEventIsSetAside(t *testing.T) {
	s := newRig(t).open()
	publish(t, s, 0, 1)
	if _, err := s.js.Publish(t.Context(), "ws.acme-dev.git.shop", []byte("no event")); err != nil {
		t.Fatal(err)
	}
	publish(t, s, 1, 2)
	var events []Event
	var aside []Refused
	done := errors.New("enough")
	err := s.Read(t.Context(), Reading{Subjects: []string{All}}, func(_ context.Context, b Batch) error {
		events, aside = append(events, b.Events...), append(aside, b.SetAside...)
		if len(events) == 2 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || len(aside) != 1 || aside[0].Sequence != 2 || aside[0].Reason == "" {
		t.Fatalf("set aside %+v, %v", aside, err)
	}
}

func TestAFullStreamRefusesLoudly(t *testing.T) {
	s := newRig(t).open()
	stream, err := s.js.Stream(t.Context(), Stream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 2048
	if _, err := s.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		if err := s.Publish(t.Context(), branchEvent(fmt.Sprint(n), n)); err != nil {
			if !Full(err) {
				t.Fatalf("not told as full: %v", err)
			}
			return
		}
	}
	t.Fatal("a stream of 2 KiB took 100 events")
}

func TestABucketIsMadeOnce(t *testing.T) {
	s := newRig(t).open()
	var kv jetstream.KeyValue
	for range 2 {
		var err error
		if kv, err = s.Views(t.Context(), "acme-dev"); err != nil {
			t.Fatal(err)
		}
	}
	key := Key("Application", strings.Repeat("ü.*>", 60))
	if _, err := kv.Put(t.Context(), key, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), key); err != nil || e.Key() != key {
		t.Fatalf("%v, %v", e, err)
	}
}

// A power cut may take the end of the log back. When other events have its numbers by the time that somebody looks, only
// their times tell.
func TestALogThatWentBackIsTold(t *testing.T) {
	r := newRig(t)
	s := r.open()
	publish(t, s, 0, 10)
	before := t.TempDir()
	r.stop()
	if err := os.CopyFS(before, os.DirFS(r.opts.StoreDir)); err != nil {
		t.Fatal(err)
	}
	r.start()
	publish(t, s, 10, 20)
	_, end := readUntil(t, s, Position{}, 20)
	r.stop()
	if err := errors.Join(os.RemoveAll(r.opts.StoreDir), os.CopyFS(r.opts.StoreDir, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	r.start()
	if err := s.EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, s, 100, 150)
	err := s.Read(t.Context(), Reading{Subjects: []string{All}, After: end}, func(context.Context, Batch) error { return errors.New("it was read") })
	if !errors.Is(err, ErrReplaced) {
		t.Fatalf("the events 10 to 50 after the cut would be passed over: %v", err)
	}
}
