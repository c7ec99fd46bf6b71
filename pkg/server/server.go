// Package server runs a Catalyst service as a process: logging, signals, health and a graceful end, the same for all.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Check is one thing that a service needs in order to be ready, such as NATS.
type Check struct {
	Name string
	// Ready returns nil, or why not, in words for a person.
	Ready func(context.Context) error
}

// Main runs a service until SIGINT or SIGTERM and exits with 1 if it fails.
func Main(name string, run func(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", name))
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		slog.Error("stopped", "error", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// Serve answers on addr with h, /healthz (the process lives) and /readyz (every check passes; otherwise 503 with the
// reasons), until ctx ends; open requests then have five seconds.
func Serve(ctx context.Context, addr string, h http.Handler, checks ...Check) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, checks) })
	mux.Handle("/", h)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		Protocols: &protocols, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		return srv.Close()
	}
	return nil
}

func ready(w http.ResponseWriter, r *http.Request, checks []Check) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	waiting := map[string]string{}
	for _, c := range checks {
		if err := c.Ready(ctx); err != nil {
			waiting[c.Name] = err.Error()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if len(waiting) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"ready": len(waiting) == 0, "waitingFor": waiting}); err != nil {
		slog.Debug("readyz: client went away", "error", err)
	}
}
