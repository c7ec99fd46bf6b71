// Package process starts processes that cannot outlive their supervisor, keeps them running and ends them in order.
package process

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spawner starts processes that die with this one, even when it is killed. Linux binds that promise to the thread that
// forked, so one thread does all of it and lives as long as the program.
type Spawner struct {
	requests chan spawn
}

type spawn struct {
	cmd  *exec.Cmd
	done chan error
}

// NewSpawner makes a Spawner.
func NewSpawner() *Spawner {
	s := &Spawner{requests: make(chan spawn)}
	go func() {
		runtime.LockOSThread()
		for r := range s.requests {
			r.done <- r.cmd.Start()
		}
	}()
	return s
}

// Start starts cmd in a process group of its own.
func (s *Spawner) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r := spawn{cmd, make(chan error)}
	s.requests <- r
	return <-r.done
}

// Run starts a command made with a context and waits for it. When the context ends, its whole group is killed.
func (s *Spawner) Run(cmd *exec.Cmd) error {
	cmd.Cancel = func() error { return Signal(cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	if err := s.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// Signal sends a signal to a process group.
func Signal(pid int, sig syscall.Signal) error {
	err := syscall.Kill(-pid, sig)
	if err == syscall.ESRCH { //nolint:errorlint // system calls return it bare
		return os.ErrProcessDone
	}
	return err
}
