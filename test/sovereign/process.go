package sovereign

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// Process finds a running component.
func (s *Sovereign) Process(t testing.TB, name string) Component {
	t.Helper()
	for _, c := range s.Components(t) {
		if c.Name == name && c.PID > 0 {
			return c
		}
	}
	t.Fatalf("%s does not run", name)
	return Component{}
}

// Signal sends a signal to a component.
func (s *Sovereign) Signal(t testing.TB, name string, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.Process(t, name).PID, sig); err != nil {
		t.Fatal(err)
	}
}

// Kill ends a component as a crash would, and waits until the supervisor has started it again.
func (s *Sovereign) Kill(t testing.TB, name string) {
	t.Helper()
	before := s.Process(t, name).PID
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, func() error {
		for _, c := range s.Components(t) {
			if c.Name == name && c.PID > 0 && c.PID != before && c.State == "running" {
				return nil
			}
		}
		return fmt.Errorf("%s was not started again", name)
	})
}

// Crash ends those of some components that run, all at the same moment, and leaves it to the supervisor to start them
// again. It returns their names.
func (s *Sovereign) Crash(t testing.TB, names ...string) (killed []string) {
	t.Helper()
	for _, c := range s.Components(t) {
		if c.PID > 0 && slices.Contains(names, c.Name) && syscall.Kill(c.PID, syscall.SIGKILL) == nil {
			killed = append(killed, c.Name)
		}
	}
	return killed
}

// Environ is the environment with which a component runs, and Executable its program: for a test that starts another
// one like it.
func (c Component) Environ(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.PID))
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, v := range bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0}) {
		env = append(env, string(v))
	}
	return env
}

// Spine signs in to the event spine as one of the services, with what that service was given.
func (s *Sovereign) Spine(t testing.TB, service string) *spine.Accounts {
	t.Helper()
	return s.open(t, service, "CATALYST_NATS_URL")
}

// Intents signs in as provisioning to the server that holds what people asked for.
func (s *Sovereign) Intents(t testing.TB) *spine.Spine {
	t.Helper()
	return s.open(t, "provisioning", "CATALYST_INTENTS_URL").Sovereign()
}

func (s *Sovereign) open(t testing.TB, service, server string) *spine.Accounts {
	t.Helper()
	cfg := spine.Config{Name: service}
	for _, v := range s.Process(t, service).Environ(t) {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case server:
			cfg.URL = value
		case "CATALYST_NATS_SEED_FILE":
			cfg.SeedFile = value
		case "CATALYST_NATS_TOKEN_FILE":
			cfg.TokenFile = value
		}
	}
	a, err := spine.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// Executable is the program of a component.
func (c Component) Executable(t testing.TB) string {
	t.Helper()
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.PID))
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
