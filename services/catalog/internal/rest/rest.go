// Package rest serves the catalog to people: which Blueprints there are, and what a version is.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// API answers from the shelf.
type API struct {
	shelf *shelf.Shelf
	huma  huma.API
	chi   chi.Router
}

// New makes the API. Every request but that for /openapi.json needs a token that the verifier accepts.
func New(s *shelf.Shelf, verifier identity.TokenVerifier) *API {
	server.UseProblems()
	root, api := chi.NewRouter(), chi.NewRouter()
	api.Use(func(next http.Handler) http.Handler { return identity.Require(verifier, next) }, entityTag)
	api.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		server.NewProblem(http.StatusNotFound, "not_found", "The catalog has nothing at this address.").Write(w)
	})
	config := huma.DefaultConfig("Catalyst catalog", "v1alpha1")
	config.Info.Description = "Which Blueprints there are, which of their versions may be installed, and what they ask."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	config.Security = []map[string][]string{{"bearer": {}}}
	a := &API{shelf: s, huma: humachi.New(api, config), chi: root}
	a.routes()
	root.Get("/openapi.json", a.openAPI)
	root.Mount("/", api)
	return a
}

// Handler serves the API and /openapi.json.
func (a *API) Handler() http.Handler { return a.chi }

// Document is the OpenAPI description.
func (a *API) Document() ([]byte, error) { return json.MarshalIndent(a.huma.OpenAPI(), "", "  ") }

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) {
	doc, err := a.Document()
	if err != nil {
		server.NewProblem(http.StatusInternalServerError, "internal", "The API's description cannot be written.").Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(doc)
}

func (a *API) routes() {
	describe := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"Blueprints"},
			Errors: []int{http.StatusUnauthorized, http.StatusNotFound}}
	}
	list := describe("list-blueprints", "/api/v1/blueprints", "List the Blueprints")
	list.Errors = []int{http.StatusUnauthorized}
	huma.Register(a.huma, list, a.list)
	huma.Register(a.huma, describe("get-blueprint", "/api/v1/blueprints/{name}", "Get one Blueprint with its versions"), a.get)
	huma.Register(a.huma, describe("get-blueprint-version", "/api/v1/blueprints/{name}/versions/{version}", "Get one version with its settings"), a.version)
}

type listOutput struct{ Body BlueprintList }

func (a *API) list(ctx context.Context, _ *struct{}) (*listOutput, error) {
	out := &listOutput{Body: BlueprintList{Items: []Blueprint{}}}
	for _, e := range a.shelf.Entries() {
		if e.Visibility() == blueprint.Listed {
			out.Body.Items = append(out.Body.Items, summarise(e))
		}
	}
	return out, ctx.Err()
}

type nameInput struct {
	Name string `path:"name" maxLength:"63" example:"bp-podinfo"`
}

type getOutput struct{ Body Blueprint }

func (a *API) get(ctx context.Context, in *nameInput) (*getOutput, error) {
	e, err := a.entry(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &getOutput{Body: summarise(e)}, nil
}

type versionInput struct {
	Name    string `path:"name" maxLength:"63" example:"bp-podinfo"`
	Version string `path:"version" maxLength:"128" example:"1.0.0"`
}

type versionOutput struct{ Body BlueprintVersion }

func (a *API) version(ctx context.Context, in *versionInput) (*versionOutput, error) {
	if _, err := a.entry(ctx, in.Name); err != nil {
		return nil, err
	}
	v, err := a.shelf.Find(in.Name, in.Version)
	if err != nil {
		return nil, problem(err)
	}
	body, err := detail(v)
	if err != nil {
		return nil, err
	}
	return &versionOutput{Body: body}, nil
}

// entry is a Blueprint that the person who asks may see; the others look as if they were not there.
func (a *API) entry(ctx context.Context, name string) (*shelf.Entry, error) {
	e, err := a.shelf.Entry(name)
	if err != nil {
		return nil, problem(err)
	}
	p, _ := identity.FromContext(ctx)
	if !e.VisibleTo(identity.Can(p, identity.PermAdministerSovereign, "", "")) {
		return nil, problem(&shelf.NotFoundError{Name: name})
	}
	return e, nil
}

func problem(err error) error {
	var missing *shelf.NotFoundError
	if !errors.As(err, &missing) {
		return err
	}
	code := "blueprint_not_found"
	if missing.Version != "" {
		code = "version_not_found"
	}
	return server.NewProblem(http.StatusNotFound, code, missing.Error())
}
