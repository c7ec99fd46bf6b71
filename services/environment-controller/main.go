// The environment-controller makes Organizations and Environments real: the Git organization with its teams and its
// webhook, the namespace with the account and the keys that Flux needs there, and for each Application the Flux
// objects that bring it in. It heals what others change by hand.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
	"catalyst.openova.io/services/environment-controller/internal/account"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/desired"
	"catalyst.openova.io/services/environment-controller/internal/gitea"
	"catalyst.openova.io/services/environment-controller/internal/kubernetes"
	"catalyst.openova.io/services/environment-controller/internal/nats"
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
	events, err := spine.Open(cfg.Spine, log)
	if err != nil {
		return err
	}
	defer events.Close()
	admin := gitea.New(cfg.Git.URL, cfg.Git.Token)
	organizations := organization.NewKeeper(admin, admin, admin, admin, cfg.Organization, log)
	controllers := kubernetes.New(cfg.Kubernetes, kubernetes.Keepers{
		Organizations: organizations,
		Credentials: func(s credential.Store) *credential.Keeper {
			return credential.NewKeeper(admin, s, cfg.Credential, time.Now, log)
		},
		Desired: desired.NewRepository(git, forge.Repo{Organization: configRepo.Organization, Name: configRepo.Repo}, "main"),
	}, git, log)
	if cfg.Accounts.OperatorSeedFile != "" {
		operator, err := nats.Connect(cfg.Spine, cfg.Accounts.SystemTokenFile, controllers.LookAgain, log)
		if err != nil {
			return err
		}
		defer operator.Close()
		keeper, err := accountKeeper(cfg, operator, events, log)
		if err != nil {
			return err
		}
		controllers.KeepAccounts(keeper)
	}
	hear := spineadapter.Listener{Accounts: events, Trigger: controllers.Trigger, Gone: controllers.LookAgain, Log: log}

	return together(ctx,
		func(ctx context.Context) error {
			return server.Serve(ctx, cfg.Listen, http.NotFoundHandler(),
				server.Check{Name: "nats", Ready: events.Sovereign().Ready},
				server.Check{Name: "gitea", Ready: git.Ready},
				server.Check{Name: "cluster", Ready: controllers.Ready})
		},
		controllers.Run,
		hear.Listen,
		func(ctx context.Context) error { return keepHook(ctx, organizations, log) },
	)
}

func accountKeeper(cfg config, operator account.Server, events *spine.Accounts, log *slog.Logger) (*account.Keeper, error) {
	seed, err := os.ReadFile(cfg.Accounts.OperatorSeedFile)
	if err != nil {
		return nil, fmt.Errorf("CATALYST_NATS_OPERATOR_SEED_FILE: %w", err)
	}
	signer, err := access.NewOperator(bytes.TrimSpace(seed))
	if err != nil {
		return nil, fmt.Errorf("CATALYST_NATS_OPERATOR_SEED_FILE: %w", err)
	}
	return account.NewKeeper(signer, operator, nats.NewBoard(events), cfg.Accounts.Settings, log), nil
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
