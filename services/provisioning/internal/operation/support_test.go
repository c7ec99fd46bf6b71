package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

const document = `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: NAME, version: VERSION}
spec:
  card: {title: T, summary: S, category: web}
  owner: us
  configSchema:
    type: object
    additionalProperties: false
    properties:
      replicas: {type: integer, minimum: 1, maximum: 10, default: 2}
      message: {type: string, default: Hello}
  overlays:
    large: {values: {replicas: 8}}
  manifests: {engine: ENGINE, path: x}
`

// blueprints are bp-web (helm), bp-site (kustomize) and bp-other, which need nothing; bp-shop, which needs a bp-db and,
// from 2.0.0 on, a bp-cache; and bp-db, which needs a bp-other called log from 1.1.0 on.
var blueprints = map[string]struct {
	engine   string
	versions map[string]string
}{
	"bp-web":   {"helm", map[string]string{"1.0.0": "", "1.1.0": ""}},
	"bp-site":  {"kustomize", map[string]string{"1.0.0": "", "1.1.0": ""}},
	"bp-other": {"helm", map[string]string{"1.0.0": "", "1.1.0": ""}},
	"bp-cache": {"helm", map[string]string{"1.0.0": ""}},
	"bp-db":    {"helm", map[string]string{"1.0.0": "", "1.1.0": "  depends: [{blueprint: bp-other, alias: log}]\n"}},
	"bp-shop": {"helm", map[string]string{
		"1.0.0": "  depends: [{blueprint: bp-db, version: ^1.0, alias: db, values: {replicas: 3}}]\n",
		"1.1.0": "  upgrades: {from: '>=1.0.0'}\n  depends: [{blueprint: bp-db, version: ^1.0, alias: db, values: {replicas: 3}}]\n",
		"2.0.0": "  upgrades: {from: '>=1.1.0'}\n  depends: [{blueprint: bp-db, version: ^1.0, alias: db, values: {replicas: 3}}, {blueprint: bp-cache, alias: cache}]\n",
		"3.0.0": "  upgrades: {from: '>=2.0.0'}\n  depends: [{blueprint: bp-cache, alias: cache}]\n",
	}},
}

// shelf is the catalog.
type shelf struct{}

func (s shelf) Blueprint(ctx context.Context, name, version string) (operation.Blueprint, error) {
	all, err := s.Versions(ctx, name)
	if err != nil || len(all) == 0 {
		return operation.Blueprint{}, &operation.Error{Code: operation.CodeBlueprintNotFound, Message: "no " + name}
	}
	for _, v := range all {
		if version == "" || v.Version == version {
			return v.Blueprint, nil
		}
	}
	return operation.Blueprint{}, &operation.Error{Code: operation.CodeVersionNotFound, Message: "no " + version}
}

func (shelf) Versions(_ context.Context, name string) ([]operation.Version, error) {
	return parsed()[name], nil
}

var parsed = sync.OnceValue(func() map[string][]operation.Version {
	out := map[string][]operation.Version{}
	for name := range blueprints {
		all, err := versions(name)
		if err != nil {
			panic(err)
		}
		out[name] = all
	}
	return out
})

func versions(name string) ([]operation.Version, error) {
	bp := blueprints[name]
	var out []operation.Version
	for _, version := range slices.Backward(slices.Sorted(maps.Keys(bp.versions))) {
		doc, err := blueprint.Parse([]byte(replace(document, "NAME", name, "ENGINE", bp.engine, "VERSION", version) + bp.versions[version]))
		if err != nil {
			return nil, err
		}
		out = append(out, operation.Version{Blueprint: operation.Blueprint{Document: doc, Blueprint: gitlayout.Blueprint{Name: name, Version: version,
			Digest: "sha256:" + version, Engine: gitlayout.Engine(bp.engine), Repository: "oci://registry.test/catalog/" + name, MediaType: "m", Operation: "copy"}}})
	}
	return out, nil
}

// directory has acme with dev, stg and prod, and uat on a branch of its own. What runs there it reads from Git, as the
// read model would have heard of it.
type directory struct {
	s *sovereign
	// blind, it has heard of nothing; down, it does not answer.
	blind, down bool
}

var environments = []operation.Environment{
	{Name: "acme-dev", EnvType: "dev", Branch: "develop", Ready: true}, {Name: "acme-stg", EnvType: "stg", Branch: "staging", Ready: true},
	{Name: "acme-uat", EnvType: "uat", Branch: "uat", Ready: true}, {Name: "acme-prod", EnvType: "prod", Branch: "main", Message: "Its cluster is being prepared."},
}

func (d *directory) Environments(_ context.Context, organization string) ([]operation.Environment, error) {
	if organization != "acme" {
		return nil, &operation.Error{Code: operation.CodeOrganizationNotFound, Message: "no " + organization}
	}
	return environments, nil
}

func (d *directory) Applications(ctx context.Context, environment string) ([]resolve.Installed, error) {
	if d.down {
		return nil, errors.New("nobody answers")
	}
	if d.blind {
		return nil, nil
	}
	env := environments[slices.IndexFunc(environments, func(e operation.Environment) bool { return e.Name == environment })]
	git := d.s.git()
	repos, err := git.Repos(ctx, "acme")
	if err != nil {
		return nil, err
	}
	var out []resolve.Installed
	for _, repo := range repos {
		head, err := git.Head(ctx, repo, env.Branch)
		if err != nil {
			continue
		}
		if _, err := git.File(ctx, repo, head.SHA, "overlays/"+env.EnvType+"/kustomization.yaml"); err != nil {
			continue
		}
		b, err := git.File(ctx, repo, head.SHA, "application.yaml")
		if err != nil {
			continue
		}
		app, err := gitlayout.ReadApplication(b)
		if err != nil {
			return nil, err
		}
		i := resolve.Installed{Application: repo.Name, Blueprint: app.Pin.Name, Version: app.Pin.Version, Phase: "Running"}
		for _, need := range app.Dependencies {
			i.DependsOn = append(i.DependsOn, need.Application)
		}
		out = append(out, i)
	}
	return out, nil
}

// records are kept in memory, as JSON so that nothing is shared.
type records struct {
	mu     sync.Mutex
	stored map[string][]byte
	first  map[string][]byte // as they were accepted
	rev    map[string]uint64
	queue  []string
	said   []operation.Operation
	// fail is asked before each change; its error is the answer.
	fail func() error
}

func newRecords() *records {
	return &records{stored: map[string][]byte{}, first: map[string][]byte{}, rev: map[string]uint64{}}
}

func (r *records) put(o *operation.Operation, expect uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	if r.rev[o.ID] != expect {
		return operation.ErrConflict
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if r.stored[o.ID] = b; expect == 0 {
		r.first[o.ID] = b
	}
	r.rev[o.ID]++
	o.Revision = r.rev[o.ID]
	return nil
}

func (r *records) Create(_ context.Context, o *operation.Operation) error { return r.put(o, 0) }
func (r *records) Update(_ context.Context, o *operation.Operation) error {
	return r.put(o, o.Revision)
}

func (r *records) Get(_ context.Context, id string) (*operation.Operation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.stored[id]
	if !ok {
		return nil, operation.ErrNoRecord
	}
	o := &operation.Operation{}
	err := json.Unmarshal(b, o)
	o.Revision = r.rev[id]
	return o, err
}

func (r *records) Enqueue(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, id)
	return nil
}

func (r *records) Announce(_ context.Context, o *operation.Operation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, *o)
	return nil
}

// plans are kept in memory.
type plans map[string][]byte

func (p plans) Put(_ context.Context, plan *operation.InstallPlan) error {
	if p[plan.ID] != nil {
		return operation.ErrConflict
	}
	b, err := json.Marshal(plan)
	p[plan.ID] = b
	return err
}

func (p plans) Take(_ context.Context, id string) (*operation.InstallPlan, error) {
	if p[id] == nil {
		return nil, operation.ErrNoRecord
	}
	out := &operation.InstallPlan{}
	return out, json.Unmarshal(p[id], out)
}

// sovereign is everything around the domain, in memory.
type sovereign struct {
	t       *testing.T
	forge   *forgetest.Fake
	records *records
	service *operation.Service
	plans   *operation.Plans
	known   *directory
	runner  *operation.Runner
	now     time.Time
	died    bool // the last time that it was to
}

// git is the forge without its hooks.
func (s *sovereign) git() *forgetest.Fake { return s.forge.Quiet() }

var ada = operation.Person{Subject: "u-ada", Name: "Ada Lindqvist", Email: "ada@acme.example"}

func start(t *testing.T) *sovereign {
	t.Helper()
	s := &sovereign{t: t, forge: forgetest.New("acme"), records: newRecords(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.known = &directory{s: s}
	log := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return s.now }
	s.service = &operation.Service{Records: s.records, Log: log, Planner: &operation.Planner{
		Forge: s.forge, Catalog: shelf{}, Directory: s.known, Records: s.records, Now: clock}}
	s.plans = &operation.Plans{Service: s.service, Shelf: plans{}}
	s.runner = &operation.Runner{Forge: s.forge, Records: s.records, Now: clock, Log: log}
	return s
}

func install(name, env string) operation.Request {
	return operation.Request{Action: operation.Install, Organization: "acme", Environment: env, Application: name, Blueprint: "bp-web", Person: ada}
}

func (s *sovereign) submit(r operation.Request) *operation.Operation {
	s.t.Helper()
	o, err := s.service.Submit(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("submit %s of %s: %v", r.Action, r.Application, err)
	}
	return o
}

// run ends an Operation.
func (s *sovereign) run(id string) *operation.Operation {
	s.t.Helper()
	if _, err := s.runner.Run(s.t.Context(), id); err != nil {
		s.t.Fatalf("run: %v", err)
	}
	o, err := s.records.Get(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// do submits, runs and expects success.
func (s *sovereign) do(r operation.Request) *operation.Operation {
	s.t.Helper()
	o := s.run(s.submit(r).ID)
	if o.State != "Succeeded" {
		s.t.Fatalf("%s of %s: %s: %s", r.Action, r.Application, o.State, o.Message)
	}
	s.now = s.now.Add(time.Minute)
	return o
}

func asError(err error) *operation.Error {
	var e *operation.Error
	errors.As(err, &e)
	return e
}
