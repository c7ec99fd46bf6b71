//go:build integration

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// tries is how often a test may miss the moment that it waits for.
const tries = 20

func (w *world) wish(name string) *wish {
	return &wish{name: name, key: w.org + "-" + name, repos: []string{name}, body: map[string]any{
		"name": name, "blueprint": "bp-podinfo", "environment": w.org + "-dev", "values": map[string]any{"replicas": 1},
	}}
}

func (w *world) accepted(t *testing.T, name string) *wish {
	t.Helper()
	one := w.wish(name)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := w.install(ctx, one); err != nil {
		t.Fatal(err)
	}
	return one
}

// installed waits until an install has ended well, and checks that it was done once.
func (w *world) installed(t *testing.T, one *wish) {
	t.Helper()
	w.ended.Succeed(t, one.operation(), 2*time.Minute)
	if _, err := w.once(t.Context(), w.repo(one.name), one); err != nil {
		t.Errorf("%s: %v", one.name, err)
	}
}

// TestSameRequestTenTimesOverRestarts asks for the same in parallel while what answers is killed, and again after each of
// the servers that could forget was killed: there is one answer.
func TestSameRequestTenTimesOverRestarts(t *testing.T) {
	w := enter(t)
	locations := map[string]bool{}
	ten := func() {
		t.Helper()
		answers := make([]*wish, 10)
		failed := make([]error, len(answers))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var all sync.WaitGroup
		for i := range answers {
			answers[i] = w.wish("once")
			all.Go(func() { failed[i] = w.install(ctx, answers[i]) })
		}
		w.s.Crash(t, "provisioning")
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			locations[a.location] = true
		}
	}
	ten()
	for _, name := range []string{"intents", "nats", "gateway"} {
		w.s.Kill(t, name)
		ten()
	}
	if len(locations) != 1 {
		t.Fatalf("forty requests with one key made %d Operations: %v", len(locations), locations)
	}
	for location := range locations {
		one := w.wish("once")
		one.location = location
		w.installed(t, one)
	}
}

// TestKilledBetweenRepositoryAndPush kills provisioning as soon as the repository is there, and before anything is in it.
// It goes on with the repository that it made.
func TestKilledBetweenRepositoryAndPush(t *testing.T) {
	w := enter(t)
	hit := 0
	for i := 0; hit < 3; i++ {
		if i == tries {
			t.Fatalf("of %d kills, %d met an empty repository", tries, hit)
		}
		provisioning := w.s.Process(t, "provisioning").PID
		one := w.wish(fmt.Sprintf("cut-%d", i))
		asked := make(chan error, 1)
		go func() { asked <- w.install(t.Context(), one) }()
		folder := filepath.Join(w.s.Home, "gitea", "repositories", w.org, one.name+".git")
		await(t, folder)
		if err := syscall.Kill(provisioning, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		refs, err := filepath.Glob(filepath.Join(folder, "refs", "heads", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if err := <-asked; err != nil {
			t.Fatal(err)
		}
		if len(refs) == 0 {
			hit++
		}
		w.installed(t, one)
	}
}

// await returns as soon as there is such a folder.
func await(t *testing.T, folder string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(folder); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s was not made", folder)
		}
	}
}

// TestRepositoryOfSomebodyElseIsNeverAdopted lets somebody make a repository of the same name after the install was
// accepted and before it was carried out, empty or not, and even with the mark of another Operation.
func TestRepositoryOfSomebodyElseIsNeverAdopted(t *testing.T) {
	w := enter(t)
	admin := w.s.Forge(t, sovereign.Administrator)
	mark := "Application of somebody (Catalyst-Operation: op-aaaaaaaaaaaaaaaaaaaa)"
	for i, kind := range []struct {
		description string
		empty       bool
	}{{"somebody's", true}, {"somebody's", false}, {mark, true}, {mark, false}} {
		one := w.robbed(t, admin, fmt.Sprintf("foreign-%d", i), kind.description, kind.empty)
		repo := w.repo(one.name)
		before, err := w.forge.Branches(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := w.ended.Await(ctx, one.operation(), sovereign.Progress.Final)
		if err != nil {
			t.Fatal(err)
		}
		if p.State != view.OperationFailed || !strings.Contains(p.Message+p.Hint, "another name") {
			t.Errorf("%+v: the Operation ended as %s: %s %s", kind, p.State, p.Message, p.Hint)
		}
		after, err := w.forge.Branches(t.Context(), repo)
		if err != nil || !equal(before, after) {
			t.Errorf("%+v: the repository of somebody else was changed: %v, then %v (%v)", kind, before, after, err)
		}
		if d, err := w.forge.Description(t.Context(), repo); err != nil || d != kind.description {
			t.Errorf("%+v: its description became %q (%v)", kind, d, err)
		}
	}
}

// robbed returns an install whose name somebody took after it was accepted.
func (w *world) robbed(t *testing.T, admin *sovereign.Forge, name, description string, empty bool) *wish {
	t.Helper()
	for i := range tries {
		one := w.accepted(t, fmt.Sprintf("%s-%d", name, i))
		w.s.Crash(t, "provisioning")
		status, err := admin.Call(http.MethodPost, "/orgs/"+w.org+"/repos", map[string]any{
			"name": one.name, "description": description, "private": true, "auto_init": !empty, "default_branch": "main",
		}, nil)
		if err == nil {
			return one
		}
		if status != http.StatusConflict {
			t.Fatal(err)
		}
		w.installed(t, one)
	}
	t.Fatalf("in %d tries nobody was faster than provisioning", tries)
	return nil
}

// TestForgeDownInMidPlan keeps the forge down while installs are carried out: they wait and say so, and are completed.
func TestForgeDownInMidPlan(t *testing.T) {
	w := enter(t)
	var all []*wish
	for i := range 6 {
		all = append(all, w.accepted(t, fmt.Sprintf("down-%d", i)))
	}
	w.downUntilWaiting(t, all[len(all)-1])
	waited := 0
	for _, one := range all {
		w.installed(t, one)
		if p := w.ended.Succeed(t, one.operation(), time.Second); strings.Contains(p.Waited, "Git does not answer") {
			waited++
		}
	}
	if waited == 0 {
		t.Error("no Operation said that it waits for Git")
	}
	w.exactly(t, all)
}

// TestCancelledWhileTheForgeIsDown takes an install back that waits for the forge: when the forge is there again, nothing
// is left of it, and the name is free.
func TestCancelledWhileTheForgeIsDown(t *testing.T) {
	w := enter(t)
	for i := range tries {
		one := w.accepted(t, fmt.Sprintf("cancelled-%d", i))
		w.downUntilWaiting(t, one)
		a := w.sam.Do(t, http.MethodPost, one.location+"/cancel", nil)
		if a.Status == http.StatusConflict {
			w.installed(t, one) // it was faster than the kill, and what it has written stays
			continue
		}
		if a.Status != http.StatusAccepted {
			t.Fatalf("cancel: %d: %s", a.Status, a.Body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := w.ended.Await(ctx, one.operation(), sovereign.Progress.Final)
		if err != nil || p.State != view.OperationCancelled {
			t.Fatalf("%s: %s (%v)", p.State, p.Message, err)
		}
		if branches, err := w.forge.Branches(t.Context(), w.repo(one.name)); !errors.Is(err, forge.ErrNotFound) {
			t.Errorf("the repository is still there, with the branches %v (%v)", branches, err)
		}
		one.key += "-again"
		again := *one
		if err := w.install(t.Context(), &again); err != nil {
			t.Fatal(err)
		}
		w.installed(t, &again)
		return
	}
	t.Fatalf("in %d tries no install waited for the forge", tries)
}

// downUntilWaiting keeps the forge down until an Operation says that it waits, or has ended.
func (w *world) downUntilWaiting(t *testing.T, one *wish) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	waits := make(chan error, 1)
	go func() {
		_, err := w.ended.Await(ctx, one.operation(), func(p sovereign.Progress) bool { return p.State == view.OperationWaiting || p.Final() })
		waits <- err
	}()
	for {
		w.s.Crash(t, "gitea")
		select {
		case err := <-waits:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
