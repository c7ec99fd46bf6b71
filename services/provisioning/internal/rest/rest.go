// Package rest serves the write side of Applications to people: plans of what they ask for, and the Operations that
// carry it out.
package rest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// maxBody bounds a request.
const maxBody = 512 << 10

// Service is what the API needs; *operation.Service is one.
type Service interface {
	Submit(ctx context.Context, r operation.Request) (*operation.Operation, error)
	Settings(ctx context.Context, r operation.Request) (operation.Settings, error)
	// Operation returns one of an Organization.
	Operation(ctx context.Context, organization, id string) (*operation.Operation, error)
	Cancel(ctx context.Context, id string, p operation.Person) (*operation.Operation, error)
	Retry(ctx context.Context, id string, p operation.Person, key string) (*operation.Operation, error)
}

// Plans keeps InstallPlans; *operation.Plans is one.
type Plans interface {
	Make(ctx context.Context, r operation.Request) (*operation.InstallPlan, error)
	// Get returns one of an Organization.
	Get(ctx context.Context, organization, id string) (*operation.InstallPlan, error)
	Apply(ctx context.Context, plan *operation.InstallPlan, p operation.Person) (*operation.Operation, error)
}

// API answers requests.
type API struct {
	service Service
	plans   Plans
	huma    huma.API
	chi     chi.Router
}

// New makes the API. Every request but that for /openapi.json needs a token that the verifier accepts.
func New(s Service, plans Plans, verifier identity.TokenVerifier) *API {
	server.UseProblems()
	root, api := chi.NewRouter(), chi.NewRouter()
	api.Use(func(next http.Handler) http.Handler { return identity.Require(verifier, next) })
	api.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		server.NewProblem(http.StatusNotFound, "not_found", "Nothing is at this address.").Write(w)
	})
	config := huma.DefaultConfig("Catalyst provisioning", "v1alpha1")
	config.Info.Description = "Install, configure, upgrade and uninstall Applications. Each change is a commit; an Operation says how far it has come."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	config.Security = []map[string][]string{{"bearer": {}}}
	a := &API{service: s, plans: plans, huma: humachi.New(api, config), chi: root}
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
	if _, err := w.Write(doc); err != nil {
		slog.Debug("openapi: client went away", "error", err)
	}
}

// authorize answers who asks, if that person may. What a person may not see looks as if it were not there.
func authorize(ctx context.Context, organization, environment string, perm identity.Permission) (operation.Person, error) {
	p, ok := identity.FromContext(ctx)
	if !ok {
		return operation.Person{}, identity.NotSignedIn("Sign in first.")
	}
	envType := ""
	if environment != "" {
		envType = identity.EnvType(organization, environment)
	}
	switch {
	case !identity.Can(p, identity.PermSeeOrganization, organization, ""):
		return operation.Person{}, server.NewProblem(http.StatusNotFound, string(operation.CodeOrganizationNotFound), "There is no Organization \""+organization+"\".")
	case environment != "" && !identity.Can(p, identity.PermRead, organization, envType):
		return operation.Person{}, server.NewProblem(http.StatusNotFound, string(operation.CodeEnvironmentNotFound), organization+" has no Environment \""+environment+"\".")
	case !identity.Can(p, perm, organization, envType):
		where := environment
		if where == "" {
			where = "all of " + organization
		}
		return operation.Person{}, server.NewProblem(http.StatusForbidden, string(operation.CodeForbidden),
			"You may look at "+where+", but not change Applications there. Ask somebody with the role org-developer or org-admin.")
	}
	return operation.Person{Subject: p.Subject, Name: p.Name, Email: p.Email}, nil
}
