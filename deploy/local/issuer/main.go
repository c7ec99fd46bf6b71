// Command issuer is the OpenID Connect issuer of a Sovereign on one machine, where there is no Keycloak: a sign-in page
// for the people of a file, authorization code with PKCE, signed access tokens and refresh tokens.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"catalyst.openova.io/deploy/local/issuer/internal/login"
	"catalyst.openova.io/deploy/local/issuer/internal/people"
	"catalyst.openova.io/deploy/local/issuer/internal/provider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", "issuer"))
	if err := run(ctx, os.Getenv); err != nil {
		slog.Error("stopped", "error", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	cfg, err := readConfig(getenv)
	if err != nil {
		return err
	}
	handler, err := newHandler(cfg)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := srv.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func newHandler(cfg config) (http.Handler, error) {
	dir, err := people.Open(cfg.peopleFile, demoPeople)
	if err != nil {
		return nil, err
	}
	p, err := provider.New(cfg.provider, dir, slog.Default())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	healthy := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(`{"ready":true,"waitingFor":{}}`)); err != nil {
			slog.Debug("readyz: client went away", "error", err)
		}
	})
	mux.Handle("/login", login.Handler(p, dir))
	mux.Handle("/login/", login.Handler(p, dir))
	mux.Handle("/", p.Handler())
	// Everything with an effect is either posted by our own page or by a relying party's server.
	return http.NewCrossOriginProtection().Handler(mux), nil
}
