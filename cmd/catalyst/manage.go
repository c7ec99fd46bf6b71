package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/control"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
	"catalyst.openova.io/cmd/catalyst/internal/terminal"
)

type downCmd struct{}

func (d *downCmd) Run(c *cli) error {
	s, err := c.settings("")
	if err != nil {
		return err
	}
	r, ok := whoRuns(s)
	if !ok {
		fmt.Println("No Sovereign is running here.")
		return nil
	}
	return end(s, r)
}

func end(s sovereign.Settings, r running) error {
	fmt.Printf("Ending the Sovereign (process %d) …\n", r.PID)
	if err := syscall.Kill(r.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d cannot be told to end: %w", r.PID, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- awaitEnd(s) }()
	select {
	case err := <-ended:
		if err == nil {
			fmt.Println("It has ended; its state stays in " + s.Home)
		}
		return err
	case <-time.After(40 * time.Second):
	}
	// Everything it started dies with it.
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d cannot be killed: %w", r.PID, err)
	}
	fmt.Println("It did not end in 40 s and was killed; its state stays in " + s.Home)
	return <-ended
}

type statusCmd struct{}

func (st *statusCmd) Run(ctx context.Context, c *cli) error {
	_, snap, err := c.look(ctx)
	if err != nil {
		return err
	}
	return terminal.Status(os.Stdout, snap, time.Now())
}

// look asks the Sovereign that runs here how it is.
func (c *cli) look(ctx context.Context) (sovereign.Settings, step.Snapshot, error) {
	s, err := c.settings("")
	if err != nil {
		return s, step.Snapshot{}, err
	}
	r, ok := whoRuns(s)
	if !ok {
		fmt.Println("No Sovereign is running here: `make up` brings one up.")
		return s, step.Snapshot{}, errTold
	}
	snap, err := control.Read(ctx, r.Control)
	return s, snap, err
}

type logsCmd struct {
	Service string `arg:"" optional:"" help:"One component; by default all of them."`
	Follow  bool   `short:"f" help:"Go on with what comes."`
	Lines   int    `short:"n" default:"40" help:"How many lines of each to begin with."`
}

func (l *logsCmd) Run(ctx context.Context, c *cli) error {
	s, err := c.settings("")
	if err != nil {
		return err
	}
	names := []string{l.Service}
	if l.Service == "" {
		found, err := filepath.Glob(s.Log("*"))
		if err != nil {
			return err
		}
		names = nil
		for _, f := range found {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".log"))
		}
		l.Lines = min(l.Lines, 5)
	} else if _, err := os.Stat(s.Log(l.Service)); err != nil || l.Service != filepath.Base(l.Service) {
		return fmt.Errorf("there is no log of %q in %s: `catalyst status` lists the components", l.Service, s.File("logs"))
	}
	files := make([]terminal.LogFile, len(names))
	for i, n := range names {
		files[i].Path = s.Log(n)
		if len(names) > 1 {
			files[i].Prefix = n + ": "
		}
	}
	return terminal.Logs(ctx, os.Stdout, files, l.Lines, l.Follow)
}

type resetCmd struct {
	Yes bool `short:"y" help:"Do not ask."`
}

func (r *resetCmd) Run(c *cli) error {
	s, err := c.settings("")
	if err != nil {
		return err
	}
	if _, err := os.Stat(lockFile(s)); err != nil {
		// Also a guard: only what a Sovereign has been in is deleted.
		fmt.Println("There is no state in " + s.Home)
		return nil //nolint:nilerr // no state is what was asked for
	}
	if !r.Yes {
		fmt.Printf("This ends the Sovereign and deletes its state, every repository included: %s\nGo on? [y/N] ", s.Home)
		answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
			fmt.Println("Nothing was deleted.")
			return errTold
		}
	}
	if who, ok := whoRuns(s); ok {
		if err := end(s, who); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(s.Home); err != nil {
		return err
	}
	fmt.Println("The state is gone. What was built stays in " + s.Cache)
	return nil
}
