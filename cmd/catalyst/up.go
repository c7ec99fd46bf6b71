package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"catalyst.openova.io/cmd/catalyst/internal/boot"
	"catalyst.openova.io/cmd/catalyst/internal/control"
	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
	"catalyst.openova.io/cmd/catalyst/internal/terminal"
)

type upCmd struct {
	Detach     bool   `help:"Return when everything is ready, and leave it running."`
	Kubeconfig string `help:"Use the existing cluster of this kubeconfig instead of a simulated one." type:"path" placeholder:"FILE"`
	Background bool   `hidden:"" help:"This is the process that --detach starts."`
}

func (u *upCmd) Run(ctx context.Context, c *cli) error {
	s, err := c.settings(u.Kubeconfig)
	if err != nil {
		return err
	}
	if u.Detach {
		return u.detach(ctx, s)
	}
	return u.supervise(ctx, s)
}

// supervise brings the Sovereign up and keeps it up until ctx ends. Then nothing is left of it.
func (u *upCmd) supervise(ctx context.Context, s sovereign.Settings) error {
	file, other, err := lock(s)
	if errors.Is(err, errRunning) {
		return alreadyRunning(other)
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // the lock ends with the process anyway
	board := step.NewBoard(s.ConsoleURL(), s.Simulated(), time.Now)
	defer keepLast(s, board)
	err = u.bootstrap(ctx, s, board)
	if err != nil && ctx.Err() == nil {
		board.Fail(err)
	}
	if err != nil && ctx.Err() != nil {
		return nil
	}
	return err
}

func (u *upCmd) bootstrap(ctx context.Context, s sovereign.Settings, board *step.Board) error {
	// The control port first: it is the first thing that a second Sovereign on these ports would trip over.
	if err := boot.CheckPorts(s.Ports()[:1], s.PortOffset); err != nil {
		return err
	}
	secrets, err := sovereign.LoadSecrets(s)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	spawner := process.NewSpawner()
	b := &boot.Bootstrap{
		Settings: s, Secrets: secrets, Board: board, Spawner: spawner, Self: self,
		Supervisor: process.NewSupervisor(spawner, board, s.Log, process.DefaultTiming),
	}
	if err := b.Prepare(); err != nil {
		return err
	}
	// The board can be read until the last process has ended.
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	defer endServing()
	if err := control.Serve(serving, s.ControlAddr(), board); err != nil {
		return err
	}
	defer u.end(ctx, b)
	show, endShow := context.WithCancel(context.WithoutCancel(ctx))
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		u.show(show, os.Stdout, func() (step.Snapshot, error) { snap, _ := board.Snapshot(); return snap, nil })
	}()
	err = step.Run(ctx, board, b.Tasks())
	endShow()
	<-shown
	if err != nil {
		return err
	}
	snap, _ := board.Snapshot()
	welcome(os.Stdout, snap)
	if !u.Background {
		fmt.Println("Ctrl-C ends it.")
	}
	<-ctx.Done()
	return nil
}

// end stops every process. A second Ctrl-C does not wait for them.
func (u *upCmd) end(ctx context.Context, b *boot.Bootstrap) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	if ctx.Err() != nil {
		fmt.Println("\nEnding the Sovereign …")
	}
	ended := make(chan struct{})
	go func() {
		b.Supervisor.Stop()
		close(ended)
	}()
	// The first signal is the one that brought us here; it may still be in the channel's past, never in the channel.
	select {
	case <-ended: //nolint:errcheck // the board tells why, in words
	case <-again:
		fmt.Println("Killing what is left.")
	}
	if ctx.Err() != nil {
		fmt.Println("It has ended; its state stays in " + b.Settings.Home)
	}
}

// keepLast writes the last state of the board, for whoever started this process in the background.
func keepLast(s sovereign.Settings, board *step.Board) {
	snap, _ := board.Snapshot()
	b, err := json.Marshal(snap)
	if err != nil {
		return
	}
	sovereign.WriteFile(lastFile(s), b, 0o644) //nolint:errcheck // it only helps to explain an error that is in the log too
}

func lastFile(s sovereign.Settings) string { return s.File("last-bootstrap.json") }

func alreadyRunning(r running) error {
	return step.WithHint(fmt.Errorf("a Sovereign is running here already (process %d), its console is %s", r.PID, r.Console),
		"`make down` ends it; another one beside it needs its own CATALYST_HOME and CATALYST_PORT_OFFSET")
}

// show redraws the steps until ctx ends, and once more then.
func (u *upCmd) show(ctx context.Context, out *os.File, read func() (step.Snapshot, error)) {
	width := 0
	if w, _, err := term.GetSize(int(out.Fd())); err == nil && term.IsTerminal(int(out.Fd())) {
		width = w
	}
	p := terminal.NewProgress(out, width)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if snap, err := read(); err == nil {
			p.Show(snap, time.Now())
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func welcome(out io.Writer, s step.Snapshot) {
	fmt.Fprintf(out, "\nThe Sovereign is ready after %s; the console answered after %s.\n\n  %s\n\n",
		s.ReadyAt.Sub(s.StartedAt).Round(100*time.Millisecond), s.ConsoleReachableAt.Sub(s.StartedAt).Round(100*time.Millisecond), s.ConsoleURL)
	fmt.Fprint(out, "  Sign in as noor@acme.example (developer), ada@acme.example (admin), vik@acme.example (viewer)\n  or sam@sovereign.example (the Sovereign's admin); the password is catalyst.\n")
	if s.Simulated {
		fmt.Fprint(out, "  The cluster's nodes are simulated: Deployments become available, no container really runs.\n")
	}
}

// detach starts the supervisor in the background and shows its steps until it is ready.
func (u *upCmd) detach(ctx context.Context, s sovereign.Settings) error {
	if r, ok := whoRuns(s); ok {
		return alreadyRunning(r)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := s.Log("supervisor")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	if err := os.Remove(lastFile(s)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	args := []string{"--repo", s.Repo, "up", "--background"}
	if s.Kubeconfig != "" {
		args = append(args, "--kubeconfig", s.Kubeconfig)
	}
	cmd := exec.Command(self, args...) //nolint:noctx // it outlives this process
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return u.follow(ctx, s, ended)
}

// follow shows the steps of the supervisor in the background until it is ready or has ended.
func (u *upCmd) follow(ctx context.Context, s sovereign.Settings, ended <-chan error) error {
	show, endShow := context.WithCancel(ctx)
	shown := make(chan struct{})
	ready := make(chan step.Snapshot, 1)
	go func() {
		defer close(shown)
		u.show(show, os.Stdout, func() (step.Snapshot, error) {
			snap, err := control.Read(context.WithoutCancel(ctx), s.ControlURL())
			if err == nil && snap.Ready {
				select {
				case ready <- snap:
				default:
				}
			}
			return snap, err
		})
	}()
	defer func() { endShow(); <-shown }()
	select {
	case snap := <-ready:
		endShow()
		<-shown
		welcome(os.Stdout, snap)
		fmt.Println("  `make down` ends it.")
		return nil
	case <-ended: //nolint:errcheck // the board tells why, in words
		endShow()
		<-shown
		return lastError(s)
	case <-ctx.Done():
		fmt.Println("\nIt goes on in the background: `make status` shows it, `make down` ends it.")
		return nil
	}
}

// lastError tells why the supervisor in the background ended.
func lastError(s sovereign.Settings) error {
	b, err := os.ReadFile(lastFile(s))
	var snap step.Snapshot
	if err == nil {
		err = json.Unmarshal(b, &snap)
	}
	if err != nil || snap.Error == "" {
		out, rerr := os.ReadFile(s.Log("supervisor"))
		if rerr != nil {
			return rerr
		}
		return fmt.Errorf("the supervisor ended: %s", out[max(0, len(out)-2000):])
	}
	return step.WithHint(errors.New(snap.Error), "%s", snap.Hint)
}
