package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
)

// running is what a supervisor leaves for the other commands. A lock on the file tells whether it still lives, so that
// neither a crash nor a process number used again can deceive.
type running struct {
	PID     int    `json:"pid"`
	Control string `json:"control"`
	Console string `json:"console"`
}

var errRunning = errors.New("it is running already")

func lockFile(s sovereign.Settings) string { return s.File("supervisor.json") }

// lock makes this process the supervisor, or returns errRunning with who is. The lock ends with the process.
func lock(s sovereign.Settings) (*os.File, running, error) {
	if err := os.MkdirAll(s.Home, 0o755); err != nil {
		return nil, running{}, err
	}
	f, err := os.OpenFile(lockFile(s), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, running{}, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		var r running
		if derr := json.NewDecoder(f).Decode(&r); derr != nil {
			r.PID = 0
		}
		return nil, r, errors.Join(errRunning, f.Close())
	}
	r := running{PID: os.Getpid(), Control: s.ControlURL(), Console: s.ConsoleURL()}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, r, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, r, err
	}
	if _, err := f.WriteAt(append(b, '\n'), 0); err != nil {
		return nil, r, fmt.Errorf("%s: %w", lockFile(s), err)
	}
	return f, r, nil
}

// whoRuns tells who the supervisor is, if there is one.
func whoRuns(s sovereign.Settings) (running, bool) {
	f, err := os.Open(lockFile(s))
	if err != nil {
		return running{}, false
	}
	defer f.Close() //nolint:errcheck // only read
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return running{}, false
	}
	var r running
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		return running{}, false
	}
	return r, r.PID != 0
}

// awaitEnd waits until the supervisor is gone: the lock comes free.
func awaitEnd(s sovereign.Settings) error {
	f, err := os.Open(filepath.Clean(lockFile(s)))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
}
