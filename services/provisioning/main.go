// Command provisioning turns requests into plans and plans into commits. With the argument openapi it prints the
// description of its API instead.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/provisioning/internal/catalog"
	"catalyst.openova.io/services/provisioning/internal/check"
	"catalyst.openova.io/services/provisioning/internal/jetstream"
	"catalyst.openova.io/services/provisioning/internal/kubernetes"
	"catalyst.openova.io/services/provisioning/internal/manifest"
	"catalyst.openova.io/services/provisioning/internal/oci"
	"catalyst.openova.io/services/provisioning/internal/operation"
	"catalyst.openova.io/services/provisioning/internal/readmodel"
	"catalyst.openova.io/services/provisioning/internal/registry"
	"catalyst.openova.io/services/provisioning/internal/renderer"
	"catalyst.openova.io/services/provisioning/internal/rest"
	checkspine "catalyst.openova.io/services/provisioning/internal/spine"
)

// parallel is how many Operations are carried out at once. Gitea does no more on two cores.
const parallel = 4

func main() { server.Main("provisioning", run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 1 && args[0] == "openapi" {
		doc, err := rest.New(nil, nil, nil).Document()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, string(doc))
		return err
	}
	if len(args) > 0 {
		return fmt.Errorf("the argument %q is not known; there is only openapi", args[0])
	}
	cfg, err := load(getenv)
	if err != nil {
		return err
	}
	log := slog.Default()
	git, err := gitea.New(gitea.Config{URL: cfg.giteaURL, Token: cfg.giteaToken})
	if err != nil {
		return fmt.Errorf("CATALYST_GITEA_URL: %w", err)
	}
	accounts, err := spine.Open(cfg.spine, log)
	if err != nil {
		return err
	}
	defer accounts.Close()
	intents := accounts
	if cfg.intents != cfg.spine {
		if intents, err = spine.Open(cfg.intents, log); err != nil {
			return err
		}
		defer intents.Close()
	}
	previewer, err := preview(cfg)
	if err != nil {
		return err
	}
	checker, err := checks(cfg, git, accounts, log)
	if err != nil {
		return err
	}
	verifier := identity.NewVerifier(cfg.issuer, cfg.audience)
	p := assemble(cfg, git, accounts, intents.Sovereign(), verifier, log)
	p.planner.Previewer = previewer

	ctx, cancel := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() { worked <- p.worker.Work(ctx) }()
	go checker.run(ctx)
	go func() {
		err := accounts.Sovereign().AnswerTell(ctx, spine.TellProvisioning, func(ctx context.Context) error {
			return errors.Join(p.records.TellAgain(ctx), checker.runner.TellAgain(ctx))
		})
		if ctx.Err() == nil {
			log.Error("nobody can ask to be told again", "error", err)
		}
	}()
	err = server.Serve(ctx, cfg.listen, p.handler,
		server.Check{Name: "operations", Ready: p.records.Ready},
		server.Check{Name: "git", Ready: git.Ready},
		server.Check{Name: "issuer", Ready: verifier.Ready},
	)
	cancel()
	<-worked //nolint:errcheck // it ends by its context; an Operation that is under way is given back to the queue
	return err
}

// provisioning is the service without its surroundings.
type provisioning struct {
	planner *operation.Planner
	records *jetstream.Records
	worker  *jetstream.Worker
	handler http.Handler
}

func assemble(cfg config, git operation.Forge, accounts *spine.Accounts, intents *spine.Spine, verifier identity.TokenVerifier, log *slog.Logger) provisioning {
	records := jetstream.New(intents, accounts, log)
	planner := &operation.Planner{Forge: git, Catalog: catalog.New(cfg.catalog), Directory: readmodel.New(accounts), Records: records, Now: time.Now}
	runner := &operation.Runner{Forge: git, Records: records, Now: time.Now, Log: log}
	service := &operation.Service{Planner: planner, Records: records, Log: log}
	api := rest.New(service, &operation.Plans{Service: service, Shelf: jetstream.NewShelf(intents)}, verifier)
	return provisioning{
		planner: planner,
		records: records,
		worker:  &jetstream.Worker{Records: records, Run: runner.Run, Parallel: parallel, Log: log},
		handler: catalog.ForwardToken(api.Handler()),
	}
}

// preview is what tells what a plan does to the cluster.
func preview(cfg config) (*manifest.Renders, error) {
	renders, err := renderer.New("")
	if err != nil {
		return nil, err
	}
	blueprints, err := oci.New(cfg.registry, cfg.keys)
	if err != nil {
		return nil, fmt.Errorf("CATALYST_REGISTRY: %w", err)
	}
	cluster, err := kubernetes.New(cfg.kubeconfig)
	if err != nil { // a plan says that the cluster was not asked
		slog.Info("plans are not tried against a cluster", "error", err)
		return &manifest.Renders{Renderer: renders, Blueprints: blueprints}, nil
	}
	return &manifest.Renders{Renderer: renders, Blueprints: blueprints, Cluster: cluster}, nil
}

// checking looks at what people push.
type checking struct {
	runner   *check.Runner
	listener checkspine.Listener
}

func checks(cfg config, git *gitea.Client, accounts *spine.Accounts, log *slog.Logger) (checking, error) {
	blueprints, err := registry.New(cfg.registry, cfg.prefix, cfg.keys)
	if err != nil {
		return checking{}, fmt.Errorf("CATALYST_REGISTRY: %w", err)
	}
	r := &check.Runner{Git: git, Blueprints: blueprints, Statuses: git, Announcer: checkspine.Announcer{Accounts: accounts}, Now: time.Now, Log: log}
	return checking{runner: r, listener: checkspine.Listener{Accounts: accounts, Observed: r.Observed, Known: r.Known, Log: log}}, nil
}

// run checks until ctx ends.
func (c checking) run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { _ = c.runner.Run(ctx) })      // it ends with ctx
	all.Go(func() { _ = c.listener.Listen(ctx) }) // and so does this
	all.Wait()
}
