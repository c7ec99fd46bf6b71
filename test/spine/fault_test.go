//go:build integration

// Package spine tests what the read side promises, on the processes of a running Sovereign: nothing is forgotten, and no
// client is shown a gap, whatever is killed, frozen or taken away.
package spine

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

const (
	env       = "acme-dev"
	developer = "noor@acme.example"
	// rate is how many changes a second go on while something is broken.
	rate = 500
	apps = 50
)

// away is how long NATS is away while Git and the cluster go on. `-args -away 10m` is the fault that we promise to survive.
var away = flag.Duration("away", 20*time.Second, "how long NATS is away")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// followers are clients that have seen everything before something is broken.
func followers(t *testing.T, s *sovereign.Sovereign, l *sovereign.Load, n int) []*sovereign.Follower {
	t.Helper()
	noor := s.SignIn(t, developer)
	out := make([]*sovereign.Follower, n)
	for i := range out {
		out[i] = noor.Follow(t, "acme", l)
	}
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, out)
	return out
}

func caught(t *testing.T, all []*sovereign.Follower) {
	t.Helper()
	for i, f := range all {
		sovereign.Eventually(t, 2*time.Minute, func() error {
			if err := f.Caught(); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
			return nil
		})
	}
}

// agree waits until REST shows the same bytes as the clients have.
func agree(t *testing.T, s *sovereign.Sovereign, l *sovereign.Load, all []*sovereign.Follower) {
	t.Helper()
	noor := s.SignIn(t, developer)
	for name := range l.Last() {
		key := view.Header{Kind: view.KindApplication, Environment: env, Name: name}.Key()
		sovereign.Eventually(t, time.Minute, func() error {
			a, err := noor.Try(http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil)
			if err != nil {
				return err
			}
			for i, f := range all {
				if !bytes.Equal(bytes.TrimSpace(a.Body), f.Object(key)) {
					return fmt.Errorf("client %d has of %s\n%s\nREST says\n%s", i, name, f.Object(key), a.Body)
				}
			}
			return nil
		})
	}
}

// TestKillUnderLoad kills what is between the cluster and the clients, in turn, under 500 changes a second.
func TestKillUnderLoad(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "kill-load-", apps)
	all := followers(t, s, l, 5)
	ended := make(chan error, 1)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	go func() { ended <- l.Run(ctx, rate, 2*time.Minute) }()
	for _, name := range []string{"observer", "projector", "nats", "gateway"} {
		before := l.Last()["kill-load-0"]
		s.Kill(t, name)
		// It works again when a change after the kill has reached every client.
		for i, f := range all {
			sovereign.Eventually(t, time.Minute, func() error {
				key := view.Header{Kind: view.KindApplication, Environment: env, Name: "kill-load-0"}.Key()
				var a view.Application
				if err := json.Unmarshal(f.Object(key), &a); err != nil {
					return err
				}
				if n, _ := l.Find(a.Name, sovereign.Port(a)); n <= before {
					return fmt.Errorf("after %s was killed, client %d still shows change %d", name, i, n)
				}
				return nil
			})
		}
	}
	stop()
	if err := <-ended; err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	// What was in flight when the load was stopped may not have been written: one more change of each is the last.
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, all)
	agree(t, s, l, all)
}

// TestSpineAwayWhileGitAndClusterGoOn freezes NATS while commits and changes go on: afterwards the cards say what Git and
// the cluster hold. The webhooks that came meanwhile are lost to nobody, since they are hints only.
func TestSpineAwayWhileGitAndClusterGoOn(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "away-", apps)
	all := followers(t, s, l, 2)
	noor := s.SignIn(t, developer)
	name := fmt.Sprintf("away%d", time.Now().UnixNano()%1e6)
	a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", map[string]any{
		"name": name, "blueprint": "bp-podinfo", "environment": env, "values": map[string]any{"replicas": 2},
	})
	if a.Status != http.StatusAccepted {
		t.Fatalf("install: %d: %s", a.Status, a.Body)
	}
	running := func(sha string) {
		t.Helper()
		sovereign.Eventually(t, 3*time.Minute, func() error {
			a := noor.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil)
			var card view.Application
			if err := json.Unmarshal(a.Body, &card); err != nil {
				return err
			}
			if card.Phase != view.PhaseRunning || sha != "" && (card.Applied == nil || card.Applied.SHA != sha) {
				return fmt.Errorf("%s: %s (want commit %.7s, applied %+v)", card.Phase, card.Message, sha, card.Applied)
			}
			return nil
		})
	}
	running("")
	s.Signal(t, "nats", syscall.SIGSTOP)
	frozen := true
	thaw := func() {
		if frozen {
			frozen = false
			s.Signal(t, "nats", syscall.SIGCONT)
		}
	}
	defer thaw()
	clone := s.Clone(t, "noor", "acme", name, "develop")
	clone.Edit("overlays/dev/values.yaml", func(v string) string { return strings.Replace(v, "replicas: 2", "replicas: 3", 1) })
	sha := clone.Push("while the spine is away")
	must(t, l.Run(t.Context(), 100, *away))
	thaw()
	running(sha)
	caught(t, all)
	agree(t, s, l, all)
	if a := noor.Do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil); a.Status != http.StatusAccepted {
		t.Fatalf("uninstall: %d: %s", a.Status, a.Body)
	}
}

// TestRebuildGivesTheSameBytes folds the log from the beginning, beside the running projector.
func TestRebuildGivesTheSameBytes(t *testing.T) {
	s := sovereign.Attach(t)
	rebuild(t, s)
}

func rebuild(t *testing.T, s *sovereign.Sovereign) {
	t.Helper()
	p := s.Process(t, "projector")
	sovereign.Eventually(t, time.Minute, func() error {
		cmd := exec.CommandContext(t.Context(), p.Executable(t), "rebuild")
		cmd.Env = p.Environ(t)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("projector rebuild: %w\n%s", err, out)
		}
		t.Logf("%s", out)
		return nil
	})
}

// TestAPausedReplicaIsFenced freezes the projector until another replica has taken over, and lets it go on then: it
// overwrites nothing.
func TestAPausedReplicaIsFenced(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "fence-", apps)
	all := followers(t, s, l, 2)
	p := s.Process(t, "projector")
	second := exec.CommandContext(t.Context(), p.Executable(t))
	second.Env = append(p.Environ(t), "CATALYST_LISTEN=127.0.0.1:0", "CATALYST_REPLICA=second")
	var out bytes.Buffer
	second.Stderr, second.Stdout = &out, &out
	must(t, second.Start())
	defer func() {
		_ = second.Process.Signal(syscall.SIGTERM)
		_ = second.Wait()
		if t.Failed() {
			t.Logf("the second replica said:\n%s", out.String())
		}
	}()
	must(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, all) // the second replica has taken over
	ended := make(chan error, 1)
	go func() { ended <- l.Run(t.Context(), rate, 5*time.Second) }()
	must(t, syscall.Kill(p.PID, syscall.SIGCONT))
	must(t, <-ended)
	caught(t, all)
	agree(t, s, l, all)
	rebuild(t, s)
}
