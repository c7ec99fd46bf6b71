//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	natsserver "github.com/nats-io/nats-server/v2/server"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	catalogv1 "catalyst.openova.io/proto/gen/catalyst/catalog/v1"
	"catalyst.openova.io/proto/gen/catalyst/catalog/v1/catalogv1connect"
	"catalyst.openova.io/services/provisioning/internal/jetstream"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// shelf serves the Blueprints of this repository, to whoever brings the person's token.
type shelf struct{}

func (shelf) GetBlueprint(_ context.Context, req *connect.Request[catalogv1.GetBlueprintRequest]) (*connect.Response[catalogv1.GetBlueprintResponse], error) {
	if req.Header().Get("Authorization") != "Bearer ada" {
		return nil, connect.NewError(connect.CodeUnauthenticated, fmt.Errorf("no token"))
	}
	name := req.Msg.GetName()
	doc, err := os.ReadFile("../../blueprints/" + name + "/blueprint.yaml")
	if err != nil || req.Msg.GetVersion() != "" && req.Msg.GetVersion() != "1.0.0" {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("Blueprint %s has no version %s", name, req.Msg.GetVersion()))
	}
	return connect.NewResponse(&catalogv1.GetBlueprintResponse{Name: name, Version: "1.0.0", Document: doc,
		Repository: "oci://127.0.0.1:7091/catalog/" + name, Digest: "sha256:" + strings.Repeat("ab", 32), Insecure: true}), nil
}

// ListVersions serves also a bp-front that needs a bp-back, both in two versions.
func (s shelf) ListVersions(ctx context.Context, req *connect.Request[catalogv1.ListVersionsRequest]) (*connect.Response[catalogv1.ListVersionsResponse], error) {
	if req.Header().Get("Authorization") != "Bearer ada" {
		return nil, connect.NewError(connect.CodeUnauthenticated, fmt.Errorf("no token"))
	}
	name := req.Msg.GetName()
	out := &catalogv1.ListVersionsResponse{}
	add := func(version string, document []byte) {
		out.Versions = append(out.Versions, &catalogv1.Version{Version: version, Document: document, Repository: "oci://127.0.0.1:7091/catalog/" + name,
			Digest: "sha256:" + strings.Repeat(version[:1], 64), Insecure: true})
	}
	switch doc, err := os.ReadFile("../../blueprints/" + name + "/blueprint.yaml"); {
	case err == nil:
		add("1.0.0", doc)
	case name == "bp-front":
		add("2.0.0", document(name, "2.0.0", "  upgrades: {from: '>=1.0.0'}\n  depends: [{blueprint: bp-back, alias: db, values: {replicas: 3}}]\n"))
		add("1.0.0", document(name, "1.0.0", "  depends: [{blueprint: bp-back, alias: db, values: {replicas: 3}}]\n"))
	case name == "bp-back":
		add("1.0.0", document(name, "1.0.0", ""))
	default:
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("no %s", name))
	}
	return connect.NewResponse(out), nil
}

func document(name, version, more string) []byte {
	return fmt.Appendf(nil, `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: %s, version: %s}
spec:
  card: {title: T, summary: S, category: web}
  owner: us
  configSchema: {type: object, additionalProperties: false, properties: {replicas: {type: integer, default: 2}}}
  manifests: {engine: helm, path: chart}
%s`, name, version, more)
}

type anyone struct{}

func (anyone) Verify(_ context.Context, token string) (identity.Person, time.Time, error) {
	return identity.Person{Subject: token, Name: "Ada Lindqvist", Email: "ada@acme.example", Roles: []identity.Role{{Name: identity.OrgAdmin, Organization: "acme"}}}, time.Time{}, nil
}

// world is a Gitea, a NATS, a catalog and the views of acme.
type world struct {
	gitea *giteatest.Server
	git   *gitea.Client
	spine *spine.Accounts
	cfg   config
	thief atomic.Value // the name that is taken
}

func build(t *testing.T) *world {
	t.Helper()
	w := &world{gitea: giteatest.Start(t)}
	token := w.gitea.User(t, "catalyst-provisioning")
	w.gitea.Organization(t, "acme", "catalyst-provisioning")
	var err error
	if w.git, err = gitea.New(gitea.Config{URL: w.gitea.URL, Token: token}); err != nil {
		t.Fatal(err)
	}
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Shutdown)
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	mux := http.NewServeMux()
	mux.Handle(catalogv1connect.NewCatalogServiceHandler(shelf{}))
	catalog := httptest.NewServer(mux)
	t.Cleanup(catalog.Close)
	w.cfg = config{catalog: catalog.URL, spine: spine.Config{URL: server.ClientURL(), Name: "test"}}
	if w.spine, err = spine.Open(w.cfg.spine, slog.Default()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.spine.Close)
	if err := w.spine.Sovereign().EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.put(t, view.KindOrganization, "acme", view.Organization{Header: view.Header{Kind: view.KindOrganization, Organization: "acme", Name: "acme"}, Ready: true})
	for envType, branch := range map[string]string{"dev": "develop", "stg": "staging", "prod": "main"} {
		w.put(t, view.KindEnvironment, "acme-"+envType, view.Environment{Header: view.Header{Kind: view.KindEnvironment, Organization: "acme", Name: "acme-" + envType},
			EnvType: envType, Branch: branch, Ready: true})
	}
	return w
}

func (w *world) put(t *testing.T, kind view.Kind, name string, v any) {
	t.Helper()
	kv, err := w.spine.Sovereign().Views(t.Context(), spine.System)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), spine.Key(string(kind), name), b); err != nil {
		t.Fatal(err)
	}
}

// live starts one process; the function that it returns kills it.
func (w *world) live(t *testing.T) (http.Handler, func()) {
	t.Helper()
	p := assemble(w.cfg, thieves{w.git, &w.thief}, w.spine, w.spine.Sovereign(), anyone{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.worker.Work(ctx) }()
	return p.handler, func() { cancel(); <-done }
}

func call(t *testing.T, h http.Handler, method, path string, body any, v any) int {
	t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(b)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, content)
	r.Header.Set("Authorization", "Bearer ada")
	r.Header.Set("Content-Type", "application/json")
	if m, ok := body.(map[string]any); ok && m["name"] != nil {
		r.Header.Set("Idempotency-Key", strings.ReplaceAll("install-"+fmt.Sprint(m["name"], m["environment"], m["blueprint"], m["version"]), " ", ""))
	}
	a := httptest.NewRecorder()
	h.ServeHTTP(a, r)
	if a.Code >= 400 {
		t.Logf("%s %s: %d %s", method, path, a.Code, a.Body)
	} else if v != nil {
		if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
	}
	return a.Code
}

// wait returns an Operation once it has ended.
func (w *world) wait(t *testing.T, id string) *operation.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	kv, err := w.spine.Sovereign().JetStream().KeyValue(ctx, jetstream.Bucket)
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
			t.Fatalf("%s does not end", id)
		case e := <-watch.Updates():
			o := &operation.Operation{}
			if e != nil && json.Unmarshal(e.Value(), o) == nil && o.Final() {
				return o
			}
		}
	}
}

func (w *world) do(t *testing.T, h http.Handler, method, path string, body any) *operation.Operation {
	t.Helper()
	var v view.Operation
	if code := call(t, h, method, path, body, &v); code != http.StatusAccepted {
		t.Fatalf("%s %s: %d", method, path, code)
	}
	o := w.wait(t, v.Name)
	if o.State != view.OperationSucceeded {
		t.Fatalf("%s %s: %s", method, path, o.Message)
	}
	return o
}

const organization = "/api/v1/organizations/acme"

func TestOnRealGitea(t *testing.T) {
	w := build(t)
	h, kill := w.live(t)
	t.Run("the whole life", func(t *testing.T) { life(t, w, h) })
	t.Run("two repositories", func(t *testing.T) { two(t, w, h) })
	t.Run("a plan that is shown", func(t *testing.T) { shown(t, w, h) })
	t.Run("taken back", func(t *testing.T) { takenBack(t, w, h) })
	t.Run("how long an install takes", func(t *testing.T) { measure(t, w, h) })
	kill()
	t.Run("killed, and Gitea too", func(t *testing.T) { killed(t, w) })
}

func life(t *testing.T, w *world, h http.Handler) {
	const shop = organization + "/environments/acme-dev/applications/shop"
	repo := forge.Repo{Organization: "acme", Name: "shop"}
	install := map[string]any{"name": "shop", "blueprint": "bp-podinfo", "environment": "acme-dev", "values": map[string]any{"replicas": 3}}
	first := w.do(t, h, "POST", organization+"/applications", install)
	if again := w.do(t, h, "POST", organization+"/applications", install); again.ID != first.ID {
		t.Errorf("a repetition became %s", again.ID)
	}
	w.do(t, h, "POST", organization+"/applications", map[string]any{"name": "shop", "blueprint": "bp-podinfo", "environment": "acme-prod"})
	w.do(t, h, "PUT", shop+"/values", map[string]any{"values": map[string]any{"replicas": 5, "message": "Good day"}})
	var current struct {
		Values map[string]any `json:"values"`
	}
	if code := call(t, h, "GET", shop+"/values", nil, &current); code != 200 || current.Values["replicas"] != 5.0 || current.Values["message"] != "Good day" {
		t.Errorf("%d %v", code, current)
	}
	log, err := w.git.Log(t.Context(), repo, "develop", 10)
	if err != nil || len(log) != 2 || log[0].Author.Email != "ada@acme.example" {
		t.Errorf("develop %+v, %v", log, err)
	}
	w.do(t, h, "DELETE", shop, nil)
	w.do(t, h, "DELETE", organization+"/applications/shop", nil)
	head, err := w.git.Head(t.Context(), repo, "main")
	if err != nil {
		t.Fatal(err)
	}
	if files, err := w.git.Tree(t.Context(), repo, head.SHA); err != nil || len(files) != 1 {
		t.Errorf("main holds %v, %v", files, err)
	}
	w.do(t, h, "POST", organization+"/applications", map[string]any{"name": "shop", "blueprint": "bp-static-site", "environment": "acme-stg"})
	if code := call(t, h, "POST", organization+"/applications", map[string]any{"name": "shop", "blueprint": "bp-podinfo", "version": "1.0.0", "environment": "acme-dev"}, nil); code != http.StatusConflict {
		t.Errorf("another Blueprint under the same name: %d", code)
	}
}

// hear puts into the read model what the projector would hear of an Application in dev.
func (w *world) hear(t *testing.T, name, blueprint, version string, needs ...string) {
	t.Helper()
	kv, err := w.spine.Sovereign().Views(t.Context(), "acme-dev")
	if err != nil {
		t.Fatal(err)
	}
	v := view.Application{Header: view.Header{Kind: view.KindApplication, Organization: "acme", Environment: "acme-dev", Name: name},
		Blueprint: view.Blueprint{Name: blueprint, Version: version}, Phase: view.PhaseRunning}
	for _, n := range needs {
		v.DependsOn = append(v.DependsOn, view.Dependency{Application: n})
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), spine.Key(string(view.KindApplication), name), b); err != nil {
		t.Fatal(err)
	}
}

// file is one file of a branch.
func (w *world) file(t *testing.T, app, branch, path string) string {
	t.Helper()
	repo := forge.Repo{Organization: "acme", Name: app}
	head, err := w.git.Head(t.Context(), repo, branch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.git.File(t.Context(), repo, head.SHA, path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// two has an Application installed with what it needs, upgraded, rolled back, paused, resumed and uninstalled.
func two(t *testing.T, w *world, h http.Handler) {
	const front, back = organization + "/environments/acme-dev/applications/front", organization + "/environments/acme-dev/applications/front-back"
	o := w.do(t, h, "POST", organization+"/applications", map[string]any{"name": "front", "blueprint": "bp-front", "version": "1.0.0", "environment": "acme-dev"})
	if got := o.Applications(); !slices.Equal(got, []string{"front-back", "front"}) {
		t.Errorf("applications %v", got)
	}
	w.hear(t, "front-back", "bp-back", "1.0.0")
	w.hear(t, "front", "bp-front", "1.0.0", "front-back")
	if v := w.file(t, "front-back", "develop", "overlays/dev/values.yaml"); !strings.Contains(v, "replicas: 3") {
		t.Errorf("what was passed down did not arrive:\n%s", v)
	}
	w.do(t, h, "POST", front+"/upgrade", map[string]any{"version": "2.0.0"})
	if v := w.file(t, "front", "develop", "application.yaml"); !strings.Contains(v, "2.0.0") || !strings.Contains(v, "application: front-back") {
		t.Errorf("application.yaml\n%s", v)
	}
	w.do(t, h, "POST", front+"/rollback", map[string]any{"commit": o.Commit})
	if v := w.file(t, "front", "develop", "application.yaml"); !strings.Contains(v, "1.0.0") {
		t.Errorf("application.yaml\n%s", v)
	}
	w.do(t, h, "POST", front+"/pause", nil)
	if v := w.file(t, "front", "develop", "overlays/dev/kustomization.yaml"); !strings.Contains(v, "suspend") {
		t.Errorf("overlay\n%s", v)
	}
	w.do(t, h, "POST", front+"/resume", nil)
	if code := call(t, h, "DELETE", back, nil, nil); code != http.StatusConflict {
		t.Errorf("what is needed was uninstalled: %d", code)
	}
	gone := w.do(t, h, "DELETE", front+"?withDependencies=true", nil)
	if got := gone.Applications(); !slices.Equal(got, []string{"front", "front-back"}) {
		t.Errorf("uninstalled %v", got)
	}
}

// shown plans a change, looks at it, carries it out twice, and is told who moved the branch of another.
func shown(t *testing.T, w *world, h http.Handler) {
	type plan struct {
		ID      string `json:"id"`
		Changes []struct {
			Repository string `json:"repository"`
		} `json:"changes"`
	}
	var p, again plan
	if code := call(t, h, "POST", organization+"/install-plans", map[string]any{"application": "shown", "blueprint": "bp-front", "environment": "acme-dev"}, &p); code != http.StatusCreated || len(p.Changes) != 2 {
		t.Fatalf("%d %+v", code, p)
	}
	if code := call(t, h, "GET", organization+"/install-plans/"+p.ID, nil, &again); code != http.StatusOK || len(again.Changes) != 2 {
		t.Errorf("%d %+v", code, again)
	}
	apply := organization + "/install-plans/" + p.ID + "/operation"
	o := w.do(t, h, "POST", apply, nil)
	if twice := w.do(t, h, "POST", apply, nil); twice.ID != o.ID || twice.PlanID != p.ID {
		t.Errorf("applied twice: %s and %s", o.ID, twice.ID)
	}
	if code := call(t, h, "POST", organization+"/install-plans", map[string]any{"action": "configure", "application": "shown", "environment": "acme-dev", "values": map[string]any{"replicas": 7}}, &p); code != http.StatusCreated {
		t.Fatal(code)
	}
	w.do(t, h, "PUT", organization+"/environments/acme-dev/applications/shown/values", map[string]any{"values": map[string]any{"replicas": 4}})
	if code := call(t, h, "POST", organization+"/install-plans/"+p.ID+"/operation", nil, nil); code != http.StatusPreconditionFailed {
		t.Errorf("a plan on a branch that moved: %d", code)
	}
}

// takenBack has the name of the second repository taken after the plan was made.
func takenBack(t *testing.T, w *world, h http.Handler) {
	var p struct {
		ID string `json:"id"`
	}
	if code := call(t, h, "POST", organization+"/install-plans", map[string]any{"application": "robbed", "blueprint": "bp-front", "environment": "acme-dev"}, &p); code != http.StatusCreated {
		t.Fatal(code)
	}
	w.thief.Store("robbed")
	var v view.Operation
	if code := call(t, h, "POST", organization+"/install-plans/"+p.ID+"/operation", nil, &v); code != http.StatusAccepted {
		t.Fatal(code)
	}
	o := w.wait(t, v.Name)
	if o.State != view.OperationFailed || !strings.Contains(o.Message, "taken back") {
		t.Errorf("%s: %s", o.State, o.Message)
	}
	repo := forge.Repo{Organization: "acme", Name: "robbed-back"}
	head, err := w.git.Head(t.Context(), repo, "main")
	if err != nil {
		t.Fatal(err)
	}
	if files, err := w.git.Tree(t.Context(), repo, head.SHA); err != nil || len(files) != 1 {
		t.Errorf("main of %s holds %v, %v", repo, files, err)
	}
	w.do(t, h, "POST", organization+"/applications", map[string]any{"name": "robbed-back", "blueprint": "bp-back", "environment": "acme-dev"})
}

// thieves make a repository of somebody's just before Catalyst does.
type thieves struct {
	*gitea.Client

	name *atomic.Value
}

func (f thieves) CreateRepo(ctx context.Context, r forge.Repo, description string) error {
	if f.name.Load() == r.Name {
		if err := f.Client.CreateRepo(ctx, r, "somebody's"); err != nil {
			return err
		}
	}
	return f.Client.CreateRepo(ctx, r, description)
}

// measure compares an install with the bare create and push of as many files, one after the other.
func measure(t *testing.T, w *world, h http.Handler) {
	var accepted, total, floor []time.Duration
	for i := range 9 {
		start := time.Now()
		bare(t, w, i)
		floor = append(floor, time.Since(start))
		start = time.Now()
		var v view.Operation
		if code := call(t, h, "POST", organization+"/applications", map[string]any{"name": fmt.Sprintf("timed-%d", i), "blueprint": "bp-podinfo", "environment": "acme-dev"}, &v); code != 202 {
			t.Fatal(code)
		}
		accepted = append(accepted, time.Since(start))
		if o := w.wait(t, v.Name); o.State != view.OperationSucceeded {
			t.Fatal(o.Message)
		}
		total = append(total, time.Since(start))
	}
	slices.Sort(accepted)
	slices.Sort(total)
	slices.Sort(floor)
	t.Logf("accepted after %v, committed after %v; bare create and push %v (medians of 9)", accepted[4], total[4], floor[4])
}

func bare(t *testing.T, w *world, i int) {
	t.Helper()
	repo := forge.Repo{Organization: "acme", Name: fmt.Sprintf("bare-%d", i)}
	if err := w.git.CreateRepo(t.Context(), repo, ""); err != nil {
		t.Fatal(err)
	}
	d := &forge.Draft{Author: forge.Person{Name: "Ada", Email: "ada@acme.example"}, Message: "Install", At: time.Now(), Change: forge.Change{Write: map[string][]byte{}}}
	for f := range 9 {
		d.Change.Write[fmt.Sprintf("d%d/f%d", f%3, f)] = bytes.Repeat([]byte("content\n"), 80)
	}
	if _, err := w.git.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Draft: d}, {Branch: "staging", Draft: d}, {Branch: "main", Draft: d}}); err != nil {
		t.Fatal(err)
	}
}

// killed stops the worker and Gitea at unkind moments of 12 installs.
func killed(t *testing.T, w *world) {
	const n = 12
	var ids []string
	h, kill := w.live(t)
	for i := range n {
		var v view.Operation
		if code := call(t, h, "POST", organization+"/applications", map[string]any{"name": fmt.Sprintf("victim-%d", i), "blueprint": "bp-podinfo", "environment": "acme-dev"}, &v); code != 202 {
			t.Fatal(code)
		}
		ids = append(ids, v.Name)
		if i%4 == 3 {
			kill() // in the middle of what was just accepted
			h, kill = w.live(t)
		}
	}
	w.gitea.Stop(t) // SIGKILL, with pushes under way
	kill()
	h, kill = w.live(t)
	defer kill()
	w.gitea.Restart(t)
	for i, id := range ids {
		o := w.wait(t, id)
		repo := forge.Repo{Organization: "acme", Name: fmt.Sprintf("victim-%d", i)}
		heads, err := w.git.Branches(t.Context(), repo)
		if o.State != view.OperationSucceeded || err != nil || len(heads) != 3 || heads["main"] != o.Commit || heads["develop"] != o.Commit || heads["staging"] != o.Commit {
			t.Errorf("%s: %s: %s; heads %v, %v", repo, o.State, o.Message, heads, err)
		}
		log, err := w.git.Log(t.Context(), repo, "main", 10)
		if err != nil || len(log) != 1 {
			t.Errorf("%s: %d commits, %v", repo, len(log), err)
		}
	}
}
