// Package rest serves the read model as REST: the views as they are, filtered by what the person may see.
package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
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
	get(h, "get-sovereign", "/api/v1/sovereign", "Show the Sovereign and its clusters", a.sovereign)
	get(h, "list-organizations", "/api/v1/organizations", "List the Organizations that you can see", a.organizations)
	get(h, "get-organization", "/api/v1/organizations/{org}", "Show an Organization", a.organization)
	get(h, "list-environments", "/api/v1/organizations/{org}/environments", "List the Environments of an Organization", a.environments)
	get(h, "list-applications", "/api/v1/organizations/{org}/applications", "List the Applications of an Organization, one entry for each Environment", a.applications)
	get(h, "get-application", "/api/v1/organizations/{org}/environments/{env}/applications/{app}", "Show an Application in an Environment", a.application)
	get(h, "list-operations", "/api/v1/organizations/{org}/operations", "List Operations, newest first", a.operations)
	get(h, "get-operation", "/api/v1/organizations/{org}/operations/{id}", "Show an Operation", a.operation)
	return h
}

func get[I, O any](h huma.API, id, path, summary string, f func(context.Context, *I) (*O, error)) {
	huma.Register(h, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"read"}}, f)
}

// Conditional is what a client already has.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match"`
}

// One is the answer with one view.
type One[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
}

// Many is the answer with a page of views.
type Many[T any] struct {
	ETag string `header:"ETag"`
	Body Page[T]
}

// Paging says which part of a list is wanted.
type Paging struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

func notFound(what, name string) error {
	return server.NewProblem(http.StatusNotFound, strings.ToLower(what)+"_not_found", fmt.Sprintf("There is no %s %q that you can see.", what, name))
}

// pass is what the person of a request may see, of one kind.
func pass(ctx context.Context, kind view.Kind, organization string) readmodel.Filter {
	p, ok := identity.FromContext(ctx)
	return func(h view.Header) bool {
		return ok && h.Kind == kind && (organization == "" || h.Organization == organization) && session.May(p, h)
	}
}

func one[T any](ctx context.Context, s *readmodel.Store, h view.Header, match string) (*One[T], error) {
	v, ok := s.Get(h.Key())
	if !ok || !pass(ctx, h.Kind, "")(v.Header) || h.Organization != "" && v.Organization != h.Organization {
		return nil, notFound(string(h.Kind), h.Name)
	}
	out := &One[T]{ETag: tag(v)}
	if slices.Contains(strings.Split(match, ", "), out.ETag) {
		return nil, huma.Status304NotModified()
	}
	return out, json.Unmarshal(v.Object, &out.Body)
}

func many[T any](ctx context.Context, s *readmodel.Store, kind view.Kind, organization string, paging Paging, match string, want func(view.Header) bool) (*Many[T], error) {
	may := pass(ctx, kind, organization)
	views, _ := s.Snapshot(func(h view.Header) bool { return may(h) && (want == nil || want(h)) })
	after, err := base64.RawURLEncoding.DecodeString(paging.Cursor)
	if err != nil {
		return nil, server.NewProblem(http.StatusBadRequest, "bad_cursor", "The cursor is not one that this list gave out. Leave it out to begin at the start.")
	}
	start, _ := slices.BinarySearchFunc(views, string(after)+"\x00", func(v readmodel.View, key string) int { return strings.Compare(v.Key, key) })
	if paging.Cursor == "" {
		start = 0
	}
	end := min(start+paging.Limit, len(views))
	out := &Many[T]{ETag: tag(views[start:end]...), Body: Page[T]{Items: make([]T, end-start)}}
	if slices.Contains(strings.Split(match, ", "), out.ETag) {
		return nil, huma.Status304NotModified()
	}
	for i, v := range views[start:end] {
		if err := json.Unmarshal(v.Object, &out.Body.Items[i]); err != nil {
			return nil, err
		}
	}
	if end < len(views) {
		out.Body.Next = base64.RawURLEncoding.EncodeToString([]byte(views[end-1].Key))
	}
	return out, nil
}

func tag(views ...readmodel.View) string {
	h := fnv.New64a()
	for _, v := range views {
		_, _ = h.Write(v.Object) // a hash does not fail
	}
	return fmt.Sprintf(`"%x-%d"`, h.Sum64(), len(views))
}
