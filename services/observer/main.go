// Command observer turns what clusters, Flux and the Git forge say into events on the spine.
package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/observer/internal/gitea"
	"catalyst.openova.io/services/observer/internal/jetstream"
	"catalyst.openova.io/services/observer/internal/kubernetes"
	"catalyst.openova.io/services/observer/internal/observation"
)

func main() { server.Main("observer", run) }

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

	queue := observation.NewQueue(log)
	watcher := kubernetes.New(cfg.cluster, cfg.kubeconfig, queue, jetstream.NewMemory(sp, cfg.cluster), log)
	reader, err := forgegitea.New(forgegitea.Config{URL: cfg.giteaURL, Token: cfg.giteaToken})
	if err != nil {
		return err
	}
	branches := gitea.NewBranches(reader, cfg.giteaURL, watcher, queue, log)
	watcher.OnEnvironment(branches.List)

	go func() {
		if err := sp.EnsureStream(ctx); err == nil {
			queue.Run(ctx, sp.Publish)
		}
	}()
	go watcher.Run(ctx)
	go branches.Run(ctx)

	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/gitea", gitea.NewHook(cfg.webhookSecret, branches))
	return server.Serve(ctx, cfg.listen, mux,
		server.Check{Name: "spine", Ready: sp.Ready},
		server.Check{Name: "cluster", Ready: watcher.Ready},
		server.Check{Name: "forge", Ready: branches.Ready},
	)
}
