// Package rest serves the write side of Applications to people: install, configure and uninstall.
package rest

import (
	"context"
	"encoding/json"
	"errors"
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
	Preview(ctx context.Context, r operation.Request) (*operation.Operation, error)
	Settings(ctx context.Context, r operation.Request) (operation.Settings, error)
}

// API answers requests.
type API struct {
	service Service
	huma    huma.API
	chi     chi.Router
}

// New makes the API. Every request but that for /openapi.json needs a token that the verifier accepts.
func New(s Service, verifier identity.TokenVerifier) *API {
	server.UseProblems()
	root, api := chi.NewRouter(), chi.NewRouter()
	api.Use(func(next http.Handler) http.Handler { return identity.Require(verifier, next) })
	api.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		server.NewProblem(http.StatusNotFound, "not_found", "Nothing is at this address.").Write(w)
	})
	config := huma.DefaultConfig("Catalyst provisioning", "v1alpha1")
	config.Info.Description = "Install, configure and uninstall Applications. Each change is a commit; an Operation says how far it has come."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	config.Security = []map[string][]string{{"bearer": {}}}
	a := &API{service: s, huma: humachi.New(api, config), chi: root}
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

func (a *API) routes() {
	const (
		organization = "/api/v1/organizations/{org}"
		application  = organization + "/environments/{env}/applications/{app}"
	)
	accepted := func(id, method, path, summary string, errs ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Applications"},
			DefaultStatus: http.StatusAccepted, MaxBodyBytes: maxBody,
			Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}, errs...)}
	}
	huma.Register(a.huma, accepted("install-application", http.MethodPost, organization+"/applications", "Install an Application", http.StatusConflict), a.install)
	plan := accepted("plan-installation", http.MethodPost, organization+"/install-plans", "Show what installing would write", http.StatusConflict)
	plan.DefaultStatus = http.StatusOK
	huma.Register(a.huma, plan, a.plan)
	huma.Register(a.huma, accepted("configure-application", http.MethodPut, application+"/values", "Change the settings of an Application in an Environment", http.StatusPreconditionFailed), a.configure)
	read := accepted("get-application-values", http.MethodGet, application+"/values", "Read the settings of an Application in an Environment from Git")
	read.DefaultStatus = http.StatusOK
	huma.Register(a.huma, read, a.values)
	huma.Register(a.huma, accepted("uninstall-application", http.MethodDelete, application, "Remove an Application from an Environment"), a.uninstall)
	huma.Register(a.huma, accepted("uninstall-application-everywhere", http.MethodDelete, organization+"/applications/{app}", "Remove an Application everywhere"), a.uninstallAll)
}

var statuses = map[operation.Code]int{
	operation.CodeInvalidName: http.StatusUnprocessableEntity, operation.CodeInvalidValues: http.StatusUnprocessableEntity,
	operation.CodeInvalidRequest: http.StatusUnprocessableEntity, operation.CodeKeyReused: http.StatusUnprocessableEntity,
	operation.CodeBlueprintNotFound: http.StatusUnprocessableEntity, operation.CodeVersionNotFound: http.StatusUnprocessableEntity,
	operation.CodeVersionRefused: http.StatusUnprocessableEntity, operation.CodeNameTaken: http.StatusConflict,
	operation.CodeOrganizationNotFound: http.StatusNotFound, operation.CodeEnvironmentNotFound: http.StatusNotFound,
	operation.CodeApplicationNotFound: http.StatusNotFound, operation.CodeBranchMoved: http.StatusPreconditionFailed,
	operation.CodeForbidden: http.StatusForbidden, operation.CodeForgeUnavailable: http.StatusServiceUnavailable,
	operation.CodeCatalogUnavailable: http.StatusServiceUnavailable, operation.CodeUnavailable: http.StatusServiceUnavailable,
}

// problem turns an error of the domain into an answer. What is not meant for people is logged and not told.
func problem(ctx context.Context, err error) error {
	var e *operation.Error
	if !errors.As(err, &e) {
		if ctx.Err() != nil {
			return server.NewProblem(http.StatusServiceUnavailable, "unavailable", "The request was cut off.")
		}
		slog.Error("a request failed", "error", err)
		return server.NewProblem(http.StatusServiceUnavailable, "unavailable", "Catalyst cannot do this now. Nothing was changed that is not shown; try again in a moment.")
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if cause := errors.Unwrap(err); cause != nil && status >= http.StatusInternalServerError {
		slog.Error("a request failed", "code", e.Code, "error", cause)
	}
	p := server.NewProblem(status, string(e.Code), e.Message)
	p.Suggestion = e.Suggestion
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, server.Field{Location: f.Pointer, Message: f.Message})
	}
	return p
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
