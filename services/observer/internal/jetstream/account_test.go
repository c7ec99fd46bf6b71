package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// subjects lists what an account holds.
func subjects(t *testing.T, sp *spine.Spine) string {
	t.Helper()
	var out []string
	done := errors.New("done")
	err := sp.Read(t.Context(), spine.Reading{Subjects: []string{spine.All}}, func(_ context.Context, b spine.Batch) error {
		for _, e := range b.Events {
			out = append(out, e.Subject)
		}
		if b.Pending == 0 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// With the accounts and rights of a real Sovereign: each event reaches the account of its Environment and no other, and
// one that is missing or full delays its own alone.
func TestEachEventReachesItsOwnAccountAlone(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	accounts := server.Open(t, "observer")
	q := observation.NewQueue(NewAccounts(accounts), quiet)
	begin(t, q.Run)
	for _, env := range []string{"acme-dev", "acme-prod", "globex-dev", spine.System} {
		q.Put(env, beat(spine.Branch(env, "shop"), "1"))
	}
	if err := q.Flush(t.Context()); !errors.Is(err, spine.ErrNoAccount) || !strings.Contains(err.Error(), `"globex"`) {
		t.Fatalf("flush says %v, want globex to have no account", err)
	}
	server.Organization(t, "globex", 1<<24)
	eventually(t, "after globex has an account", func() error { return q.Flush(t.Context()) })

	reader := server.Open(t, "projector")
	for organization, want := range map[string]string{
		"acme": spine.Branch("acme-dev", "shop") + " " + spine.Branch("acme-prod", "shop"), "globex": spine.Branch("globex-dev", "shop"), "": spine.Branch(spine.System, "shop"),
	} {
		sp := reader.Sovereign()
		if organization != "" {
			var err error
			if sp, err = reader.Organization(t.Context(), organization); err != nil {
				t.Fatal(err)
			}
		}
		if got := subjects(t, sp); got != want {
			t.Errorf("%q holds %q, want %q", organization, got, want)
		}
	}
}

func TestAFullOrganizationFillsNobodyElse(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	server.Organization(t, "globex", 1<<20)
	q := observation.NewQueue(NewAccounts(server.Open(t, "observer")), quiet)
	begin(t, q.Run)
	for i := range 40 {
		for _, env := range []string{"acme-dev", "globex-dev"} {
			q.Put(env, spine.Event{
				ID: fmt.Sprint(env, i), Source: "/test", Subject: spine.Branch(env, fmt.Sprint("app", i)), Time: time.Now(),
				Data: &spinev1.Heartbeat{Message: strings.Repeat("x", 100<<10)},
			})
		}
	}
	err := q.Flush(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"globex"`) || strings.Contains(err.Error(), `"acme"`) || !spine.Full(errors.Unwrap(lastOf(err))) {
		t.Errorf("flush says %v, want globex to be full", err)
	}
	if err := q.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), `"globex"`) {
		t.Errorf("ready says %v", err)
	}
}

// lastOf is the one error that is joined.
func lastOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // it is looked into, not compared
		return joined.Unwrap()[0]
	}
	return err
}

// What the observer is allowed to do is enough for its memory and for being asked.
func TestTheRightsOfTheObserverAreEnough(t *testing.T) {
	server := spinetest.Start(t)
	sp := server.Open(t, "observer").Sovereign()
	for _, source := range []string{"local", "forge"} {
		m := NewMemory(sp, source, quiet)
		if _, err := m.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin(t, m.Run)
		m.Remember("a", "1")
		m.Remember("b", "2")
		m.Settle(t.Context())
		m.Forget("a")
		m.Settle(t.Context())
		if err := m.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept, err := NewMemory(sp, source, quiet).Load(t.Context()); err != nil || fmt.Sprint(kept) != "map[b:2]" {
			t.Errorf("%s remembers %v, %v", source, kept, err)
		}
	}
	begin(t, func(ctx context.Context) {
		_ = sp.AnswerTell(ctx, spine.TellObserver, func(context.Context) error { return nil }) // it ends with the test
	})
	asker := server.Open(t, "projector").Sovereign().JetStream().Conn()
	eventually(t, "an answer", func() error {
		m, err := asker.Request(spine.TellObserver, nil, 5*time.Second)
		if err == nil && len(m.Data) > 0 {
			err = errors.New(string(m.Data))
		}
		return err
	})
}
