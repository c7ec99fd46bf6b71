package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// node is a NATS server in this process, which can be stopped and started on its port and files.
type node struct {
	t    *testing.T
	port int
	dir  string
	srv  *server.Server
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, port: -1, dir: t.TempDir()}
	n.start()
	addr, ok := n.srv.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address %v", n.srv.Addr())
	}
	n.port = addr.Port
	t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	n.t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, NoLog: true, NoSigs: true})
	if err != nil {
		n.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		n.t.Fatal("NATS does not start")
	}
	n.srv = srv
}

func (n *node) stop() {
	n.srv.Shutdown()
	n.srv.WaitForShutdown()
}

func (n *node) connect() *spine.Accounts {
	n.t.Helper()
	sp, err := spine.Open(spine.Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", n.port), Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(sp.Close)
	eventually(n.t, "a connection", func() bool { return sp.Sovereign().JetStream().Conn().IsConnected() })
	return sp
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// projector writes views the way the projector does.
type projector struct {
	t  *testing.T
	sp *spine.Spine
}

func (p projector) kv(env string) jetstream.KeyValue {
	p.t.Helper()
	kv, err := p.sp.Views(p.t.Context(), env)
	if err != nil {
		p.t.Fatal(err)
	}
	return kv
}

func (p projector) put(env string, kind view.Kind, name string, v any) {
	p.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.kv(env).Put(p.t.Context(), spine.Key(string(kind), name), b); err != nil {
		p.t.Fatal(err)
	}
}

func (p projector) environment(org, envType string) {
	name := org + "-" + envType
	p.put(spine.System, view.KindEnvironment, name, view.Environment{EnvType: envType,
		Header: view.Header{Kind: view.KindEnvironment, Organization: org, Environment: name, Name: name}})
}

func (p projector) application(env, name, message string) {
	org, _, _ := strings.Cut(env, "-")
	p.put(env, view.KindApplication, name, view.Application{Message: message,
		Header: view.Header{Kind: view.KindApplication, Organization: org, Environment: env, Name: name}})
}

func (p projector) remove(env string, kind view.Kind, name string) {
	p.t.Helper()
	if err := p.kv(env).Delete(p.t.Context(), spine.Key(string(kind), name)); err != nil {
		p.t.Fatal(err)
	}
}

type rig struct {
	*node
	projector
	store *readmodel.Store
	feed  *Feed
}

func newRig(t *testing.T) *rig {
	t.Helper()
	n := newNode(t)
	r := &rig{node: n, projector: projector{t: t, sp: n.connect().Sovereign()}, store: readmodel.New("e", 1024)}
	r.feed = NewFeed(n.connect(), r.store, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.feed.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *rig) has(env, name string) bool {
	_, ok := r.store.Get("Application/" + env + "/" + name)
	return ok
}

func (r *rig) says(env, name, message string) bool {
	v, ok := r.store.Get("Application/" + env + "/" + name)
	return ok && bytes.Contains(v.Object, []byte(`"message":"`+message+`"`))
}

func (r *rig) ready() bool { return r.feed.Ready(context.Background()) == nil }

func TestFeedFollowsEveryEnvironmentThatAppears(t *testing.T) {
	r := newRig(t)
	if r.ready() || r.store.Synced() {
		t.Fatal("ready before anything was read")
	}
	r.environment("acme", "dev") // no bucket of its own yet
	eventually(t, "ready with an Environment in which nothing has happened", r.ready)
	if !r.store.Synced() {
		t.Error("ready, and not synced")
	}
	r.application("acme-dev", "shop", "one")
	eventually(t, "the Application", func() bool { return r.says("acme-dev", "shop", "one") })
	r.application("acme-dev", "shop", "two")
	eventually(t, "the change", func() bool { return r.says("acme-dev", "shop", "two") })
	r.environment("acme", "prod")
	r.application("acme-prod", "shop", "three")
	eventually(t, "the other Environment", func() bool { return r.says("acme-prod", "shop", "three") })
	r.remove("acme-prod", view.KindApplication, "shop")
	eventually(t, "the deletion", func() bool { return !r.has("acme-prod", "shop") })

	r.remove(spine.System, view.KindEnvironment, "acme-dev")
	eventually(t, "the Environment's views go with it", func() bool { return !r.has("acme-dev", "shop") })
	r.environment("acme", "dev")
	eventually(t, "and come back with it", func() bool { return r.says("acme-dev", "shop", "two") })
	eventually(t, "ready again", r.ready)
}

func TestFeedRefusesAViewInAForeignBucket(t *testing.T) {
	r := newRig(t)
	r.environment("acme", "dev")
	r.application("acme-dev", "honest", "here")
	stray := func(h view.Header, kind view.Kind, name string) {
		r.put("acme-dev", kind, name, view.Application{Header: h})
	}
	stray(view.Header{Kind: view.KindApplication, Organization: "kestrel", Environment: "kestrel-prod", Name: "a"}, view.KindApplication, "a")
	stray(view.Header{Kind: view.KindApplication, Organization: "acme", Environment: "acme-dev", Name: "other"}, view.KindApplication, "b")
	stray(view.Header{Kind: view.KindSovereign, Environment: "acme-dev", Name: "c"}, view.KindApplication, "c")
	if _, err := r.kv("acme-dev").Put(t.Context(), "x", []byte("no view")); err != nil {
		t.Fatal(err)
	}
	r.application("acme-dev", "last", "here")
	eventually(t, "what comes after them", func() bool { return r.has("acme-dev", "last") })
	views, _ := r.store.Snapshot(func(h view.Header) bool { return h.Kind != view.KindEnvironment })
	if len(views) != 2 {
		t.Errorf("%d views were taken in, want the two honest ones: %+v", len(views), views)
	}
}

func TestFeedKeepsWhatItKnowsWhileNATSIsAway(t *testing.T) {
	r := newRig(t)
	r.environment("acme", "dev")
	for i := range 50 {
		r.application("acme-dev", fmt.Sprintf("a%d", i), "one")
	}
	eventually(t, "everything", func() bool { return r.has("acme-dev", "a49") && r.ready() })
	_, before := r.store.Snapshot(func(view.Header) bool { return true })
	r.stop()
	eventually(t, "not ready without NATS", func() bool { return !r.ready() })
	if !r.has("acme-dev", "a0") || !r.store.Synced() {
		t.Error("the last state was not kept")
	}
	r.start()
	eventually(t, "ready with NATS back", r.ready)
	r.application("acme-dev", "a0", "two")
	r.remove("acme-dev", view.KindApplication, "a1")
	eventually(t, "what happens after the restart", func() bool { return r.says("acme-dev", "a0", "two") && !r.has("acme-dev", "a1") })
	changes, _, err := r.store.After(before, func(view.Header) bool { return true })
	if err != nil || len(changes) != 2 {
		t.Errorf("the readers were told %d changes (%v), want the two that there were", len(changes), err)
	}
}

// Deleting the buckets and replaying must never look like "everything is gone".
func TestFeedKeepsWhatItKnowsWhileBucketsAreRebuilt(t *testing.T) {
	r := newRig(t)
	r.environment("acme", "dev")
	r.application("acme-dev", "shop", "one")
	r.application("acme-dev", "blog", "one")
	eventually(t, "everything", func() bool { return r.has("acme-dev", "shop") && r.has("acme-dev", "blog") && r.ready() })
	_, before := r.store.Snapshot(func(view.Header) bool { return true })
	for _, env := range []string{"acme-dev", spine.System} {
		if err := r.sp.JetStream().DeleteKeyValue(t.Context(), spine.Bucket(env)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "not ready", func() bool { return !r.ready() })
	r.environment("acme", "dev")
	r.application("acme-dev", "shop", "two")
	eventually(t, "what the new bucket holds", func() bool { return r.says("acme-dev", "shop", "two") })
	if !r.says("acme-dev", "blog", "one") {
		t.Error("what the new bucket does not hold yet is gone")
	}
	changes, _, err := r.store.After(before, func(view.Header) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range changes {
		if ch.Object == nil {
			t.Errorf("readers were told that %s is gone", ch.Key)
		}
	}
}

// What was written while the bucket is listed comes after the listing's end; that it was not in the listing does not
// mean that it is gone.
func TestSettleAsksBeforeItBelievesAnAbsence(t *testing.T) {
	r := newRig(t)
	r.environment("acme", "dev")
	r.application("acme-dev", "kept", "one")
	eventually(t, "the Application", func() bool { return r.has("acme-dev", "kept") })
	b := r.feed.bucket("acme-dev")
	kept, vanished := spine.Key("Application", "kept"), spine.Key("Application", "vanished")
	b.known = map[string]known{kept: {view: "Application/acme-dev/kept"}, vanished: {view: "Application/acme-dev/vanished"}}
	b.seen = map[string]bool{}
	if err := b.settle(t.Context(), r.kv("acme-dev")); err != nil {
		t.Fatal(err)
	}
	if !r.has("acme-dev", "kept") || len(b.known) != 1 {
		t.Errorf("known afterwards: %v", b.known)
	}
}

func TestSessionsAreSealed(t *testing.T) {
	n := newNode(t)
	s := NewSessions(n.connect().Sovereign())
	token, secret := strings.Repeat("t", 43), []byte("refresh-token-canary")
	if err := s.Commit(token, secret, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Find(token)
	if err != nil || !ok || !bytes.Equal(got, secret) {
		t.Fatalf("%q %v %v", got, ok, err)
	}
	kv, err := n.connect().Sovereign().JetStream().KeyValue(t.Context(), sessionsBucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	entry, err := kv.Get(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(entry.Value(), secret) || strings.Contains(keys[0], token) {
		t.Error("who can read the bucket can use the session")
	}
	if _, err := kv.Put(t.Context(), keys[0], append(entry.Value()[:20:20], entry.Value()...)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Find(token); ok || err != nil {
		t.Errorf("a session that was tampered with: %v %v, want none", ok, err)
	}
	if err := s.Commit(token, secret, time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Find(token); ok || err != nil {
		t.Errorf("an expired session: %v %v, want none", ok, err)
	}
	if err := s.Delete(token); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("never there"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	n.stop()
	start := time.Now()
	eventually(t, "an error without NATS", func() bool { _, _, err := s.Find(token); return err != nil })
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("people wait %s to hear that sessions cannot be read", took)
	}
	n.start()
	eventually(t, "sessions with NATS back", func() bool { return s.Commit(token, secret, time.Now().Add(time.Hour)) == nil })
}
