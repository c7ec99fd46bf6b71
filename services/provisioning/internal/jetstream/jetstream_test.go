package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/jetstream"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// nats is a server in this process, with its store in dir.
func nats(t *testing.T, dir string, port int) *natsserver.Server {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s
}

func connect(t *testing.T, url string) *spine.Accounts {
	t.Helper()
	a, err := spine.Open(spine.Config{URL: url, Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Sovereign().EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

type catalog struct{}

func (catalog) Blueprint(_ context.Context, name, _ string) (operation.Blueprint, error) {
	doc, err := blueprint.Parse([]byte("apiVersion: catalyst.openova.io/v1alpha1\nkind: Blueprint\nmetadata: {name: bp-web, version: 1.0.0}\nspec:\n  card: {title: T, summary: S, category: web}\n  owner: us\n  manifests: {engine: helm, path: chart}\n"))
	return operation.Blueprint{Document: doc, Blueprint: gitlayout.Blueprint{Name: name, Version: "1.0.0", Digest: "sha256:00", Repository: "oci://r/c", Engine: gitlayout.Helm, MediaType: "m", Operation: "copy"}}, err
}

func (c catalog) Versions(ctx context.Context, name string) ([]operation.Version, error) {
	bp, err := c.Blueprint(ctx, name, "")
	return []operation.Version{{Blueprint: bp}}, err
}

type directory struct{}

func (directory) Applications(context.Context, string) ([]resolve.Installed, error) { return nil, nil }

func (directory) Environments(_ context.Context, organization string) ([]operation.Environment, error) {
	return []operation.Environment{{Name: organization + "-dev", EnvType: "dev", Branch: "develop", Ready: true}}, nil
}

// process is one life of provisioning: it can be killed, and another takes over.
type process struct {
	t        *testing.T
	accounts *spine.Accounts
	spine    *spine.Spine
	records  *jetstream.Records
	service  *operation.Service
	kill     context.CancelFunc
	done     chan struct{}
}

func begin(t *testing.T, url string, f *forgetest.Fake) *process {
	t.Helper()
	return beginWith(t, connect(t, url), f)
}

func beginWith(t *testing.T, a *spine.Accounts, f *forgetest.Fake) *process {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := &process{t: t, accounts: a, spine: a.Sovereign(), records: jetstream.New(a.Sovereign(), a, log), done: make(chan struct{})}
	p.service = &operation.Service{Records: p.records, Log: log, Planner: &operation.Planner{Forge: f, Catalog: catalog{}, Directory: directory{}, Records: p.records, Now: time.Now}}
	runner := &operation.Runner{Forge: f, Records: p.records, Now: time.Now, Log: log}
	worker := &jetstream.Worker{Records: p.records, Run: runner.Run, Parallel: 4, Log: log}
	ctx, kill := context.WithCancel(t.Context())
	p.kill = kill
	go func() {
		defer close(p.done)
		_ = worker.Work(ctx) // it ends with ctx
	}()
	return p
}

// end waits until nothing of the process is left.
func (p *process) end() {
	p.kill()
	<-p.done
	p.accounts.Close()
}

func request(i int) operation.Request {
	return operation.Request{Action: operation.Install, Organization: "acme", Environment: "acme-dev", Application: fmt.Sprintf("app-%d", i), Blueprint: "bp-web",
		Person: operation.Person{Subject: "ada", Name: "Ada", Email: "ada@acme.example"}, Key: fmt.Sprintf("key-%d", i)}
}

// ended waits until all Operations have ended, and returns them.
func ended(t *testing.T, sp *spine.Spine, n int) map[string]*operation.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	kv, err := sp.JetStream().KeyValue(ctx, jetstream.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := kv.WatchAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*operation.Operation{}
	for len(out) < n {
		select {
		case <-ctx.Done():
			t.Fatalf("%d of %d have ended", len(out), n)
		case e := <-watch.Updates():
			if e == nil {
				continue
			}
			o := &operation.Operation{}
			if err := json.Unmarshal(e.Value(), o); err != nil {
				t.Fatal(err)
			}
			if o.Final() {
				out[o.ID] = o
			}
		}
	}
	return out
}

// The process is killed at random calls of the forge, again and again, while requests come in. Everything that was
// accepted ends, once.
func TestKilledAgainAndAgain(t *testing.T) {
	const n = 40
	server := nats(t, t.TempDir(), -1)
	defer server.Shutdown()
	f := forgetest.New("acme")
	var alive atomic.Pointer[process]
	var budget atomic.Int64
	hook := func(c forgetest.Call) error {
		if c.Method == "Branches" { // of the planner too
			return nil
		}
		if budget.Add(-1) == 0 {
			alive.Load().kill()
			return context.Canceled
		}
		return nil
	}
	f.Before, f.After = hook, hook
	budget.Store(3)
	p := begin(t, server.ClientURL(), f)
	alive.Store(p)
	var accepted sync.Map
	kills := 0
	for i := range n {
		o, err := p.service.Submit(t.Context(), request(i))
		if err == nil {
			accepted.Store(o.ID, i)
		}
		select {
		case <-p.done:
			kills++
			p.end()
			budget.Store(rand.Int64N(12) + 1)
			p = begin(t, server.ClientURL(), f)
			alive.Store(p)
		default:
		}
	}
	budget.Store(1 << 40)
	if err := p.spine.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.end()
	p = begin(t, server.ClientURL(), f)
	defer p.end()
	for i := range n { // who got no answer asks again, and so does who got one
		o, err := p.service.Submit(t.Context(), request(i))
		if err != nil {
			t.Fatalf("again %d: %v", i, err)
		}
		accepted.Store(o.ID, i)
	}
	for id, o := range ended(t, p.spine, n) {
		if _, ok := accepted.Load(id); !ok || o.State != "Succeeded" {
			t.Errorf("%s of %s: %s: %s", id, o.Application, o.State, o.Message)
		}
	}
	for i := range n {
		repo := forge.Repo{Organization: "acme", Name: fmt.Sprintf("app-%d", i)}
		heads, err := f.Branches(t.Context(), repo)
		if err != nil || len(heads) != 3 || heads["main"] != heads["develop"] || heads["main"] != heads["staging"] || f.Commits(repo) != 1 {
			t.Errorf("%s: heads %v, %d commits, %v", repo, heads, f.Commits(repo), err)
		}
	}
	t.Logf("%d installs, killed %d times", n, kills)
	if kills == 0 {
		t.Error("nothing was killed")
	}
}

// The forge is down for a while, and NATS restarts meanwhile.
func TestForgeDownAndNATSRestarts(t *testing.T) {
	dir := t.TempDir()
	server := nats(t, dir, -1)
	url := server.ClientURL()
	f := forgetest.New("acme")
	var down atomic.Bool
	f.Before = func(c forgetest.Call) error {
		if down.Load() && c.Method != "Branches" {
			return fmt.Errorf("%w: connection refused", forge.ErrUnavailable)
		}
		return nil
	}
	down.Store(true)
	p := begin(t, url, f)
	o, err := p.service.Submit(t.Context(), request(1))
	if err != nil {
		t.Fatal(err)
	}
	state(t, p.spine, o.ID, "Waiting")
	server.Shutdown()
	server.WaitForShutdown()
	down.Store(false)
	var number int
	if _, err := fmt.Sscanf(url[strings.LastIndex(url, ":")+1:], "%d", &number); err != nil {
		t.Fatal(err)
	}
	server = nats(t, dir, number)
	defer server.Shutdown()
	defer p.end()
	if got := ended(t, p.spine, 1)[o.ID]; got == nil || got.State != "Succeeded" {
		t.Errorf("it ended as %+v", got)
	}
}

func state(t *testing.T, sp *spine.Spine, id, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kv, err := sp.JetStream().KeyValue(ctx, jetstream.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := kv.Watch(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not become %s", id, want)
		case e := <-watch.Updates():
			o := &operation.Operation{}
			if e != nil && json.Unmarshal(e.Value(), o) == nil && string(o.State) == want {
				return
			}
		}
	}
}

// A second process must not write over the first.
func TestConflict(t *testing.T) {
	server := nats(t, t.TempDir(), -1)
	defer server.Shutdown()
	a := connect(t, server.ClientURL())
	defer a.Close()
	r := jetstream.New(a.Sovereign(), a, slog.New(slog.DiscardHandler))
	o := &operation.Operation{ID: "op-1", Message: "one"}
	if err := r.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := r.Create(t.Context(), &operation.Operation{ID: "op-1"}); !errors.Is(err, operation.ErrConflict) {
		t.Errorf("create: %v", err)
	}
	first, err := r.Get(t.Context(), "op-1")
	if err != nil {
		t.Fatal(err)
	}
	o.Message = "two"
	if err := r.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := r.Update(t.Context(), first); !errors.Is(err, operation.ErrConflict) {
		t.Errorf("update: %v", err)
	}
	if _, err := r.Get(t.Context(), "op-2"); !errors.Is(err, operation.ErrNoRecord) {
		t.Errorf("get: %v", err)
	}
}

// Accepted in one life, queued in the next; and the spine hears of each step.
func TestAcceptedButNotQueued(t *testing.T) {
	server := nats(t, t.TempDir(), -1)
	defer server.Shutdown()
	f := forgetest.New("acme")
	p := begin(t, server.ClientURL(), f)
	p.kill()
	<-p.done
	o, err := p.service.Submit(t.Context(), request(7))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := p.spine.JetStream().Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.end()
	p = begin(t, server.ClientURL(), f)
	defer p.end()
	if got := ended(t, p.spine, 1)[o.ID]; got == nil || got.State != "Succeeded" {
		t.Fatalf("it ended as %+v", got)
	}
	cons, err := p.spine.JetStream().OrderedConsumer(t.Context(), spine.Stream, natsjs.OrderedConsumerConfig{FilterSubjects: []string{spine.Operation("acme-dev", o.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	for {
		msg, err := cons.Next(natsjs.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		e, err := spine.ParseEvent(msg.Subject(), msg.Headers(), msg.Data())
		if err != nil {
			t.Fatal(err)
		}
		progress := e.Data.(*spinev1.OperationProgressed)
		if progress.GetSequence() != last+1 || progress.GetId() != o.ID || progress.GetEnvironment() != "acme-dev" {
			t.Errorf("after %d: %v", last, progress)
		}
		last = progress.GetSequence()
		if progress.GetState() == "Succeeded" {
			return
		}
	}
}

// One Organization has no account yet. Its Operations run all the same, and are announced when it has one; those of the
// other are not held up.
func TestAnAccountThatIsNotThereYet(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "umbrella", 1<<24)
	f := forgetest.New("acme", "umbrella")
	p := beginWith(t, server.Open(t, "provisioning"), f)
	defer p.end()
	ids := map[string]string{}
	for i, organization := range []string{"acme", "acme", "acme", "acme", "acme", "acme", "umbrella"} {
		r := request(i)
		r.Organization, r.Environment = organization, organization+"-dev"
		o, err := p.service.Submit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		ids[organization] = o.ID // the last of each
	}
	for id, o := range ended(t, p.spine, 7) {
		if o.State != "Succeeded" {
			t.Errorf("%s ended as %s: %s", id, o.State, o.Message)
		}
	}
	announced(t, server, "umbrella", ids["umbrella"])
	server.Organization(t, "acme", 1<<24)
	announced(t, server, "acme", ids["acme"])
}

// announced waits until an Organization's account says that an Operation has succeeded.
func announced(t *testing.T, server *spinetest.Server, organization, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := server.Open(t, "projector").Organization(ctx, organization)
	if err != nil {
		t.Fatal(err)
	}
	heard := errors.New("heard")
	err = s.Read(ctx, spine.Reading{Subjects: []string{spine.Class("op")}}, func(_ context.Context, b spine.Batch) error {
		for _, e := range b.Events {
			if o, ok := e.Data.(*spinev1.OperationProgressed); ok && o.GetId() == id && o.GetState() == "Succeeded" {
				return heard
			}
		}
		return nil
	})
	if !errors.Is(err, heard) {
		t.Fatalf("%s of %s was not announced: %v", id, organization, err)
	}
}

// A plan is kept, once.
func TestShelf(t *testing.T) {
	server := nats(t, t.TempDir(), -1)
	defer server.Shutdown()
	a := connect(t, server.ClientURL())
	defer a.Close()
	shelf := jetstream.NewShelf(a.Sovereign())
	plan := &operation.InstallPlan{ID: "plan-1", Request: request(1), CreatedAt: time.Now().UTC()}
	plan.Request.Person, plan.Request.Key = operation.Person{}, ""
	if err := shelf.Put(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if err := shelf.Put(t.Context(), plan); !errors.Is(err, operation.ErrConflict) {
		t.Errorf("again: %v", err)
	}
	got, err := shelf.Take(t.Context(), "plan-1")
	if err != nil || !got.CreatedAt.Equal(plan.CreatedAt) || got.Request.Application != "app-1" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := shelf.Take(t.Context(), "plan-2"); !errors.Is(err, operation.ErrNoRecord) {
		t.Errorf("none: %v", err)
	}
}

// What waits for Git is cancelled as soon as somebody asks for it and Git answers.
func TestCancelled(t *testing.T) {
	server := nats(t, t.TempDir(), -1)
	defer server.Shutdown()
	f := forgetest.New("acme")
	var down atomic.Bool
	down.Store(true)
	f.Before = func(c forgetest.Call) error {
		if down.Load() && c.Method != "Branches" {
			return fmt.Errorf("%w: connection refused", forge.ErrUnavailable)
		}
		return nil
	}
	p := begin(t, server.ClientURL(), f)
	defer p.end()
	o, err := p.service.Submit(t.Context(), request(1))
	if err != nil {
		t.Fatal(err)
	}
	state(t, p.spine, o.ID, "Waiting")
	if _, err := p.service.Cancel(t.Context(), o.ID, request(1).Person); err != nil {
		t.Fatal(err)
	}
	down.Store(false)
	got := ended(t, p.spine, 1)[o.ID]
	repo := forge.Repo{Organization: "acme", Name: "app-1"}
	if got == nil || got.State != "Cancelled" || f.Commits(repo) != 0 {
		t.Errorf("it ended as %+v, with %d commits", got, f.Commits(repo))
	}
}
