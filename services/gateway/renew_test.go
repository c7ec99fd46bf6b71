package main

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// impatient restarts the issuer with access tokens that hold for two seconds, so that every request renews one.
func (s *sovereign) impatient() {
	s.t.Helper()
	s.stopIssuer()
	s.life = "2s"
	s.startIssuer()
}

func (s *sovereign) edit(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(s.people)
	if err != nil || !strings.Contains(string(text), from) {
		s.t.Fatal(err, from)
	}
	if err := os.WriteFile(s.people, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestASessionOutlivesItsTokens(t *testing.T) {
	s := newSovereign(t)
	s.impatient()
	b := s.signedIn("ada")
	for range 4 {
		var wg sync.WaitGroup
		for range 15 {
			wg.Go(func() {
				if got := b.get("/api/v1/session"); got.status != http.StatusOK {
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second) // tokens expire by the clock of another process
	}
	s.stopIssuer()
	time.Sleep(2100 * time.Millisecond)
	if got := b.get("/api/v1/session"); got.status != http.StatusServiceUnavailable || got.code() != "issuer_unavailable" {
		t.Errorf("a token that cannot be renewed now: %d %s", got.status, got.body)
	}
	s.startIssuer()
	if got := b.get("/api/v1/session"); got.status != http.StatusOK {
		t.Errorf("with the issuer back: %d %s", got.status, got.body)
	}
}

func TestALostRoleEndsWhatItOpened(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	s.impatient()
	b := s.signedIn("noor")
	lines, stop := b.follow("organization=acme")
	defer stop()
	if _, ok := until(lines, "event: synced", 5*time.Second); !ok {
		t.Fatal("no snapshot")
	}
	s.edit("acme/org-developer", "acme/dev/org-viewer")
	start := time.Now()
	if _, ok := until(lines, "never", 8*time.Second); ok || time.Since(start) > 5500*time.Millisecond {
		t.Errorf("the stream goes on for %s after the role was lost", time.Since(start))
	}
	again, stopAgain := b.follow("organization=acme")
	defer stopAgain()
	if seen, ok := until(again, "event: synced", 5*time.Second); !ok || strings.Contains(strings.Join(seen, "\n"), "acme-prod") {
		t.Errorf("with the lesser role: %v", seen)
	}
	if got := b.get("/api/v1/organizations/acme/environments/acme-prod/applications/shop"); got.status != http.StatusNotFound {
		t.Errorf("with the lesser role, by REST: %d", got.status)
	}
	s.edit("username: noor", "username: noor2")
	s.edit("email: noor@", "email: noor2@")
	if got := b.get("/api/v1/session"); got.status != http.StatusUnauthorized {
		t.Errorf("a person who is gone: %d %s", got.status, got.body)
	}
}
