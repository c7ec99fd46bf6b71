package spine_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	events "catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/provisioning/internal/check"
	"catalyst.openova.io/services/provisioning/internal/spine"
)

// heard is what a listener told.
type heard struct {
	mu   sync.Mutex
	said []string
	last check.Branch
	more chan struct{}
}

func (h *heard) note(s string) {
	h.mu.Lock()
	h.said = append(h.said, s)
	h.mu.Unlock()
	h.more <- struct{}{}
}

func (h *heard) observed(b check.Branch) { h.last = b; h.note("head " + b.Application + " " + b.SHA) }

func (h *heard) known(r check.Result) {
	h.note(fmt.Sprintf("result %s %s %v", r.Application, r.SHA, r.Problems))
}

func (h *heard) wait(t *testing.T, n int) []string {
	t.Helper()
	late := time.After(20 * time.Second)
	for range n {
		select {
		case <-h.more:
		case <-late:
			t.Fatalf("heard no more than %v", h.said)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.said
	h.said = nil
	return out
}

func listen(t *testing.T, server *spinetest.Server) *heard {
	t.Helper()
	h := &heard{more: make(chan struct{}, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	accounts := server.Open(t, "provisioning")
	go func() {
		defer close(done)
		_ = spine.Listener{Accounts: accounts, Observed: h.observed, Known: h.known, Log: slog.New(slog.DiscardHandler)}.Listen(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

func observe(t *testing.T, server *spinetest.Server, organization, app, sha string, second int) {
	t.Helper()
	s, err := server.Open(t, "observer").Organization(t.Context(), organization)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	env := organization + "-dev"
	err = s.Publish(t.Context(), events.Event{ID: env + app + sha, Source: "/observer/forge", Subject: events.Branch(env, app), Time: time.Now(), Data: &spinev1.BranchObserved{
		Organization: organization, Environment: env, Application: app, Branch: "develop", Present: true, ObservedAt: timestamppb.New(time.Unix(int64(second), 0)),
		Head: &spinev1.Commit{Sha: sha, Message: "change\n\nCatalyst-Operation: op-1"}, Dependencies: []*spinev1.Dependency{{Alias: "db", Application: "pg"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// What was found is heard before the heads in which it was found, so that a restart checks only what has no result; and
// provisioning has the right to read, and to tell.
func TestAResultIsHeardBeforeItsHead(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	observe(t, server, "acme", "shop", "a1", 1)
	observe(t, server, "acme", "shop", "a2", 2)
	observe(t, server, "acme", "cart", "b1", 1)
	announcer := spine.Announcer{Accounts: server.Open(t, "provisioning")}
	found := check.Result{Organization: "acme", Environment: "acme-dev", Application: "shop", Branch: "develop", SHA: "a2", At: time.Unix(9, 0), Problems: []check.Problem{
		{Code: check.CodeInvalidValues, File: "overlays/dev/values.yaml", Line: 3, Pointer: "/replicas", Message: "must be a number", Severity: check.Error},
	}}
	if err := announcer.Announce(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if err := announcer.Announce(t.Context(), check.Result{Organization: "gone", Environment: "gone-dev", Application: "x", SHA: "c1"}); err != nil {
		t.Errorf("of an Organization that is gone: %v", err)
	}
	h := listen(t, server)
	got := h.wait(t, 3)
	slices.Sort(got[1:])
	want := []string{fmt.Sprintf("result shop a2 %v", found.Problems), "head cart b1", "head shop a2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	observe(t, server, "acme", "shop", "a3", 3)
	if diff := cmp.Diff([]string{"head shop a3"}, h.wait(t, 1)); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	if want := (check.Branch{Organization: "acme", Environment: "acme-dev", EnvType: "dev", Application: "shop", Branch: "develop", SHA: "a3", Present: true, Needs: []string{"pg"}, ByCatalyst: true, At: time.Unix(3, 0).UTC()}); cmp.Diff(want, h.last) != "" {
		t.Error(cmp.Diff(want, h.last))
	}
}

// Each Organization is heard in its own account, also one that comes later, and after the server was away.
func TestEveryOrganizationIsHeard(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	observe(t, server, "acme", "shop", "a1", 1)
	h := listen(t, server)
	h.wait(t, 1)
	server.Organization(t, "umbrella", 1<<24)
	observe(t, server, "umbrella", "lab", "u1", 1)
	if diff := cmp.Diff([]string{"head lab u1"}, h.wait(t, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	server.Stop()
	server.Resume(t)
	observe(t, server, "acme", "shop", "a2", 2)
	if diff := cmp.Diff([]string{"head shop a2"}, h.wait(t, 1)); diff != "" {
		t.Errorf("after the server was away (-want +got):\n%s", diff)
	}
}
