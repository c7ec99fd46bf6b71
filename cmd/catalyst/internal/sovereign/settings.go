// Package sovereign describes one Sovereign on one machine: where it keeps things, which ports it takes, which
// processes it is made of and what they are told. It is data; nothing here starts or waits.
package sovereign

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Settings are what a person may choose.
type Settings struct {
	// Repo is the working copy that the Sovereign is built from.
	Repo string
	// Home holds the state; Cache the builds.
	Home, Cache string
	// PortOffset is added to every port.
	PortOffset int
	// Kubeconfig of an existing cluster; empty for a simulated one.
	Kubeconfig string
}

// Simulated tells whether the cluster's nodes are simulated.
func (s Settings) Simulated() bool { return s.Kubeconfig == "" }

// Validate says what is wrong with the settings.
func (s Settings) Validate() error {
	if s.PortOffset < 0 || s.PortOffset > 58000 {
		return fmt.Errorf("CATALYST_PORT_OFFSET is %d: it must be from 0 to 58000", s.PortOffset)
	}
	if s.Kubeconfig != "" {
		if _, err := os.Stat(s.Kubeconfig); err != nil {
			return fmt.Errorf("the kubeconfig cannot be read: %w", err)
		}
	}
	return nil
}

// ErrNoRepo says that no working copy was found.
var ErrNoRepo = errors.New("this is not a working copy of Catalyst: run the command inside the repository, or name it with --repo")

// FindRepo returns the working copy that dir lies in.
func FindRepo(dir string) (string, error) {
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy", "local", "stack", "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ErrNoRepo
		}
		dir = up
	}
}

// ParsePortOffset reads CATALYST_PORT_OFFSET.
func ParsePortOffset(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("CATALYST_PORT_OFFSET is %q: it must be a number", s)
	}
	return n, nil
}

// File is a path below the state.
func (s Settings) File(elem ...string) string {
	return filepath.Join(append([]string{s.Home}, elem...)...)
}

// Cached is a path below the builds.
func (s Settings) Cached(elem ...string) string {
	return filepath.Join(append([]string{s.Cache}, elem...)...)
}

// OwnBinaries is the folder of the programs that are built from this working copy.
func (s Settings) OwnBinaries() string {
	repo := sha256.Sum256([]byte(s.Repo))
	return s.Cached("bin", hex.EncodeToString(repo[:])[:12])
}

// Source is a path in the working copy.
func (s Settings) Source(elem ...string) string {
	return filepath.Join(append([]string{s.Repo}, elem...)...)
}

// Log is where a component's output goes.
func (s Settings) Log(component string) string { return s.File("logs", component+".log") }
