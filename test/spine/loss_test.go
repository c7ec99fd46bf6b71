//go:build integration

package spine

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// store is the folder in which the spine's server keeps its streams.
func store(s *sovereign.Sovereign) string { return filepath.Join(s.Home, "nats", "store") }

// swap freezes the spine's server, does something to its files, and crashes it, so that it starts with what was done.
func swap(t *testing.T, s *sovereign.Sovereign, do func()) {
	t.Helper()
	s.Signal(t, "nats", syscall.SIGSTOP)
	do()
	s.Kill(t, "nats")
}

// TestStreamsDeleted takes the events, facts and views away under the running services, as a lost disk would: nobody says
// that everything is gone, and everything is there again. The sessions stay, so that the clients may go on looking.
func TestStreamsDeleted(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "deleted-", apps)
	all := followers(t, s, l, 2)
	watched := watchForLoss(t, all)
	swap(t, s, func() {
		streams, err := filepath.Glob(filepath.Join(store(s), "jetstream", "*", "streams", "*"))
		must(t, err)
		removed := 0
		for _, dir := range streams {
			if filepath.Base(dir) != "KV_sessions" {
				must(t, os.RemoveAll(dir))
				removed++
			}
		}
		if removed < 6 {
			t.Fatalf("%d streams were found: %v", removed, streams)
		}
	})
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, all)
	if err := watched(); err != nil {
		t.Fatal(err)
	}
	agree(t, s, l, all)
	rebuild(t, s)
}

// TestUnsyncedWritesLost crashes the spine's server and takes back what it had acknowledged in the last seconds, as a
// power cut would. What people asked for is kept elsewhere and is not lost; what is shown is repaired.
func TestUnsyncedWritesLost(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "unsynced-", apps)
	all := followers(t, s, l, 2)
	noor := s.SignIn(t, developer)
	before := filepath.Join(t.TempDir(), "store")
	s.Signal(t, "nats", syscall.SIGSTOP)
	out, err := exec.CommandContext(t.Context(), "cp", "-a", store(s), before).CombinedOutput()
	s.Signal(t, "nats", syscall.SIGCONT)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, l.Run(t.Context(), rate, 2*time.Second))
	name := fmt.Sprintf("unsynced%d", time.Now().UnixNano()%1e6)
	a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", map[string]any{
		"name": name, "blueprint": "bp-podinfo", "environment": env, "values": map[string]any{"replicas": 1},
	})
	if a.Status != http.StatusAccepted {
		t.Fatalf("install: %d: %s", a.Status, a.Body)
	}
	swap(t, s, func() {
		must(t, os.RemoveAll(store(s)))
		if out, err := exec.CommandContext(t.Context(), "cp", "-a", before, store(s)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	})
	// No change comes after it: what was lost has to be told again by whoever said it.
	caught(t, all)
	agree(t, s, l, all)
	sovereign.Eventually(t, 2*time.Minute, func() error {
		a := noor.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil)
		if a.Status != http.StatusOK {
			return fmt.Errorf("%d: %s", a.Status, a.Body)
		}
		var card view.Application
		a.Decode(t, &card)
		if card.Phase != view.PhaseRunning {
			return fmt.Errorf("%s: %s", card.Phase, card.Message)
		}
		return nil
	})
	if a := noor.Do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil); a.Status != http.StatusAccepted {
		t.Fatalf("uninstall: %d: %s", a.Status, a.Body)
	}
}

// watchForLoss notes a client that lost a card of the load. Call what it returns at the end.
func watchForLoss(t *testing.T, all []*sovereign.Follower) func() error {
	t.Helper()
	end, found := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			for i, f := range all {
				if n := f.Applications(); n < apps {
					found <- fmt.Errorf("client %d was left with %d of %d cards", i, n, apps)
					return
				}
			}
			select {
			case <-end:
				found <- nil
				return
			case <-tick.C:
			}
		}
	}()
	return func() error { close(end); return <-found }
}
