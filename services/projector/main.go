// Command projector turns the events on the spine into the state that everybody reads.
//
//	projector                    project until it is stopped
//	projector rebuild [-write]   prove that the state follows from the log and the sources, or make it so
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/projector/internal/jetstream"
)

func main() { server.Main("projector", run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
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
	switch {
	case len(args) > 0 && args[0] == "rebuild":
		return rebuild(ctx, args[1:], accounts, log, stdout)
	case len(args) > 0:
		return fmt.Errorf("%q is no command of the projector: it has none but rebuild", args[0])
	case cfg.listen == "":
		return errors.New("CATALYST_LISTEN must be set")
	}
	p := jetstream.New(accounts, cfg.replica, log)
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			log.Debug("projector: ended", "because", err)
		}
	}()
	err = server.Serve(ctx, cfg.listen, http.NotFoundHandler(),
		server.Check{Name: "spine", Ready: accounts.Sovereign().Ready},
		server.Check{Name: "projection", Ready: p.Ready},
	)
	stop()
	<-done // everything is written, and the leases are free
	return err
}

func rebuild(ctx context.Context, args []string, accounts *spine.Accounts, log *slog.Logger, stdout io.Writer) error {
	flags := flag.NewFlagSet("projector rebuild", flag.ContinueOnError)
	flags.SetOutput(stdout)
	write := flags.Bool("write", false, "replace what differs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := jetstream.Rebuild(ctx, accounts, *write, log)
	if err != nil {
		return err
	}
	r.Print(stdout)
	return r.Err()
}
