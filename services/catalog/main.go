// Command catalog tells which Blueprints there are and which of their versions may be installed. With the argument
// openapi it prints the description of its API instead.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/catalog/internal/oci"
	"catalyst.openova.io/services/catalog/internal/rest"
	"catalyst.openova.io/services/catalog/internal/rpc"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// resync is how often the registry is looked at.
const resync = 5 * time.Second

func main() { server.Main("catalog", run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var blueprints shelf.Shelf
	if len(args) == 1 && args[0] == "openapi" {
		doc, err := rest.New(&blueprints, nil).Document()
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
	source, err := oci.New(cfg.registry, cfg.prefix, cfg.keyFile, slog.Default())
	if err != nil {
		return fmt.Errorf("CATALYST_REGISTRY: %w", err)
	}
	verifier := identity.NewVerifier(cfg.issuer, cfg.audience)
	mux := http.NewServeMux()
	mux.Handle(rpc.NewHandler(&blueprints, verifier))
	mux.Handle("/", rest.New(&blueprints, verifier).Handler())
	go source.Run(ctx, resync, &blueprints)
	return server.Serve(ctx, cfg.listen, mux,
		server.Check{Name: "registry", Ready: source.Ready},
		server.Check{Name: "issuer", Ready: verifier.Ready},
	)
}
