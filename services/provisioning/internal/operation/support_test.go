package operation_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

const document = `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: NAME, version: 1.0.0}
spec:
  card: {title: T, summary: S, category: web}
  owner: us
  configSchema:
    type: object
    additionalProperties: false
    properties:
      replicas: {type: integer, minimum: 1, maximum: 10, default: 2}
      message: {type: string, default: Hello}
  manifests: {engine: ENGINE, path: x}
`

// shelf is a catalog of bp-web (helm), bp-site (kustomize) and bp-other, in the versions 1.0.0 and 1.1.0.
type shelf struct{}

func (shelf) Blueprint(_ context.Context, name, version string) (operation.Blueprint, error) {
	engine, ok := map[string]gitlayout.Engine{"bp-web": gitlayout.Helm, "bp-site": gitlayout.Kustomize, "bp-other": gitlayout.Helm}[name]
	if !ok {
		return operation.Blueprint{}, &operation.Error{Code: operation.CodeBlueprintNotFound, Message: "no " + name}
	}
	if version == "" {
		version = "1.1.0"
	}
	if !slices.Contains([]string{"1.0.0", "1.1.0"}, version) {
		return operation.Blueprint{}, &operation.Error{Code: operation.CodeVersionNotFound, Message: "no " + version}
	}
	doc, err := blueprint.Parse([]byte(replace(document, "NAME", name, "ENGINE", string(engine))))
	if err != nil {
		return operation.Blueprint{}, err
	}
	return operation.Blueprint{Document: doc, Blueprint: gitlayout.Blueprint{Name: name, Version: version, Digest: "sha256:00", Engine: engine,
		Repository: "oci://registry.test/catalog/" + name, MediaType: "m", Operation: "copy"}}, nil
}

// directory has acme with dev, stg and prod, and uat on a branch of its own.
type directory struct{}

func (directory) Environments(_ context.Context, organization string) ([]operation.Environment, error) {
	if organization != "acme" {
		return nil, &operation.Error{Code: operation.CodeOrganizationNotFound, Message: "no " + organization}
	}
	return []operation.Environment{
		{Name: "acme-dev", EnvType: "dev", Branch: "develop", Ready: true}, {Name: "acme-stg", EnvType: "stg", Branch: "staging", Ready: true},
		{Name: "acme-uat", EnvType: "uat", Branch: "uat", Ready: true}, {Name: "acme-prod", EnvType: "prod", Branch: "main", Message: "Its cluster is being prepared."},
	}, nil
}

// records are kept in memory, as JSON so that nothing is shared.
type records struct {
	mu     sync.Mutex
	stored map[string][]byte
	rev    map[string]uint64
	queue  []string
	said   []operation.Operation
	// fail is asked before each change; its error is the answer.
	fail func() error
}

func newRecords() *records { return &records{stored: map[string][]byte{}, rev: map[string]uint64{}} }

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
	r.stored[o.ID] = b
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

// sovereign is everything around the domain, in memory.
type sovereign struct {
	t       *testing.T
	forge   *forgetest.Fake
	records *records
	service *operation.Service
	runner  *operation.Runner
	now     time.Time
}

var ada = operation.Person{Subject: "u-ada", Name: "Ada Lindqvist", Email: "ada@acme.example"}

func start(t *testing.T) *sovereign {
	t.Helper()
	s := &sovereign{t: t, forge: forgetest.New("acme"), records: newRecords(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return s.now }
	s.service = &operation.Service{Records: s.records, Log: log, Planner: &operation.Planner{
		Forge: s.forge, Catalog: shelf{}, Directory: directory{}, Records: s.records, Now: clock}}
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
