// Command catalyst runs a Sovereign on one machine, and helps the authors of Blueprints. It never changes a Sovereign
// past Git.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

type cli struct {
	Repo string `help:"The working copy of Catalyst; by default the one that the current folder lies in." type:"existingdir" placeholder:"DIR"`

	Up        upCmd        `cmd:"" help:"Bring up a Sovereign on this machine."`
	Down      downCmd      `cmd:"" help:"End it. Its state stays."`
	Status    statusCmd    `cmd:"" help:"Show its processes."`
	Logs      logsCmd      `cmd:"" help:"Show what its processes say."`
	Doctor    doctorCmd    `cmd:"" help:"Ask every process whether it is ready, and prove what people read. It changes nothing."`
	Reset     resetCmd     `cmd:"" help:"End it and delete its state. What was built stays."`
	Blueprint blueprintCmd `cmd:"" help:"Check, publish and read Blueprints, for their authors."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("catalyst"), kong.UsageOnError(),
		kong.Description("Runs a Catalyst Sovereign on one machine, and helps the authors of Blueprints."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(&c); err != nil {
		stop()
		complain(err)
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func complain(err error) {
	if errors.Is(err, errTold) {
		return
	}
	fmt.Fprintln(os.Stderr, "catalyst: "+err.Error())
	if hint := step.Hint(err); hint != "" {
		fmt.Fprintln(os.Stderr, "  → "+hint)
	}
}

// errTold ends the program with a failure that was told already.
var errTold = errors.New("failed")
