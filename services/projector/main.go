// Command projector turns the events on the spine into the state that everybody reads.
package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/projector/internal/jetstream"
)

func main() { server.Main("projector", run) }

func run(ctx context.Context, _ []string, getenv func(string) string, _ io.Writer) error {
	cfg, err := load(getenv)
	if err != nil {
		return err
	}
	log := slog.Default()
	sp, err := spine.Connect(cfg.spine, log)
	if err != nil {
		return err
	}
	defer sp.Close()
	p := jetstream.New(sp, log)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(p.Run(ctx)) }()
	return server.Serve(ctx, cfg.listen, http.NotFoundHandler(),
		server.Check{Name: "spine", Ready: sp.Ready},
		server.Check{Name: "projection", Ready: p.Ready},
	)
}
