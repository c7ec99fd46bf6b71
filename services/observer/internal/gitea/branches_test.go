package gitea

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// everything is an account that takes all there is.
type everything struct {
	mu     sync.Mutex
	took   []spine.Event
	refuse error
}

func (e *everything) Account(context.Context, string) (observation.Account, error) { return e, nil }
func (e *everything) Stream(context.Context) (observation.Stream, error) {
	return observation.Stream{Server: "s"}, nil
}

func (e *everything) PublishBatch(_ context.Context, events []spine.Event) []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse == nil {
		e.took = append(e.took, events...)
	}
	errs := make([]error, len(events))
	for i := range errs {
		errs[i] = e.refuse
	}
	return errs
}

// notes is a memory that outlives the process.
type notes struct {
	mu   sync.Mutex
	kept map[string]string
}

func (n *notes) Load(context.Context) (map[string]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.kept), nil
}

func (n *notes) Remember(key, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[key] = value
}

// cluster has one Environment and counts the nudges.
type cluster struct {
	mu     sync.Mutex
	nudges []string
}

func (c *cluster) Environments(organization string) []observation.Environment {
	if organization != "" && organization != "acme" {
		return nil
	}
	return []observation.Environment{{Name: "acme-dev", Organization: "acme", EnvType: "dev", Branch: "develop"}}
}

func (c *cluster) Nudge(_ context.Context, namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nudges = append(c.nudges, namespace+"/"+name)
	return nil
}

// faulty is a forge with faults.
type faulty struct {
	*forgetest.Fake
	mu    sync.Mutex
	fault string
}

func (f *faulty) set(fault string) {
	f.mu.Lock()
	f.fault = fault
	f.mu.Unlock()
}

func (f *faulty) is(fault string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault == fault
}

func (f *faulty) Branches(ctx context.Context, repo forge.Repo) (map[string]string, error) {
	heads, err := f.Fake.Branches(ctx, repo)
	switch {
	case f.is("branch deleted"):
		delete(heads, "develop")
	case f.is("blind"), f.is("repository deleted") && repo == shop:
		return nil, fmt.Errorf("repository %s: %w", repo, forge.ErrNotFound)
	}
	return heads, err
}

func (f *faulty) Repos(ctx context.Context, organization string) ([]forge.Repo, error) {
	repos, err := f.Fake.Repos(ctx, organization)
	switch {
	case f.is("down"):
		return nil, forge.ErrUnavailable
	case f.is("blind"):
		return nil, nil
	case f.is("repository deleted"):
		repos = []forge.Repo{{Organization: "acme", Name: "blog"}}
	}
	return repos, err
}

var (
	shop    = forge.Repo{Organization: "acme", Name: "shop"}
	started = time.Unix(1700000000, 0)
)

const described = `
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
spec:
  blueprint: {name: bp-shop, version: 1.2.3}
  dependencies: [{alias: db, application: shop-db}, {application: cache}]
`

// world is a forge with what observes it, in a bubble of its own time.
type world struct {
	*Branches
	t       *testing.T
	git     *faulty
	cluster *cluster
	account *everything
	memory  *notes
	stop    func()
	seq     int
}

func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, git: &faulty{Fake: forgetest.New("acme", "system")}, memory: &notes{kept: map[string]string{}}}
		for _, name := range []string{"shop", "blog"} {
			if err := w.git.CreateRepo(t.Context(), forge.Repo{Organization: "acme", Name: name}, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.start()
		test(t, w)
		w.stop()
	})
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	w.cluster, w.account = &cluster{}, &everything{}
	q := observation.NewQueue(w.account, log)
	w.Branches = NewBranches(w.git, "http://git.example/", w.cluster, w.memory, q, log)
	var running sync.WaitGroup
	running.Go(func() { q.Run(ctx) })
	running.Go(func() { w.Run(ctx) })
	w.stop = func() { cancel(); running.Wait() }
	synctest.Wait()
}

func (w *world) push(parent string, files map[string]string) string {
	w.t.Helper()
	head, err := w.git.Head(w.t.Context(), shop, "develop")
	if err != nil && !errors.Is(err, forge.ErrNotFound) {
		w.t.Fatal(err)
	}
	w.seq++
	change := forge.Change{Write: map[string][]byte{"seq": []byte(fmt.Sprint(w.seq))}}
	for path, content := range files {
		change.Write[path] = []byte(content)
	}
	heads, err := w.git.Push(w.t.Context(), shop, []forge.RefUpdate{{Branch: "develop", Expect: head.SHA, Draft: &forge.Draft{
		Parent: parent, Change: change, Author: forge.Person{Name: "Ada", Email: "ada@acme.example"}, Message: fmt.Sprint("change ", w.seq), At: started.Add(time.Duration(w.seq) * time.Minute),
	}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return heads["develop"]
}

// hears is what was told since the last call.
func (w *world) hears() []*spinev1.BranchObserved {
	synctest.Wait()
	w.account.mu.Lock()
	defer w.account.mu.Unlock()
	var out []*spinev1.BranchObserved
	for _, e := range w.account.took {
		out = append(out, e.Data.(*spinev1.BranchObserved))
	}
	w.account.took = nil
	return out
}

func (w *world) ids() string {
	w.account.mu.Lock()
	defer w.account.mu.Unlock()
	var out []string
	for _, e := range w.account.took {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}

func installed() map[string]string {
	return map[string]string{"application.yaml": described, "overlays/dev/kustomization.yaml": "resources: []\n"}
}

func TestAPushIsToldWithItsHistory(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if got := w.hears(); got != nil {
			t.Fatalf("told of repositories without a branch: %v", got)
		}
		head := ""
		for range 12 {
			head = w.push(head, installed())
		}
		w.Pushed(shop, "develop")
		got := w.hears()
		if len(got) != 1 {
			t.Fatalf("told %d times", len(got))
		}
		o := got[0]
		if o.GetHead().GetSha() != head || len(o.GetRecent()) != 10 || o.GetRecent()[0].GetSha() != head || o.GetRecent()[9].GetMessage() != "change 3" {
			t.Errorf("head %v, recent %v", o.GetHead(), o.GetRecent())
		}
		if !o.GetPresent() || o.GetBlueprint() != "bp-shop" || o.GetBlueprintVersion() != "1.2.3" || o.GetProblem() != "" || o.GetCloneUrl() != "http://git.example/acme/shop.git" {
			t.Errorf("%v", o)
		}
		if d := o.GetDependencies(); len(d) != 2 || d[0].GetAlias() != "db" || d[0].GetApplication() != "shop-db" || d[1].GetApplication() != "cache" {
			t.Errorf("dependencies %v", d)
		}
		if fmt.Sprint(w.cluster.nudges) != "[acme-dev/shop]" {
			t.Errorf("Flux was asked for %v", w.cluster.nudges)
		}
		// The same delivery once more, or one of a push that was rejected: nothing has changed.
		w.Pushed(shop, "develop")
		w.Look(shop)
		time.Sleep(2 * listEvery)
		if got := w.hears(); got != nil {
			t.Errorf("told again: %v", got)
		}
	})
}

func TestALostWebhookIsMadeUpFor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		head := w.push("", installed())
		time.Sleep(listEvery)
		if got := w.hears(); len(got) != 1 || got[0].GetHead().GetSha() != head {
			t.Errorf("told %v", got)
		}
	})
}

func TestAForcePushThereAndBackAreThreeFacts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		one := w.push("", installed())
		w.Pushed(shop, "develop")
		synctest.Wait()
		w.seq = 5
		two := w.push("", installed()) // unrelated to the first
		w.Pushed(shop, "develop")
		synctest.Wait()
		w.seq = 0
		if again := w.push("", installed()); again != one {
			t.Fatalf("the third head is %s, not the first %s", again, one)
		}
		w.Pushed(shop, "develop")
		synctest.Wait()
		ids := strings.Fields(w.ids())
		if len(ids) != 3 || ids[0] == ids[2] {
			t.Errorf("ids %q: the third is a fact of its own", ids)
		}
		var heads []string
		for _, o := range w.hears() {
			heads = append(heads, o.GetHead().GetSha())
		}
		if fmt.Sprint(heads) != fmt.Sprint([]string{one, two, one}) {
			t.Errorf("heads %v", heads)
		}
	})
}

func TestWhatIsGoneIsToldOnlyWithEvidence(t *testing.T) {
	for _, c := range []struct {
		fault string
		gone  bool
	}{{"branch deleted", true}, {"repository deleted", true}, {"down", false}, {"blind", false}} {
		t.Run(c.fault, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.push("", installed())
				w.Pushed(shop, "develop")
				w.hears()
				w.git.set(c.fault)
				w.Look(shop)
				time.Sleep(2 * listEvery)
				got := w.hears()
				if gone := len(got) == 1 && got[0].GetHead() == nil && !got[0].GetPresent(); gone != c.gone || len(got) > 1 {
					t.Errorf("told %v, want the end: %t", got, c.gone)
				}
				w.git.set("")
				w.Look(shop)
				if back := w.hears(); (len(back) == 1 && back[0].GetPresent()) != c.gone {
					t.Errorf("told %v when it was back", back)
				}
			})
		})
	}
}

func TestAForgeThatIsAwayIsListedBeforeItIsHeard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if err := w.Heard(t.Context()); err != nil {
			t.Fatalf("after the first listing: %v", err)
		}
		w.git.set("down")
		if err := w.Heard(t.Context()); !errors.Is(err, forge.ErrUnavailable) {
			t.Errorf("while it is down: %v", err)
		}
		w.push("", installed())
		w.git.set("")
		if err := w.Heard(t.Context()); err == nil {
			t.Error("it is called heard before it was listed")
		}
		if got := w.hears(); len(got) != 1 {
			t.Errorf("told %v", got)
		}
		if err := w.Heard(t.Context()); err != nil {
			t.Errorf("after the listing: %v", err)
		}
	})
}

func TestARestartTellsWhatIsNewAndNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		one := w.push("", installed())
		w.Pushed(shop, "develop")
		synctest.Wait()
		first := w.ids()
		w.stop()
		w.start()
		if got := w.hears(); got != nil {
			t.Errorf("told again after a restart: %v", got)
		}
		w.Tell("acme")
		synctest.Wait()
		if again := w.ids(); again != first {
			t.Errorf("asked to tell again: id %q, the same fact had %q", again, first)
		}
		w.hears()
		// The process ends after it published and before it remembered: the same fact comes with the same id.
		w.push(one, nil)
		kept, _ := w.memory.Load(t.Context())
		w.Pushed(shop, "develop")
		synctest.Wait()
		second := w.ids()
		w.stop()
		w.memory.kept = kept
		w.start()
		if again := w.ids(); again != second || again == first {
			t.Errorf("after a crash: id %q, the same fact had %q", again, second)
		}
		// It ends before it published: nothing is lost.
		w.account.refuse = errors.New("away")
		w.push("", nil)
		w.Pushed(shop, "develop")
		synctest.Wait()
		w.stop()
		w.start()
		if got := w.hears(); len(got) != 1 {
			t.Errorf("what never left is told %d times", len(got))
		}
	})
}

func TestWhatCannotBeReadIsAProblemOfItsOwn(t *testing.T) {
	for reason, c := range map[string]struct{ doc, want string }{
		"no YAML":            {"a: [", "application.yaml: "},
		"an alias bomb":      {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "aliasing"},
		"too large":          {strings.Repeat("#", maxApplication+1), "more than"},
		"a nameless need":    {"spec: {dependencies: [{alias: db}]}", "names no application"},
		"a long line of NUL": {strings.Repeat("\x00", 1000), "application.yaml: "},
	} {
		t.Run(reason, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				files := installed()
				files["application.yaml"] = c.doc
				w.push("", files)
				w.Pushed(shop, "develop")
				got := w.hears()
				if len(got) != 1 || !strings.Contains(got[0].GetProblem(), c.want) || !got[0].GetPresent() {
					t.Errorf("told %v, want a problem with %q", got, c.want)
				}
				if err := w.Heard(t.Context()); err != nil {
					t.Errorf("the forge is called quiet for it: %v", err)
				}
			})
		})
	}
}

func TestAStormOfWebhooksIsFewLooks(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.push("", installed())
		before := w.git.Calls("Branches")
		for range 10000 {
			w.Pushed(shop, "develop")
		}
		if got := w.hears(); len(got) != 1 {
			t.Errorf("told %d times", len(got))
		}
		if n := w.git.Calls("Branches") - before; n > looksEachSecond {
			t.Errorf("%d looks at one repository", n)
		}
		// And many repositories at once are looked at no faster than agreed.
		began := time.Now()
		for i := range 10 * looksEachSecond {
			w.Look(forge.Repo{Organization: "acme", Name: fmt.Sprint("r", i)})
		}
		if err := w.Settle(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 8*time.Second {
			t.Errorf("%d looks in %s", 10*looksEachSecond, took)
		}
	})
}
