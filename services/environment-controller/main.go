// The environment-controller makes Organizations and Environments real: the Git organization with its teams and its
// webhook, the namespace with the account and the keys that Flux needs there, and for each Application the Flux
// objects that bring it in. It heals what others change by hand.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/environment-controller/internal/gitea"
	"catalyst.openova.io/services/environment-controller/internal/kubernetes"
	"catalyst.openova.io/services/environment-controller/internal/organization"
	spineadapter "catalyst.openova.io/services/environment-controller/internal/spine"
)

func main() { server.Main("environment-controller", run) }

// configRepo holds the Sovereign's own desired state.
var configRepo = organization.Place{Organization: "system", Repo: "catalyst-config"}

func run(ctx context.Context, _ []string, getenv func(string) string, _ io.Writer) error {
	cfg, err := readConfig(getenv)
	if err != nil {
		return err
	}
	log := slog.Default()
	ctrllog.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetSlogLogger(log)

	git, err := forgegitea.New(cfg.Git)
	if err != nil {
		return err
	}
	events, err := spine.Connect(cfg.Spine, log)
	if err != nil {
		return err
	}
	defer events.Close()
	admin := gitea.New(cfg.Git.URL, cfg.Git.Token)
	organizations := organization.NewKeeper(admin, admin, admin, cfg.Organization, log)
	controllers := kubernetes.New(cfg.Kubernetes, organizations, git, log)

	return together(ctx,
		func(ctx context.Context) error {
			return server.Serve(ctx, cfg.Listen, http.NotFoundHandler(),
				server.Check{Name: "nats", Ready: events.Ready},
				server.Check{Name: "gitea", Ready: git.Ready},
				server.Check{Name: "cluster", Ready: controllers.Ready})
		},
		controllers.Run,
		func(ctx context.Context) error { return spineadapter.Listen(ctx, events, controllers.Trigger) },
		func(ctx context.Context) error { return keepHook(ctx, organizations, log) },
	)
}

// together runs all until the first one ends, and then ends the others.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(all))
	for _, f := range all {
		go func() { ended <- f(ctx) }()
	}
	first := <-ended
	cancel()
	for range len(all) - 1 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			first = errors.Join(first, err)
		}
	}
	return first
}

// keepHook keeps the webhook of the Sovereign's own repository, as an Organization's reconcile keeps that of the
// Organization: every minute, and soon again until the repository is there.
func keepHook(ctx context.Context, k *organization.Keeper, log *slog.Logger) error {
	last := ""
	for {
		pause := time.Minute
		_, err := k.KeepHook(ctx, configRepo)
		if err != nil {
			pause = 2 * time.Second
			if last != err.Error() && !errors.Is(err, forge.ErrNotFound) && ctx.Err() == nil {
				log.Info("the webhook of the configuration waits", "repository", configRepo.String(), "reason", err)
			}
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
