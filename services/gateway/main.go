// Command gateway is the one front door of a Sovereign: the console's files, login and session, the read API and the
// stream, and the way to the services that serve the rest of the API.
package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/gateway/internal/console"
	"catalyst.openova.io/services/gateway/internal/graphql"
	"catalyst.openova.io/services/gateway/internal/jetstream"
	"catalyst.openova.io/services/gateway/internal/openapi"
	"catalyst.openova.io/services/gateway/internal/proxy"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/rest"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// keptChanges is how far back a client may come with Last-Event-ID: some minutes of a busy Sovereign.
const keptChanges = 8192

func main() { server.Main("gateway", run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	server.UseProblems()
	store := readmodel.New(rand.Text()[:8], keptChanges)
	if len(args) > 0 && args[0] == "openapi" {
		return openapi.Print(stdout, rest.New(chi.NewRouter(), store).OpenAPI(), args[1:])
	}
	began := time.Now()
	store.Clock(func() uint64 { return uint64(began.Add(time.Since(began)).UnixMicro()) }) //nolint:gosec // after 1970
	cfg, err := load(getenv)
	if err != nil {
		return err
	}
	log := slog.Default()
	accounts, err := spine.Open(cfg.spine, log)
	if err != nil {
		return err
	}
	defer accounts.Close()
	feed := jetstream.NewFeed(accounts, store, log)
	go feed.Run(ctx)

	verifier := identity.NewVerifier(cfg.issuer, cfg.audience)
	sessions := session.New(session.Config{
		PublicURL: cfg.publicURL, ClientID: cfg.clientID, ClientSecret: cfg.clientSecret,
	}, verifier, jetstream.NewSessions(accounts.Sovereign()), log)
	hub := stream.New(store, sessions.Reader, stream.Pace{})
	go hub.Run(ctx)
	return server.Serve(ctx, cfg.listen, routes(cfg, store, sessions, hub),
		server.Check{Name: "issuer", Ready: verifier.Ready},
		server.Check{Name: "views", Ready: feed.Ready},
	)
}

func routes(cfg config, store *readmodel.Store, sessions *session.Manager, hub *stream.Hub) http.Handler {
	r := chi.NewRouter()
	r.Use(console.SecurityHeaders, sameOrigin(cfg.publicURL))
	// Signing in costs the issuer work and needs no sign-in; nobody does it twice a second.
	r.Group(func(r chi.Router) {
		r.Use(httprate.LimitBy(120, time.Minute, peer, httprate.WithLimitHandler(tooMany)))
		r.Get("/auth/login", sessions.Login)
		r.Get("/auth/callback", sessions.Callback)
	})
	r.Post("/auth/logout", sessions.Logout)
	r.Get("/api/v1/session", sessions.Show)
	r.Method(http.MethodGet, "/api/v1/stream", hub)

	bootstrap := proxy.Bootstrap(cfg.bootstrap)
	r.Get("/api/v1/bootstrap", bootstrap)
	r.Get("/api/v1/bootstrap/stream", bootstrap)

	r.Group(func(r chi.Router) {
		r.Use(sessions.Require)
		catalog := proxy.Service("catalog", cfg.catalog)
		r.Get("/api/v1/blueprints", catalog)
		r.Get("/api/v1/blueprints/{name}", catalog)
		r.Get("/api/v1/blueprints/{name}/versions/{version}", catalog)
		provisioning := proxy.Service("provisioning", cfg.provisioning)
		r.Post("/api/v1/organizations/{org}/applications", provisioning)
		r.Delete("/api/v1/organizations/{org}/applications/{app}", provisioning)
		r.Post("/api/v1/organizations/{org}/install-plans", provisioning)
		r.Get("/api/v1/organizations/{org}/install-plans/{plan}", provisioning)
		r.Post("/api/v1/organizations/{org}/install-plans/{plan}/operation", provisioning)
		r.Post("/api/v1/organizations/{org}/operations/{id}/cancel", provisioning)
		r.Post("/api/v1/organizations/{org}/operations/{id}/retry", provisioning)
		for _, do := range []string{"upgrade", "rollback", "pause", "resume"} {
			r.Post("/api/v1/organizations/{org}/environments/{env}/applications/{app}/"+do, provisioning)
		}
		r.Delete("/api/v1/organizations/{org}/environments/{env}/applications/{app}", provisioning)
		r.Get("/api/v1/organizations/{org}/environments/{env}/applications/{app}/values", provisioning)
		r.Put("/api/v1/organizations/{org}/environments/{env}/applications/{app}/values", provisioning)
		graph := graphql.New(store, hub)
		r.Method(http.MethodGet, "/api/v1/graphql", graph)
		r.Method(http.MethodPost, "/api/v1/graphql", graph)
	})
	var api huma.API
	r.Group(func(r chi.Router) {
		r.Use(middleware.Compress(5, "application/json"), sessions.Require)
		api = rest.New(r, store)
	})
	r.Get("/api/v1/openapi.json", openapi.Handler(api.OpenAPI(), cfg.catalog, cfg.provisioning))
	r.HandleFunc("/auth/*", notFound)
	r.HandleFunc("/api/*", notFound)
	r.With(middleware.Compress(5)).Handle("/*", console.Handler(cfg.consoleDir))
	return r
}

// sameOrigin refuses what a page of another site makes a browser send.
func sameOrigin(public *url.URL) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		slog.Error("the public URL is no origin", "url", public.String(), "error", err)
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		server.NewProblem(http.StatusForbidden, "cross_origin", "This request came from a page of another site, so it was not carried out. Nothing was changed.").Write(w)
	}))
	return protection.Handler
}

func tooMany(w http.ResponseWriter, _ *http.Request) {
	server.NewProblem(http.StatusTooManyRequests, "too_many_requests", "Too many sign-ins came from your address. Wait a minute and try again.").Write(w)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	server.NewProblem(http.StatusNotFound, "not_found", "There is no "+r.Method+" "+r.URL.Path+" in this API; GET /api/v1/openapi.json describes what there is.").Write(w)
}

// peer tells callers apart by the address that opened the connection.
func peer(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return host, err
}
