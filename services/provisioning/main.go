// Command provisioning turns requests into plans and plans into commits. With the argument openapi it prints the
// description of its API instead.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/provisioning/internal/catalog"
	"catalyst.openova.io/services/provisioning/internal/jetstream"
	"catalyst.openova.io/services/provisioning/internal/operation"
	"catalyst.openova.io/services/provisioning/internal/readmodel"
	"catalyst.openova.io/services/provisioning/internal/rest"
)

// parallel is how many Operations are carried out at once. Gitea does no more on two cores.
const parallel = 4

func main() { server.Main("provisioning", run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 1 && args[0] == "openapi" {
		doc, err := rest.New(nil, nil).Document()
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
	verifier := identity.NewVerifier(cfg.issuer, cfg.audience)
	p := assemble(cfg, git, accounts, intents.Sovereign(), verifier, log)

	ctx, cancel := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() { worked <- p.worker.Work(ctx) }()
	go func() {
		if err := accounts.Sovereign().AnswerTell(ctx, spine.TellProvisioning, p.records.TellAgain); ctx.Err() == nil {
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
	records *jetstream.Records
	worker  *jetstream.Worker
	handler http.Handler
}

func assemble(cfg config, git operation.Forge, accounts *spine.Accounts, intents *spine.Spine, verifier identity.TokenVerifier, log *slog.Logger) provisioning {
	records := jetstream.New(intents, accounts, log)
	planner := &operation.Planner{Forge: git, Catalog: catalog.New(cfg.catalog), Directory: readmodel.New(accounts.Sovereign()), Records: records, Now: time.Now}
	runner := &operation.Runner{Forge: git, Records: records, Now: time.Now, Log: log}
	api := rest.New(&operation.Service{Planner: planner, Records: records, Log: log}, verifier)
	return provisioning{
		records: records,
		worker:  &jetstream.Worker{Records: records, Run: runner.Run, Parallel: parallel, Log: log},
		handler: catalog.ForwardToken(api.Handler()),
	}
}
