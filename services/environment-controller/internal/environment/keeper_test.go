package environment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
)

var dev = Environment{Name: "acme-dev", Organization: "acme", EnvType: "dev", Branch: "develop"}

// repo is what a fake forge holds of one repository.
type repo struct {
	branches map[string]string
	files    []string
	needs    []string
}

// fakeGit is a forge with faults.
type fakeGit struct {
	repos map[string]repo

	listErr, branchErr, treeErr error
	blind                       bool // lists nothing and finds nothing, without an error: a forge that lost its data
	reads                       int
}

func (g *fakeGit) Branches(_ context.Context, r forge.Repo) (map[string]string, error) {
	g.reads++
	if g.branchErr != nil {
		return nil, g.branchErr
	}
	found, ok := g.repos[r.Name]
	if g.blind || !ok {
		return nil, fmt.Errorf("repository %s: %w", r, forge.ErrNotFound)
	}
	return found.branches, nil
}

func (g *fakeGit) Tree(_ context.Context, r forge.Repo, _ string) ([]forge.Entry, error) {
	g.reads++
	if g.treeErr != nil {
		return nil, g.treeErr
	}
	var out []forge.Entry
	for _, f := range g.repos[r.Name].files {
		out = append(out, forge.Entry{Path: f, Mode: "100644"})
	}
	return out, nil
}

func (g *fakeGit) File(_ context.Context, r forge.Repo, _, _ string) ([]byte, error) {
	g.reads++
	if g.treeErr != nil {
		return nil, g.treeErr
	}
	doc := "spec: {dependencies: ["
	for _, n := range g.repos[r.Name].needs {
		doc += "{application: " + n + "},"
	}
	return []byte(doc + "]}"), nil
}

func (g *fakeGit) Repos(context.Context, string) ([]forge.Repo, error) {
	if g.listErr != nil {
		return nil, g.listErr
	}
	var out []forge.Repo
	if !g.blind {
		for _, n := range slices.Sorted(maps.Keys(g.repos)) {
			out = append(out, forge.Repo{Organization: "acme", Name: n})
		}
	}
	return out, nil
}

// fakeCluster remembers what runs, and counts what is written.
type fakeCluster struct {
	running map[string]bool
	waits   map[string][]string
	awaited map[string]bool
	writes  int
}

func (c *fakeCluster) Applications(context.Context, Environment) ([]Running, error) {
	var out []Running
	for _, n := range slices.Sorted(maps.Keys(c.running)) {
		out = append(out, Running{Name: n, Waits: c.waits[n], Awaited: c.awaited[n]})
	}
	return out, nil
}

func (c *fakeCluster) Apply(_ context.Context, _ Environment, a Application) (bool, error) {
	if c.running[a.Name] && slices.Equal(c.waits[a.Name], a.Waits) && c.awaited[a.Name] == a.Awaited {
		return false, nil
	}
	c.writes++
	c.running[a.Name], c.waits[a.Name], c.awaited[a.Name] = true, a.Waits, a.Awaited
	return true, nil
}

func (c *fakeCluster) Remove(_ context.Context, _ Environment, app string) error {
	c.writes++
	delete(c.running, app)
	delete(c.waits, app)
	return nil
}

func application() repo {
	return repo{branches: map[string]string{"develop": "1"}, files: []string{"application.yaml", "overlays/dev/kustomization.yaml"}}
}

func tombstone() repo {
	return repo{branches: map[string]string{"develop": "2"}, files: []string{"README.md"}}
}

func running(names ...string) *fakeCluster {
	c := &fakeCluster{running: map[string]bool{}, waits: map[string][]string{}, awaited: map[string]bool{}}
	for _, n := range names {
		c.running[n] = true
	}
	return c
}

func TestSyncAll(t *testing.T) {
	down := fmt.Errorf("%w: connection refused", forge.ErrUnavailable)
	tests := []struct {
		name    string
		git     fakeGit
		running []string
		want    []string
		unclear int
		fails   bool
	}{
		{name: "an Application is found", git: fakeGit{repos: map[string]repo{"shop": application()}}, want: []string{"shop"}},
		{name: "an overlay of another Environment is not for this one", git: fakeGit{repos: map[string]repo{
			"shop": {branches: map[string]string{"develop": "1"}, files: []string{"application.yaml", "overlays/prod/kustomization.yaml"}}}}},
		{name: "an overlay without application.yaml is no Application", git: fakeGit{repos: map[string]repo{
			"shop": {branches: map[string]string{"develop": "1"}, files: []string{"overlays/dev/kustomization.yaml"}}}}},
		{name: "a name that is no DNS label is passed over", git: fakeGit{repos: map[string]repo{"Shop.old": application(), "shop": application()}}, want: []string{"shop"}},
		{name: "a tombstone removes", git: fakeGit{repos: map[string]repo{"shop": tombstone()}}, running: []string{"shop"}},
		{name: "a repository that is gone removes while others are listed", git: fakeGit{repos: map[string]repo{"other": tombstone()}}, running: []string{"shop"}},
		{name: "a repository that is gone stays while none is listed", git: fakeGit{}, running: []string{"shop"}, want: []string{"shop"}, unclear: 1},
		{name: "a branch that is gone removes nothing", git: fakeGit{repos: map[string]repo{"shop": {branches: map[string]string{"main": "1"}}}}, running: []string{"shop"}, want: []string{"shop"}, unclear: 1},
		{name: "an empty repository is no Application and no problem", git: fakeGit{repos: map[string]repo{"shop": {}}}},
		{name: "a forge that does not list removes nothing", git: fakeGit{listErr: down}, running: []string{"shop"}, want: []string{"shop"}, fails: true},
		{name: "a forge that reads no branches removes nothing", git: fakeGit{repos: map[string]repo{"shop": tombstone()}, branchErr: down}, running: []string{"shop"}, want: []string{"shop"}, unclear: 1},
		{name: "a forge that reads no files removes nothing", git: fakeGit{repos: map[string]repo{"shop": tombstone()}, treeErr: down}, running: []string{"shop"}, want: []string{"shop"}, unclear: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := running(tt.running...)
			k := NewKeeper(&tt.git, c, slog.New(slog.DiscardHandler))
			report, err := k.SyncAll(t.Context(), dev)
			if (err != nil) != tt.fails {
				t.Fatalf("error = %v, want one: %v", err, tt.fails)
			}
			if got := slices.Sorted(maps.Keys(c.running)); !slices.Equal(got, tt.want) {
				t.Errorf("running = %v, want %v", got, tt.want)
			}
			if len(report.Unclear) != tt.unclear {
				t.Errorf("unclear = %v, want %d", report.Unclear, tt.unclear)
			}
			if n, whole := k.Count("acme-dev"); !tt.fails && (int(n) != len(tt.want) || !whole) {
				t.Errorf("count = %d (whole %v), want %d", n, whole, len(tt.want))
			}
		})
	}
}

// TestSyncNeverRemovesWithoutEvidence: whatever fails in whatever order, an Application leaves the cluster only if its
// repository says so, or is missing among others that are there.
func TestSyncNeverRemovesWithoutEvidence(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		git := &fakeGit{repos: map[string]repo{}}
		c := running()
		k := NewKeeper(git, c, slog.New(slog.DiscardHandler))
		down := errors.New("down")
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			app := rapid.SampledFrom(names).Draw(t, "app")
			switch rapid.IntRange(0, 3).Draw(t, "git") {
			case 0:
				git.repos[app] = application()
			case 1:
				git.repos[app] = tombstone()
			case 2:
				git.repos[app] = repo{branches: map[string]string{"main": "1"}}
			case 3:
				delete(git.repos, app)
			}
			git.listErr, git.branchErr, git.treeErr = nil, nil, nil
			fault := rapid.IntRange(0, 6).Draw(t, "fault")
			switch fault {
			case 0:
				git.listErr = down
			case 1:
				git.branchErr = down
			case 2:
				git.treeErr = down
			}
			git.blind = fault == 3
			before := maps.Clone(c.running)
			if rapid.Bool().Draw(t, "all") {
				_, _ = k.SyncAll(context.Background(), dev) // it may fail; what matters is what it did
			} else {
				_ = k.Sync(context.Background(), dev, app) // likewise
			}
			for n := range before {
				if c.running[n] {
					continue
				}
				r, there := git.repos[n]
				said := !git.blind && there && slices.Equal(r.files, tombstone().files)
				missing := !git.blind && !there && len(git.repos) > 0
				if !said && !missing || git.branchErr != nil || git.treeErr != nil && !missing || git.listErr != nil && !said {
					t.Fatalf("%s was removed: repository %v (there: %v), faults %v %v %v, blind %v", n, r, there, git.listErr, git.branchErr, git.treeErr, git.blind)
				}
			}
		}
	})
}

func TestSyncConvergesOnGit(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		git := &fakeGit{repos: map[string]repo{"witness": tombstone()}}
		var want []string
		for _, n := range names {
			switch rapid.IntRange(0, 2).Draw(t, n) {
			case 0:
				git.repos[n] = application()
				want = append(want, n)
			case 1:
				git.repos[n] = tombstone()
			}
		}
		c := running(rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, "running")...)
		if _, err := NewKeeper(git, c, slog.New(slog.DiscardHandler)).SyncAll(context.Background(), dev); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(c.running)); !slices.Equal(got, want) {
			t.Fatalf("running = %v, want %v", got, want)
		}
	})
}

func TestLookReadsACommitOnce(t *testing.T) {
	git := &fakeGit{repos: map[string]repo{"shop": application()}}
	k := NewKeeper(git, running(), slog.New(slog.DiscardHandler))
	for range 3 {
		if err := k.Sync(t.Context(), dev, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if git.reads != 5 { // the branches each time, the files and application.yaml once
		t.Errorf("%d reads, want 5", git.reads)
	}
}

// flickering answers a first look with a tombstone and the next with an Application.
type flickering struct {
	fakeGit
	looks int
}

func (g *flickering) Branches(context.Context, forge.Repo) (map[string]string, error) {
	g.looks++
	if g.looks == 1 {
		g.repos["shop"] = tombstone()
	} else {
		g.repos["shop"] = application()
	}
	return g.repos["shop"].branches, nil
}

func TestRemovalNeedsGitToSayItTwice(t *testing.T) {
	c := running("shop")
	k := NewKeeper(&flickering{fakeGit: fakeGit{repos: map[string]repo{}}}, c, slog.New(slog.DiscardHandler))
	if err := k.Sync(t.Context(), dev, "shop"); err == nil {
		t.Error("no error, so nobody would look again soon")
	}
	if !c.running["shop"] {
		t.Error("removed on one look")
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"shop": true, "a": true, "shop-2": true, "": false, "Shop": false, "2shop": false, "shop-": false, "a.b": false, "a_b": false, "läden": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
}

func needing(names ...string) repo {
	r := application()
	r.needs = names
	return r
}

// TestDependenciesFollowGit: what waits for what follows the repositories, whichever of them is looked at, each
// Application is written once, and a second look writes nothing.
func TestDependenciesFollowGit(t *testing.T) {
	git := &fakeGit{repos: map[string]repo{"shop": needing("db", "queue"), "db": application(), "api": needing("shop")}}
	c := running()
	k := NewKeeper(git, c, slog.New(slog.DiscardHandler))
	look := func(writes int, waits map[string][]string, unmet int) {
		t.Helper()
		c.writes = 0
		for range 2 {
			if _, err := k.SyncAll(t.Context(), dev); err != nil {
				t.Fatal(err)
			}
		}
		for _, app := range []string{"shop", "db", "api", "queue"} {
			if !slices.Equal(c.waits[app], waits[app]) {
				t.Errorf("%s waits for %v, want %v", app, c.waits[app], waits[app])
			}
		}
		if c.writes != writes {
			t.Errorf("%d writes, want %d", c.writes, writes)
		}
		if got := k.Unmet("acme-dev"); len(got) != unmet {
			t.Errorf("unmet: %v", got)
		}
	}
	look(3, map[string][]string{"shop": {"db"}, "api": {"shop"}}, 1)

	t.Log("the one that was missing comes, by its own event")
	git.repos["queue"] = application()
	if err := k.Sync(t.Context(), dev, "queue"); err != nil {
		t.Fatal(err)
	}
	look(0, map[string][]string{"shop": {"db", "queue"}, "api": {"shop"}}, 0)
	if !c.awaited["db"] || !c.awaited["queue"] || c.awaited["api"] {
		t.Errorf("awaited: %v", c.awaited)
	}

	t.Log("an edit by hand closes a circle")
	git.repos["db"] = repo{branches: map[string]string{"develop": "3"}, files: application().files, needs: []string{"api"}}
	look(0, map[string][]string{"shop": {"db", "queue"}, "api": {"shop"}}, 1)

	t.Log("a process that starts anew decides the same")
	k = NewKeeper(git, c, slog.New(slog.DiscardHandler))
	if err := k.Sync(t.Context(), dev, "db"); err != nil {
		t.Fatal(err)
	}
	look(0, map[string][]string{"shop": {"db", "queue"}, "api": {"shop"}}, 1)

	t.Log("the circle is broken elsewhere, and one leaves")
	git.repos["api"] = repo{branches: map[string]string{"develop": "4"}, files: application().files}
	git.repos["queue"] = tombstone()
	look(4, map[string][]string{"shop": {"db"}, "db": {"api"}}, 1)
}
