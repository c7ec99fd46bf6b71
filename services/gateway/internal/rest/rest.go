// Package rest serves the read model as REST: the views as they are, filtered by what the person may see.
package rest

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

type api struct{ store *readmodel.Store }

// New registers the read operations on a router whose requests carry a person.
func New(r chi.Router, store *readmodel.Store) huma.API {
	cfg := huma.DefaultConfig("Catalyst", "1.0.0")
	cfg.Info.Description = "The API of a Sovereign. Every write is a commit in the name of the person who asks; every read comes from one read model."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil
	h := humachi.New(r, cfg)
	a := &api{store: store}
	const org, env = "/api/v1/organizations/{org}", "/api/v1/organizations/{org}/environments/{env}"
	get[view.Sovereign](h, "get-sovereign", "/api/v1/sovereign", "Show the Sovereign, its clusters and what it learns from", a.sovereign)
	get[Page[view.Organization]](h, "list-organizations", "/api/v1/organizations", "List the Organizations that you can see", a.organizations)
	get[view.Organization](h, "get-organization", org, "Show an Organization", a.organization)
	get[Page[view.Environment]](h, "list-environments", org+"/environments", "List the Environments of an Organization", a.environments)
	get[view.Environment](h, "get-environment", env, "Show an Environment", a.environment)
	get[Page[view.Application]](h, "list-all-applications", "/api/v1/applications", "List the Applications of all Organizations that you can see, one entry for each Environment", a.allApplications)
	get[Counts](h, "count-all-applications", "/api/v1/applications/counts", "Count the Applications of all Organizations that you can see, by phase and Environment", a.countAllApplications)
	get[Page[view.Application]](h, "list-applications", org+"/applications", "List the Applications of an Organization, one entry for each Environment", a.applications)
	get[Counts](h, "count-applications", org+"/applications/counts", "Count the Applications of an Organization, by phase and Environment", a.countApplications)
	get[view.Application](h, "get-application", env+"/applications/{app}", "Show an Application in an Environment", a.application)
	get[view.Activity](h, "get-activity", env+"/activity", "Show what happened last in an Environment", a.activity)
	get[Page[view.BlueprintUse]](h, "list-blueprint-uses", env+"/blueprint-uses", "List the Blueprints from which the Applications of an Environment come", a.blueprintUses)
	get[Page[view.BlueprintUse]](h, "list-all-blueprint-uses", "/api/v1/blueprint-uses", "List where Blueprints are used, in all Environments that you can see", a.allBlueprintUses)
	get[Page[view.Operation]](h, "list-operations", org+"/operations", "List Operations, newest first", a.operations)
	get[view.Operation](h, "get-operation", org+"/operations/{id}", "Show an Operation", a.operation)
	get[Page[view.SetAside]](h, "list-set-aside", "/api/v1/set-aside", "List what had no effect because it could not be read; for sovereign-admin, others find nothing here", a.setAside)
	describe(h)
	return h
}

// get registers an operation whose body is described by T.
func get[T, I any](h huma.API, id, path, summary string, f func(context.Context, *I) (*raw, error)) {
	huma.Register(h, huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"read"},
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {
				Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, id)}}},
			"304": {Description: "You have it already: it is what If-None-Match names."},
		},
	}, f)
}

// Conditional is what a client already has.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match"`
}

// Selection is which fields a client wants.
type Selection struct {
	Fields string `query:"fields" maxLength:"2000" doc:"only these fields, separated by commas; blueprint.version names a field of a field, and workloads.name one of each workload"`
}

// raw is an answer whose body is what the read model holds, byte for byte: nothing is decoded on the way.
type raw struct {
	Status      int
	ETag        string `header:"ETag"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func notFound(what, name string) error {
	return server.NewProblem(http.StatusNotFound, strings.ToLower(what)+"_not_found", fmt.Sprintf("There is no %s %q that you can see.", what, name))
}

// ready answers 503 as long as an empty answer would mean nothing.
func (a *api) ready() error {
	if a.store.Synced() {
		return nil
	}
	return stream.Unavailable()
}

// one answers with the view that a header names.
func (a *api) one(ctx context.Context, h view.Header, match, fields string) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	only, err := parseFields(h.Kind, fields)
	if err != nil {
		return nil, err
	}
	see := session.SightOf(ctx)
	v, ok := a.store.Get(h.Key())
	if !ok || v.Kind != h.Kind || !see.May(v.Header) || h.Organization != "" && v.Organization != h.Organization {
		q := readmodel.Query{Organization: h.Organization, Environment: h.Environment, Sight: see}
		if h.Environment != "" && h.Kind != view.KindEnvironment && len(a.store.Unread(q)) > 0 {
			return nil, unread(h.Environment)
		}
		return nil, notFound(string(h.Kind), h.Name)
	}
	return conditional(fmt.Sprintf(`"%x%s"`, v.Sum(), only.tag()), match, func() []byte { return only.append(nil, v.Object) }), nil
}

func unread(environment string) error {
	return server.NewProblem(http.StatusServiceUnavailable, "views_unavailable",
		fmt.Sprintf("The views of %s cannot be read at the moment, so nothing can be said about them. Everything else is not concerned; try again in a moment.", environment))
}

// conditional answers 304 to a client that has it already.
func conditional(etag, match string, body func() []byte) *raw {
	for have := range strings.SplitSeq(match, ",") {
		if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == etag || have == "*" {
			return &raw{Status: http.StatusNotModified, ETag: etag}
		}
	}
	return &raw{Status: http.StatusOK, ETag: etag, ContentType: "application/json", Body: body()}
}
