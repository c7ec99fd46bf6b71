package check_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/services/provisioning/internal/check"
)

// world is a forge, a catalog and those who listen.
type world struct {
	t       *testing.T
	git     *forgetest.Fake
	bp      *blueprint.Blueprint
	tree    map[string][]byte
	runner  *check.Runner
	mu      sync.Mutex
	broken  map[string]error // by what is asked for
	told    []check.Result
	posted  []string
	looked  map[string]int // trees read, by repository
	moments int
}

func (w *world) Blueprint(_ context.Context, name, version string) (*blueprint.Blueprint, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["blueprint"]; err != nil {
		return nil, "", err
	}
	if name != w.bp.Metadata.Name || version != w.bp.Metadata.Version {
		return nil, "", &check.RefusedError{Reason: "the catalog does not hold it"}
	}
	return w.bp, digest, nil
}

func (w *world) SetStatus(_ context.Context, repo forge.Repo, commit string, s forge.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["status"]; err != nil {
		return err
	}
	w.posted = append(w.posted, fmt.Sprintf("%s %.7s %s %v %s", repo.Name, commit, s.Context, s.Failed, s.Description))
	return nil
}

func (w *world) Announce(_ context.Context, r check.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["announce"]; err != nil {
		return err
	}
	w.told = append(w.told, r)
	return nil
}

func (w *world) breaks(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[what] = err
}

// summary is what was told since it was last asked, and forgets it.
func (w *world) summary() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.told {
		line := r.Application
		for _, p := range r.Problems {
			line += " " + string(p.Code)
		}
		out = append(out, line)
	}
	w.told = nil
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// looks is how often a repository was read.
func (w *world) looks(app string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looked[app]
}

// results are what was told since it was last asked.
func (w *world) results() []check.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

// push makes a commit with changes to what the form would make, and returns the branch as it is observed.
func (w *world) push(app string, change map[string]string) check.Branch {
	w.t.Helper()
	files := map[string][]byte{}
	for name, content := range w.tree {
		files[name] = []byte(strings.ReplaceAll(string(content), "shop", app))
	}
	for name, content := range change {
		files[name] = []byte(content)
	}
	w.moments++
	repo := forge.Repo{Organization: "acme", Name: app}
	if err := w.git.CreateRepo(w.t.Context(), repo, ""); err != nil && !errors.Is(err, forge.ErrExists) {
		w.t.Fatal(err)
	}
	head := ""
	if at, err := w.git.Head(w.t.Context(), repo, "develop"); err == nil {
		head = at.SHA
	}
	draft := &forge.Draft{Change: forge.Change{Write: files}, Author: forge.Person{Name: "Noor", Email: "noor@acme.example"}, Message: fmt.Sprint("change ", w.moments), At: time.Unix(int64(w.moments), 0), Parent: head}
	now, err := w.git.Push(w.t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Expect: head, Draft: draft}})
	if err != nil {
		w.t.Fatal(err)
	}
	return check.Branch{
		Organization: "acme", Environment: "acme-dev", EnvType: "dev", Application: app, Branch: "develop", SHA: now["develop"], Present: true, At: time.Now(),
	}
}

// inWorld runs f with a runner at work.
func inWorld(t *testing.T, f func(*testing.T, *world)) {
	tree, k := installed(t, "bp-podinfo")
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, git: forgetest.New("acme"), bp: k.Blueprint, tree: tree.Files, broken: map[string]error{}, looked: map[string]int{}}
		w.git.Before = func(c forgetest.Call) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if c.Method == "Tree" {
				w.looked[c.Repo.Name]++
				return w.broken[c.Repo.Name]
			}
			return nil
		}
		w.restart(t, f)
	})
}

func (w *world) restart(t *testing.T, f func(*testing.T, *world)) {
	w.runner = &check.Runner{Git: w.git, Blueprints: w, Statuses: w, Announcer: w, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.runner.Run(ctx) }()
	f(t, w)
	cancel()
	<-done
}

func wait(d time.Duration) { time.Sleep(d) } // of the bubble's own clock: no test waits for it

func TestEveryNewHeadIsCheckedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.push("shop", nil)
		for range 3 {
			w.runner.Observed(b)
		}
		wait(time.Minute)
		if got := w.summary(); got != "shop" || w.looks("shop") != 1 {
			t.Errorf("told %q, looked %d times", got, w.looks("shop"))
		}
		bad := w.push("shop", map[string]string{"overlays/dev/values.yaml": "replicas: many\n"})
		w.runner.Observed(bad)
		w.runner.Observed(b) // late
		wait(time.Minute)
		if got := w.summary(); got != "shop invalid_values" {
			t.Errorf("told %q", got)
		}
		if len(w.posted) != 2 || !strings.Contains(w.posted[0], "catalyst/check false Nothing is wrong") || !strings.Contains(w.posted[1], "catalyst/check true overlays/dev/values.yaml line 1, replicas: must be") {
			t.Errorf("posted %q", w.posted)
		}
		if err := w.runner.TellAgain(t.Context()); err != nil || w.summary() != "shop invalid_values" {
			t.Errorf("told again: %v", err)
		}
		gone := bad
		gone.Present, gone.At = false, time.Now()
		w.runner.Observed(gone)
		if err := w.runner.TellAgain(t.Context()); err != nil || w.summary() != "" {
			t.Errorf("of what is gone: %v", err)
		}
	})
}

// One that cannot be read costs only itself, and is tried again.
func TestABadRepositoryStopsNoOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.breaks("bad", fmt.Errorf("%w: it hangs", forge.ErrUnavailable))
		w.runner.Observed(w.push("bad", nil))
		for i := range 20 {
			w.runner.Observed(w.push(fmt.Sprint("app", i), nil))
		}
		wait(10 * time.Second)
		if got := strings.Count(w.summary(), "app"); got != 20 {
			t.Errorf("%d were checked", got)
		}
		wait(time.Hour)
		if n := w.looks("bad"); n < 10 || n > 40 {
			t.Errorf("it was tried %d times in an hour", n)
		}
		w.breaks("bad", nil)
		wait(6 * time.Minute)
		if got := w.summary(); got != "bad" {
			t.Errorf("told %q", got)
		}
	})
}

func TestWhatFailsOnTheWayIsTriedAgain(t *testing.T) {
	for _, what := range []string{"blueprint", "announce"} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.breaks(what, forge.ErrUnavailable)
				w.runner.Observed(w.push("shop", nil))
				wait(time.Minute)
				if got := w.summary(); got != "" {
					t.Fatalf("told %q", got)
				}
				w.breaks(what, nil)
				wait(6 * time.Minute)
				if got := w.summary(); got != "shop" {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}

// The card does not wait for the commit status, and the status is tried again for a while.
func TestACommitStatusThatCannotBeSet(t *testing.T) {
	for reason, err := range map[string]error{"forbidden": forge.ErrForbidden, "unavailable": forge.ErrUnavailable} {
		t.Run(reason, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.breaks("status", err)
				w.runner.Observed(w.push("shop", nil))
				wait(10 * time.Second)
				if got := w.summary(); got != "shop" {
					t.Errorf("told %q", got)
				}
				w.breaks("status", nil)
				wait(10 * time.Minute)
				if got := w.summary(); got != "" || (len(w.posted) == 1) != (reason == "unavailable") {
					t.Errorf("told %q again, posted %q", got, w.posted)
				}
				w.breaks("status", err)
				w.runner.Observed(w.push("shop", map[string]string{"secrets/x.yaml": "kind: Secret\ndata: {a: b}\n"}))
				before := w.looks("shop")
				wait(24 * time.Hour)
				if n := w.looks("shop") - before; n > 10 {
					t.Errorf("it was looked at %d times in a day", n)
				}
			})
		})
	}
}

// After a restart only what has no result is checked.
func TestRestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.runner.Observed(w.push("shop", nil))
		wait(time.Minute)
		found := w.results()
		w.summary()
		shop, cart := w.push("cart", nil), w.push("cart", map[string]string{"base/values.yaml": "{}\n"})
		shop.Application, shop.SHA = "shop", found[0].SHA
		before := w.looks("shop")
		w.restart(t, func(t *testing.T, w *world) {
			w.runner.Known(found[0])
			w.runner.Observed(cart)
			w.runner.Observed(shop)
			wait(time.Minute)
			if got := w.summary(); got != "cart" || w.looks("shop") != before || w.looks("cart") != 1 {
				t.Errorf("told %q, looked %d and %d times", got, w.looks("shop")-before, w.looks("cart"))
			}
			if err := w.runner.TellAgain(t.Context()); err != nil || w.summary() != "cart, shop" {
				t.Errorf("told again: %v", err)
			}
		})
	})
}

// Who stands on another Application that is missing is checked anew when it comes, and not each time it changes.
func TestADependencyComes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		tree, _ := installed(t, "bp-podinfo", "db")
		shop := map[string]string{}
		for name, content := range tree.Files {
			shop[name] = string(content)
		}
		w.runner.Observed(w.push("shop", shop))
		wait(time.Minute)
		if got := w.summary(); got != "shop dependency_missing" {
			t.Fatalf("told %q", got)
		}
		db := w.push("db", nil)
		w.runner.Observed(db)
		wait(time.Minute)
		if got := w.summary(); got != "db, shop" {
			t.Errorf("when it came, told %q", got)
		}
		w.runner.Observed(w.push("db", map[string]string{"overlays/dev/values.yaml": "replicas: 3\n"}))
		wait(time.Minute)
		if got := w.summary(); got != "db" {
			t.Errorf("when it changed, told %q", got)
		}
	})
}

// People's commits are checked before those that Catalyst made, of which there may be many.
func TestPeopleComeFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 100 {
			b := w.push(fmt.Sprint("app", i), nil)
			b.ByCatalyst = true
			w.runner.Observed(b)
		}
		wait(10 * time.Second)
		before := w.summary()
		w.runner.Observed(w.push("mine", nil))
		wait(time.Second)
		if got := w.summary(); !strings.Contains(got, "mine") || strings.Count(before, "app") > 20 {
			t.Errorf("told %q, and before %q", got, before)
		}
		wait(time.Minute)
		if got := strings.Count(before+w.summary(), "app"); got < 98 {
			t.Errorf("%d of Catalyst's own were checked", got)
		}
	})
}
