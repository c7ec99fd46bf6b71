package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/projector/internal/projection"
)

// quick is a pace for tests.
var quick = pace{lease: 600 * time.Millisecond, renew: 50 * time.Millisecond, checkpoint: 30 * time.Millisecond, inspect: 60 * time.Millisecond, quiet: 20 * time.Second}

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(second int) *timestamppb.Timestamp {
	return timestamppb.New(epoch.Add(time.Duration(second) * time.Second))
}

// rig is a spine with an observer's hand on it.
type rig struct {
	t        testing.TB
	server   *spinetest.Server // nil for a server that asks for no names
	config   func(service string) spine.Config
	observer *spine.Accounts
	reader   *spine.Accounts
	ids      int
}

func newRig(t testing.TB, organizations ...string) *rig {
	t.Helper()
	s := spinetest.Start(t)
	for _, o := range organizations {
		s.Organization(t, o, 1<<30)
	}
	return opened(&rig{t: t, server: s, config: s.Config})
}

// newOpenRig is a rig on whose server anybody may do anything, such as delete a stream.
func newOpenRig(t testing.TB) *rig {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return opened(&rig{t: t, config: func(service string) spine.Config { return spine.Config{URL: srv.ClientURL(), Name: service} }})
}

func opened(r *rig) *rig {
	r.observer, r.reader = r.open("observer"), r.open("projector")
	return r
}

func (r *rig) open(service string) *spine.Accounts {
	r.t.Helper()
	a, err := spine.Open(r.config(service), slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(a.Close)
	return a
}

// replica is a projector that runs.
type replica struct {
	*Projector
	accounts *spine.Accounts
	cancel   context.CancelFunc
	done     chan struct{}
}

func (r *rig) start(name string, change ...func(*Projector)) *replica {
	r.t.Helper()
	accounts, err := spine.Open(r.config("projector"), slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	p := New(accounts, name, slog.New(slog.DiscardHandler))
	p.pace = quick
	for _, c := range change {
		c(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	rep := &replica{Projector: p, accounts: accounts, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(rep.done)
		p.Run(ctx) //nolint:errcheck // it ends with its context
	}()
	r.t.Cleanup(rep.kill)
	return rep
}

// stop ends a replica in good order.
func (r *replica) stop() {
	r.cancel()
	<-r.done
	r.accounts.Close()
}

// kill takes its connections away first, so that nothing it has in hand is written.
func (r *replica) kill() {
	r.accounts.Close()
	r.cancel()
	<-r.done
}

func (r *rig) publish(env string, data ...proto.Message) {
	r.t.Helper()
	sp, err := r.observer.Of(r.t.Context(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := sp.EnsureStream(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	events := make([]spine.Event, len(data))
	for i, d := range data {
		r.ids++
		events[i] = spine.Event{ID: fmt.Sprint("e", r.ids), Source: "/observer/local", Subject: subjectOf(env, d), Time: epoch, Data: d}
	}
	for _, err := range sp.PublishBatch(r.t.Context(), events) {
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func subjectOf(env string, data proto.Message) string {
	switch d := data.(type) {
	case *spinev1.ObjectObserved:
		return spine.Object(env, "k8s", d.GetObject().GetKind(), d.GetObject().GetNamespace(), d.GetObject().GetName())
	case *spinev1.BranchObserved:
		return spine.Branch(env, d.GetApplication())
	case *spinev1.Heartbeat:
		return spine.HeartbeatOf(d.GetSource())
	case *spinev1.SourceObserved:
		return spine.Source(env, d.GetSource())
	}
	return spine.Operation(env, "x")
}

func environment(name string, version int) *spinev1.ObjectObserved {
	org, envType, err := spine.ParseEnvironment(name)
	if err != nil {
		panic(err)
	}
	return &spinev1.ObjectObserved{
		Object:          &spinev1.ObjectRef{Cluster: "local", ApiVersion: "catalyst.openova.io/v1alpha1", Kind: "Environment", Namespace: "catalyst-system", Name: name},
		ResourceVersion: strconv.Itoa(version), ObservedAt: at(version), ChangedAt: at(version),
		Detail: &spinev1.ObjectObserved_EnvironmentDetail{EnvironmentDetail: &spinev1.EnvironmentDetail{Organization: org, EnvType: envType, Branch: "develop", Ready: true}},
	}
}

func branch(env, app string, n int) *spinev1.BranchObserved {
	head := &spinev1.Commit{Sha: fmt.Sprintf("%040x", n), AuthorName: "Noor", AuthorEmail: "noor@acme.example", Message: fmt.Sprint("change ", n), CommittedAt: at(n)}
	return &spinev1.BranchObserved{
		Environment: env, Application: app, Branch: "develop", Present: true, ObservedAt: at(n), Head: head, Recent: []*spinev1.Commit{head},
		Blueprint: "bp-podinfo", BlueprintVersion: "1.0.0",
	}
}

func deployment(env, app string, version int, ready int32) *spinev1.ObjectObserved {
	return &spinev1.ObjectObserved{
		Object:          &spinev1.ObjectRef{Cluster: "local", ApiVersion: "apps/v1", Kind: "Deployment", Namespace: env, Name: app},
		ResourceVersion: strconv.Itoa(version), Generation: 1, ObservedAt: at(version), ChangedAt: at(version), Environment: env, Application: app,
		Health: &spinev1.Health{Status: "Current", Since: at(version)},
		Detail: &spinev1.ObjectObserved_Workload{Workload: &spinev1.Workload{Desired: 2, Ready: ready, Updated: 2, Images: []string{"podinfo:6"}}},
	}
}

// views reads what people see of an Environment.
func (r *rig) views(env string) map[string]string {
	r.t.Helper()
	sp, err := r.reader.Of(r.t.Context(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	return viewsOf(r.t, sp, env)
}

func viewsOf(t testing.TB, sp *spine.Spine, env string) map[string]string {
	t.Helper()
	out := map[string]string{}
	kv, err := sp.JetStream().KeyValue(t.Context(), spine.Bucket(env))
	if err != nil {
		return out
	}
	if err := each(t.Context(), kv, func(e jetstream.KeyValueEntry) error {
		out[e.Key()] = string(e.Value())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// expect is what people are to see after events, as one process makes it that reads each of them once.
func expect(t testing.TB, env string, events ...proto.Message) map[string]string {
	t.Helper()
	scope := env
	if env == spine.System {
		scope = ""
	}
	s := projection.NewState(scope)
	for i, e := range events {
		if err := projection.Check(scope, e); err != nil {
			t.Fatal(err)
		}
		s.Put(proto.Clone(e), uint64(i+1))
	}
	out := map[string]string{}
	s.TouchAll()
	for _, ref := range s.Touched() {
		b, err := s.View(ref)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			out[spine.Key(string(ref.Kind), ref.Name)] = string(b)
		}
	}
	return out
}

// becomes waits until people see what they should.
func (r *rig) becomes(env string, want map[string]string) {
	r.t.Helper()
	sp, err := r.reader.Of(r.t.Context(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	var got map[string]string
	if !within(func() bool {
		got = viewsOf(r.t, sp, env)
		return maps.Equal(got, want)
	}) {
		for _, key := range slices.Sorted(maps.Keys(merged(got, want))) {
			if got[key] != want[key] {
				r.t.Errorf("%s %s\n is   %s\n want %s", env, key, got[key], want[key])
			}
		}
		r.t.FailNow()
	}
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// within waits for a condition, up to a limit that only a failure reaches.
func within(ok func() bool) bool {
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !within(ok) {
		t.Fatal("never: " + what)
	}
}

// answerTell stands for the observer and provisioning, which are asked to tell everything again.
func (r *rig) answerTell(tell func()) {
	r.t.Helper()
	nc := r.observer.Sovereign().JetStream().Conn()
	for subject, tell := range map[string]func(){spine.TellObserver: tell, spine.TellProvisioning: func() {}} {
		sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
			tell()
			m.Respond(nil)
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { sub.Unsubscribe() })
	}
	if err := nc.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) sovereignView() view.Sovereign {
	r.t.Helper()
	var v view.Sovereign
	if b := r.views(spine.System)["Sovereign/"+projection.SovereignName]; b != "" {
		if err := json.Unmarshal([]byte(b), &v); err != nil {
			r.t.Fatal(err)
		}
	}
	return v
}
