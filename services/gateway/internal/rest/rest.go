// Package rest serves the read model as REST: the views as they are, filtered by what the person may see.
package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"reflect"
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
	get[view.Sovereign](h, "get-sovereign", "/api/v1/sovereign", "Show the Sovereign and its clusters", a.sovereign)
	get[Page[view.Organization]](h, "list-organizations", "/api/v1/organizations", "List the Organizations that you can see", a.organizations)
	get[view.Organization](h, "get-organization", "/api/v1/organizations/{org}", "Show an Organization", a.organization)
	get[Page[view.Environment]](h, "list-environments", "/api/v1/organizations/{org}/environments", "List the Environments of an Organization", a.environments)
	get[Page[view.Application]](h, "list-applications", "/api/v1/organizations/{org}/applications", "List the Applications of an Organization, one entry for each Environment", a.applications)
	get[view.Application](h, "get-application", "/api/v1/organizations/{org}/environments/{env}/applications/{app}", "Show an Application in an Environment", a.application)
	get[Page[view.Operation]](h, "list-operations", "/api/v1/organizations/{org}/operations", "List Operations, newest first", a.operations)
	get[view.Operation](h, "get-operation", "/api/v1/organizations/{org}/operations/{id}", "Show an Operation", a.operation)
	describe(h)
	return h
}

// get registers an operation whose body is described by T.
func get[T, I any](h huma.API, id, path, summary string, f func(context.Context, *I) (*raw, error)) {
	huma.Register(h, huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"read"},
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
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

// raw is an answer whose body is what the read model holds, byte for byte: nothing is decoded on the way.
type raw struct {
	Status      int
	ETag        string `header:"ETag"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// Page is one page of a list, as the API describes it.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
}

// Paging says which part of a list is wanted.
type Paging struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"next of the page before"`
}

func notFound(what, name string) error {
	return server.NewProblem(http.StatusNotFound, strings.ToLower(what)+"_not_found", fmt.Sprintf("There is no %s %q that you can see.", what, name))
}

// pass is what the person of a request may see, of one kind.
func pass(ctx context.Context, kind view.Kind, organization string) func(readmodel.View) bool {
	p, ok := identity.FromContext(ctx)
	return func(v readmodel.View) bool {
		return ok && v.Kind == kind && (organization == "" || v.Organization == organization) && session.May(p, v.Header)
	}
}

// ready answers 503 as long as an empty answer would mean nothing.
func (a *api) ready() error {
	if a.store.Synced() {
		return nil
	}
	return server.NewProblem(http.StatusServiceUnavailable, "views_unavailable",
		"The views of this Sovereign have not been read yet, so nothing can be said about them. Try again in a moment.")
}

func (a *api) one(ctx context.Context, h view.Header, match string) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	v, ok := a.store.Get(h.Key())
	if !ok || !pass(ctx, h.Kind, "")(v) || h.Organization != "" && v.Organization != h.Organization {
		return nil, notFound(string(h.Kind), h.Name)
	}
	return conditional(fmt.Sprintf(`"%x"`, v.Sum()), match, func() []byte { return v.Object }), nil
}

// list is what a list operation asks for, beside what the person may see.
type list struct {
	kind         view.Kind
	organization string
	order        readmodel.Order
	paging       Paging
	match        string
	want         func(readmodel.View) bool
}

func (a *api) many(ctx context.Context, q list) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	after, err := position(q.paging.Cursor, q.order)
	if err != nil {
		return nil, err
	}
	may := pass(ctx, q.kind, q.organization)
	views, next := a.store.List(readmodel.Query{
		Kind: q.kind, Organization: q.organization, Order: q.order, After: after, Limit: q.paging.Limit,
		Pass: func(v readmodel.View) bool { return (q.want == nil || q.want(v)) && may(v) },
	})
	cursor := ""
	if next != nil {
		b, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		cursor = base64.RawURLEncoding.EncodeToString(b)
	}
	return conditional(tag(views, cursor), q.match, func() []byte { return page(views, cursor) }), nil
}

func position(cursor string, order readmodel.Order) (*readmodel.Position, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // no position is the start
	}
	var p readmodel.Position
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Order != order {
		return nil, server.NewProblem(http.StatusBadRequest, "bad_cursor",
			"The cursor is not one that this list gave out in this order. Leave it out to begin at the start.")
	}
	return &p, nil
}

// page is Page, written from the views as they are.
func page(views []readmodel.View, cursor string) []byte {
	size := len(cursor) + 64
	for _, v := range views {
		size += len(v.Object) + 1
	}
	b := append(make([]byte, 0, size), `{"items":[`...)
	for i, v := range views {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v.Object...)
	}
	b = append(b, ']')
	if cursor != "" {
		b = append(append(append(b, `,"next":"`...), cursor...), '"')
	}
	return append(b, '}')
}

func tag(views []readmodel.View, cursor string) string {
	h := fnv.New64a()
	for _, v := range views {
		fmt.Fprintf(h, "%x.", v.Sum())
	}
	fmt.Fprint(h, cursor)
	return fmt.Sprintf(`"%x-%d"`, h.Sum64(), len(views))
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
