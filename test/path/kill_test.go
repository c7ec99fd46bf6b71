//go:build integration

package path

import (
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// TestKillAnyProcessDuringAnInstall kills each process of the Sovereign in turn, right after an install was accepted:
// the supervisor starts it again and the card still turns Running.
func TestKillAnyProcessDuringAnInstall(t *testing.T) {
	s := sovereign.Attach(t)
	components := s.Components(t)
	if len(components) < 15 {
		t.Fatalf("the supervisor tells of %d processes only: %+v", len(components), components)
	}
	for _, c := range components {
		t.Run(c.Name, func(t *testing.T) {
			noor := s.SignIn(t, developer)
			name := uniqueName("kill")
			a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", install(name, "bp-podinfo", nil))
			if a.Status != http.StatusAccepted {
				t.Fatalf("install: %d: %s", a.Status, a.Body)
			}
			if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
				t.Fatalf("kill -9 %s (%d): %v", c.Name, c.PID, err)
			}
			sovereign.Eventually(t, 150*time.Second, func() error {
				a, err := noor.Try(http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil)
				if err != nil {
					return err
				}
				if a.Status != http.StatusOK {
					return fmt.Errorf("card: %d: %s", a.Status, a.Body)
				}
				var card view.Application
				if err := json.Unmarshal(a.Body, &card); err != nil {
					return err
				}
				if card.Phase != view.PhaseRunning {
					return fmt.Errorf("card: %s: %s", card.Phase, card.Message)
				}
				return nil
			})
			sovereign.Eventually(t, 30*time.Second, func() error {
				for _, now := range s.Components(t) {
					if now.Name == c.Name && now.State == "running" && now.PID != c.PID {
						return nil
					}
				}
				return fmt.Errorf("%s has not been started again", c.Name)
			})
			installedInOneCommit(t, s, name)
			uninstall(t, s, noor, name)
		})
	}
}
