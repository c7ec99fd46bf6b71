package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

type doctorCmd struct{}

// Run asks every process whether it is ready, and proves that what people read is what the log and the sources say. It
// changes nothing.
func (d *doctorCmd) Run(ctx context.Context, c *cli) error {
	s, snap, err := c.look(ctx)
	if err != nil {
		return err
	}
	ill := 0
	for _, p := range snap.Components {
		if p.State != step.Up {
			ill++
			fmt.Printf("%s is %s. %s\n", p.Name, p.State, p.Detail)
		}
	}
	fmt.Printf("%d of %d processes are ready.\n\n", len(snap.Components)-ill, len(snap.Components))
	sec, err := sovereign.LoadSecrets(s)
	if err != nil {
		return err
	}
	if err := rebuild(ctx, s, sec); err != nil {
		return err
	}
	if ill > 0 {
		return errTold
	}
	return nil
}

// rebuild has the projector make all views anew in memory, and compare them with those that people read.
func rebuild(ctx context.Context, s sovereign.Settings, sec *sovereign.Secrets) error {
	all := sovereign.Components(s, sec, sovereign.Binaries{Own: s.OwnBinaries()})
	i := slices.IndexFunc(all, func(c sovereign.Component) bool { return c.Name == "projector" })
	if i < 0 {
		return errors.New("this Sovereign has no projector")
	}
	fmt.Println("The views, as they are and as the log and the sources make them anew:")
	cmd := exec.CommandContext(ctx, all[i].Binary, "rebuild")
	cmd.Env = os.Environ()
	for name, value := range all[i].Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return errTold // it has said why
		}
		return fmt.Errorf("the projector's rebuild: %w", err)
	}
	return nil
}
