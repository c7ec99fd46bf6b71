package credential

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a forge and a store in memory.
type world struct {
	tokens map[string][]string // by account, "name=secret"
	stored Credential
	issued int
	writes int
	down   error
}

func (w *world) Issue(_ context.Context, account, name string) (string, error) {
	if w.down != nil {
		return "", w.down
	}
	w.writes++
	w.issued++
	secret := fmt.Sprintf("secret-%d", w.issued)
	w.tokens[account] = append(w.tokens[account], name+"="+secret)
	return secret, nil
}

func (w *world) Retain(_ context.Context, account, name string) error {
	w.writes++
	w.tokens[account] = slices.DeleteFunc(w.tokens[account], func(t string) bool { return !strings.HasPrefix(t, name+"=") })
	return w.down
}

func (w *world) Opens(_ context.Context, token string) (bool, error) {
	for _, all := range w.tokens {
		if slices.ContainsFunc(all, func(t string) bool { return strings.HasSuffix(t, "="+token) }) {
			return true, w.down
		}
	}
	return false, w.down
}

func (w *world) Load(context.Context, string) (Credential, error) { return w.stored, nil }
func (w *world) Save(_ context.Context, _ string, c Credential) error {
	w.writes++
	w.stored = c
	return nil
}
func (w *world) Delete(context.Context, string) error { w.stored = Credential{}; return nil }

var settings = Settings{Age: 24 * time.Hour, Grace: 10 * time.Minute}

// TestACredentialIsKept: whatever happens to it, one look later it opens, it is never older than it may be, and at most
// two tokens are valid, the second no longer than the grace; and a look that finds it right writes nothing.
func TestACredentialIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{tokens: map[string][]string{}}
		now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		k := NewKeeper(w, w, settings, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			switch rapid.IntRange(0, 5).Draw(t, "deed") {
			case 0:
				w.tokens[Account("acme")] = nil
			case 1:
				w.stored = Credential{}
			case 2:
				w.stored.Token = "forged"
			case 3:
				w.tokens[Account("acme")] = append(w.tokens[Account("acme")], "mine=mine")
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(t, "minutes")) * time.Minute)
			for range 2 { // a new one, and what was before it
				if _, err := k.Keep(context.Background(), "acme"); err != nil {
					t.Fatal(err)
				}
			}
			if ok, _ := w.Opens(context.Background(), w.stored.Token); !ok || now.Sub(w.stored.Issued) >= settings.Age {
				t.Fatalf("%+v opens: %v", w.stored, ok)
			}
			w.writes = 0
			if a, err := k.Keep(context.Background(), "acme"); a != Nothing || err != nil || w.writes > 0 {
				t.Fatalf("then %q, %d writes, %v", a, w.writes, err)
			}
			now = now.Add(settings.Grace)
			if _, err := k.Keep(context.Background(), "acme"); err != nil {
				t.Fatal(err)
			}
			if w.stored.Settled && now.Sub(w.stored.Issued) < settings.Grace {
				t.Fatal("the token before was revoked too soon")
			}
		}
		if err := k.Withdraw(context.Background(), "acme"); err != nil || len(w.tokens[Account("acme")]) > 0 || w.stored.Token != "" {
			t.Fatalf("after it was withdrawn: %v %+v %v", w.tokens, w.stored, err)
		}
	})
}

func TestAForgeThatIsDownReplacesNothing(t *testing.T) {
	w := &world{tokens: map[string][]string{}}
	k := NewKeeper(w, w, settings, time.Now, slog.New(slog.DiscardHandler))
	if _, err := k.Keep(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	before := w.stored
	w.down = errors.New("down")
	if _, err := k.Keep(t.Context(), "acme"); !errors.Is(err, w.down) || w.stored != before {
		t.Errorf("%v, %+v", err, w.stored)
	}
}

func TestAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]([-a-z0-9]{0,38}[a-z0-9])?`)
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if len(Account(a)) > maxAccount || a != b && Account(a) == Account(b) {
			t.Fatalf("%s and %s: %s", a, b, Account(a))
		}
	})
	if got := Account("acme"); got != "catalyst-flux-acme" {
		t.Error(got)
	}
}
