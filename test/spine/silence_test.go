//go:build integration

package spine

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// TestSilenceIsShown freezes the observer: what it told last is not shown as true for ever. When it is heard again, the
// cards say what they said before.
func TestSilenceIsShown(t *testing.T) {
	s := sovereign.Attach(t)
	noor := s.SignIn(t, developer)
	name := fmt.Sprintf("silence%d", time.Now().UnixNano()%1e6)
	a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", map[string]any{
		"name": name, "blueprint": "bp-podinfo", "environment": env, "values": map[string]any{"replicas": 1},
	})
	if a.Status != http.StatusAccepted {
		t.Fatalf("install: %d: %s", a.Status, a.Body)
	}
	await := func(limit time.Duration, what string, ok func(view.Application) bool) {
		t.Helper()
		sovereign.Eventually(t, limit, func() error {
			a := noor.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil)
			var card view.Application
			if a.Status == http.StatusOK {
				a.Decode(t, &card)
			}
			if !ok(card) {
				return fmt.Errorf("%s: %s: %s, unknown since %s", what, card.Phase, card.Message, card.UnknownSince)
			}
			return nil
		})
	}
	running := func(c view.Application) bool { return c.Phase == view.PhaseRunning && c.UnknownSince.IsZero() }
	await(time.Minute, "before", running)
	s.Signal(t, "observer", syscall.SIGSTOP)
	frozen := true
	thaw := func() {
		if frozen {
			frozen = false
			s.Signal(t, "observer", syscall.SIGCONT)
		}
	}
	defer thaw()
	await(time.Minute, "while the observer is silent", func(c view.Application) bool {
		return c.Phase == view.PhaseUnknown && !c.UnknownSince.IsZero() && len(c.Workloads) == 1
	})
	thaw()
	await(time.Minute, "after it", running)
	if a := noor.Do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil); a.Status != http.StatusAccepted {
		t.Fatalf("uninstall: %d: %s", a.Status, a.Body)
	}
}
