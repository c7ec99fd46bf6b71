package operation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

func repoOf(name string) forge.Repo { return forge.Repo{Organization: "acme", Name: name} }

func ask(action operation.Action, env string) operation.Request {
	return operation.Request{Action: action, Organization: "acme", Environment: env, Application: "shop", Person: ada}
}

func shopInto(env, version string) operation.Request {
	r := install("shop", env)
	r.Blueprint, r.Version = "bp-shop", version
	return r
}

// spec is what application.yaml says on a branch.
func (s *sovereign) spec(application, branch string) gitlayout.Spec {
	s.t.Helper()
	spec, err := gitlayout.ReadApplication([]byte(s.tree(repoOf(application), branch)["application.yaml"]))
	if err != nil {
		s.t.Fatal(err)
	}
	return spec
}

func (s *sovereign) settings(application, env string) map[string]any {
	s.t.Helper()
	got, err := s.service.Settings(s.t.Context(), operation.Request{Organization: "acme", Environment: env, Application: application})
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Values
}

func TestInstallWithDependencies(t *testing.T) {
	s := start(t)
	o := s.do(shopInto("acme-dev", "2.0.0"))
	if diff := cmp.Diff([]string{"shop-db-other", "shop-db", "shop-cache", "shop"}, o.View().Applications); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	for _, name := range o.View().Applications {
		heads := s.heads(repoOf(name))
		if len(heads) != 3 || heads["develop"] != o.Made[name] || s.forge.Commits(repoOf(name)) != 1 {
			t.Errorf("%s: heads %v, %d commits", name, heads, s.forge.Commits(repoOf(name)))
		}
	}
	want := []gitlayout.Dependency{{Alias: "db", Blueprint: "bp-db", Application: "shop-db", Owned: true}, {Alias: "cache", Blueprint: "bp-cache", Application: "shop-cache", Owned: true}}
	if diff := cmp.Diff(want, s.spec("shop", "main").Dependencies); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
	if v := s.settings("shop-db", "acme-dev"); !gitlayout.SameValues(v, map[string]any{"replicas": 3, "message": "Hello"}) {
		t.Errorf("what was passed down did not arrive: %v", v)
	}
	if o.Commit != o.Made["shop"] || len(o.Steps) != 12 || o.Steps[11].Application != "shop" {
		t.Errorf("commit %s, steps %+v", o.Commit, o.Steps)
	}
	if calls := s.forge.Calls("Push"); calls != 4 {
		t.Errorf("%d pushes", calls)
	}
	// Another one may share what is there.
	other := shopInto("acme-dev", "1.0.0")
	other.Application, other.Choices = "second", map[string]operation.Choice{"db": {Use: "existing", Application: "shop-db"}}
	if o := s.do(other); len(o.View().Applications) != 1 {
		t.Errorf("applications %v", o.View().Applications)
	}
	e := s.refused(operation.Request{Action: operation.Uninstall, Organization: "acme", Environment: "acme-dev", Application: "shop-db", Person: ada}, operation.CodeInUse)
	if diff := cmp.Diff([]string{"second", "shop"}, e.Dependents); diff != "" {
		t.Errorf("dependents (-want +got):\n%s", diff)
	}
	r := ask(operation.Uninstall, "acme-dev")
	r.WithDependencies = true
	if diff := cmp.Diff([]string{"shop", "shop-cache"}, s.do(r).View().Applications); diff != "" { // second needs shop-db
		t.Errorf("uninstalled (-want +got):\n%s", diff)
	}
	r.Application = "second"
	s.do(r)
	r.Application = "shop-db"
	if diff := cmp.Diff([]string{"shop-db", "shop-db-other"}, s.do(r).View().Applications); diff != "" {
		t.Errorf("uninstalled (-want +got):\n%s", diff)
	}
}

func TestNoNameOfSomebodyElse(t *testing.T) {
	s := start(t)
	s.do(install("shop-db", "acme-prod")) // another Application, in another Environment
	o := s.do(shopInto("acme-dev", "1.0.0"))
	if diff := cmp.Diff([]string{"shop-db-2-other", "shop-db-2", "shop"}, o.View().Applications); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

func TestIntoAnotherEnvironment(t *testing.T) {
	s := start(t)
	s.do(shopInto("acme-dev", "1.0.0"))
	o := s.do(shopInto("acme-stg", ""))
	if diff := cmp.Diff([]string{"shop-db-other", "shop-db", "shop"}, o.View().Applications); diff != "" {
		t.Errorf("it does not bring along what it needs (-want +got):\n%s", diff)
	}
	if v := s.spec("shop", "staging").Pin.Version; v != "1.0.0" {
		t.Errorf("version %s", v)
	}
	s.do(operation.Request{Action: operation.Install, Organization: "acme", Environment: "acme-prod", Application: "pg", Blueprint: "bp-db", Version: "1.0.0", Person: ada})
	prod := shopInto("acme-prod", "")
	prod.Choices = map[string]operation.Choice{"db": {Use: "existing", Application: "pg"}}
	if o := s.do(prod); len(o.View().Applications) != 1 {
		t.Errorf("applications %v", o.View().Applications)
	}
	if d := s.spec("shop", "main").Dependencies; len(d) != 1 || d[0].Application != "pg" || d[0].Owned {
		t.Errorf("dependencies on main %+v", d)
	}
	if d := s.spec("shop", "staging").Dependencies; len(d) != 1 || d[0].Application != "shop-db" {
		t.Errorf("dependencies on staging %+v", d)
	}
}

func TestUpgradeAndRollback(t *testing.T) {
	s := start(t)
	r := shopInto("acme-dev", "1.0.0")
	r.Values = map[string]any{"replicas": 4}
	first := s.do(r)
	up := ask(operation.Upgrade, "acme-dev")
	up.Version = "2.0.0"
	e := s.refused(up, operation.CodeUpgradeRefused)
	if e.Suggestion != "1.1.0" {
		t.Errorf("the stop on the way is %q: %s", e.Suggestion, e.Message)
	}
	up.Version = "1.1.0"
	s.do(up)
	up.Version = "2.0.0"
	o := s.do(up)
	if diff := cmp.Diff([]string{"shop-cache", "shop"}, o.View().Applications); diff != "" || o.Action != operation.Upgrade {
		t.Errorf("%s, applications (-want +got):\n%s", o.Action, diff)
	}
	spec := s.spec("shop", "develop")
	if spec.Pin.Version != "2.0.0" || spec.Pin.Digest != "sha256:2.0.0" || len(spec.Dependencies) != 2 || !spec.Dependencies[0].Owned || !spec.Dependencies[1].Owned {
		t.Errorf("application.yaml says %+v", spec)
	}
	if v := s.settings("shop", "acme-dev"); !gitlayout.SameValues(v, map[string]any{"replicas": 4, "message": "Hello"}) {
		t.Errorf("settings %v", v)
	}
	if s.spec("shop", "main").Pin.Version != "1.0.0" {
		t.Error("another branch was upgraded too")
	}
	up.Version = "3.0.0"
	p, err := s.plans.Make(t.Context(), up)
	if err != nil || !slices.ContainsFunc(p.Proposal.Warnings, func(w string) bool { return strings.Contains(w, "no longer needs shop-db") }) {
		t.Errorf("warnings %v, %v", p, err)
	}
	up.Version = "1.0.0"
	s.refused(up, operation.CodeUpgradeRefused)

	back := ask(operation.Rollback, "acme-dev")
	back.Commit = first.Commit[:10]
	before := s.heads(shopRepo)["develop"]
	s.do(back)
	head, err := s.forge.Head(t.Context(), shopRepo, "develop")
	if err != nil || !slices.Equal(head.Parents, []string{before}) {
		t.Errorf("it was not a commit on top: %+v, %v", head, err)
	}
	then, err := s.forge.Tree(t.Context(), shopRepo, first.Commit)
	if err != nil {
		t.Fatal(err)
	}
	now, err := s.forge.Tree(t.Context(), shopRepo, head.SHA)
	if diff := cmp.Diff(then, now); diff != "" || err != nil {
		t.Errorf("the tree (-then +now):\n%s %v", diff, err)
	}
	back.Commit = "0123456"
	s.refused(back, operation.CodeCommitNotFound)
}

func TestPauseAndResume(t *testing.T) {
	s := start(t)
	s.do(install("shop", "acme-dev"))
	before := s.tree(shopRepo, "develop")
	s.do(ask(operation.Pause, "acme-dev"))
	paused := s.tree(shopRepo, "develop")
	files := map[string][]byte{}
	for path, text := range paused {
		files[path] = []byte(text)
	}
	if !gitlayout.IsPaused(files, "dev") {
		t.Errorf("overlay\n%s", paused["overlays/dev/kustomization.yaml"])
	}
	s.do(ask(operation.Resume, "acme-dev"))
	if diff := cmp.Diff(before, s.tree(shopRepo, "develop")); diff != "" {
		t.Errorf("it left a trace (-before +after):\n%s", diff)
	}
	if o := s.do(ask(operation.Resume, "acme-dev")); o.Commit != "" {
		t.Errorf("nothing had to be done: %s", o.Message)
	}
}

func TestSizes(t *testing.T) {
	s := start(t)
	r := install("shop", "acme-dev")
	r.Size, r.Values = "large", map[string]any{"message": "Hi"}
	s.do(r)
	if v := s.settings("shop", "acme-dev"); !gitlayout.SameValues(v, map[string]any{"replicas": 8, "message": "Hi"}) || s.spec("shop", "main").Size != "large" {
		t.Errorf("settings %v, application.yaml %+v", v, s.spec("shop", "main"))
	}
	r.Application, r.Size = "other", "huge"
	s.refused(r, operation.CodeInvalidValues)
}

func TestUninstallWhenNobodyKnows(t *testing.T) {
	s := start(t)
	s.do(install("shop", "acme-dev"))
	s.known.down = true
	s.refused(ask(operation.Uninstall, "acme-dev"), operation.CodeUnavailable)
	s.do(install("other", "acme-dev")) // which needs nothing
}

// What the read model has not heard of yet is found in Git.
func TestABlindReadModel(t *testing.T) {
	s := start(t)
	s.do(shopInto("acme-dev", "1.0.0"))
	s.known.blind = true
	r := ask(operation.Configure, "acme-dev")
	r.Values = map[string]any{"replicas": 7}
	if o := s.do(r); len(o.View().Applications) != 1 || len(s.spec("shop", "develop").Dependencies) != 1 {
		t.Errorf("applications %v, dependencies %+v", o.View().Applications, s.spec("shop", "develop").Dependencies)
	}
}

func TestInstallPlan(t *testing.T) {
	s := start(t)
	r := shopInto("acme-dev", "1.0.0")
	r.Key = "k"
	p, err := s.plans.Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.plans.Make(t.Context(), r); err != nil || again.ID != p.ID {
		t.Errorf("a repetition became %+v, %v", again, err)
	}
	if p.Proposal.Tree == nil || len(p.Proposal.Tree.Depends) != 1 || p.Proposal.Tree.Depends[0].Application != "shop-db" || len(p.Operation.Plan.Changes) != 3 {
		t.Errorf("plan %+v", p.Proposal)
	}
	kept, err := s.plans.Get(t.Context(), "acme", p.ID)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.plans.Apply(t.Context(), kept, ada)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := s.plans.Apply(t.Context(), kept, ada); err != nil || twice.ID != o.ID || len(s.records.queue) != 1 {
		t.Errorf("applied twice it became %+v, %v", twice, err)
	}
	done := s.run(o.ID)
	if done.State != "Succeeded" || done.View().Plan != p.ID {
		t.Fatalf("%s: %s", done.State, done.Message)
	}
	for _, c := range p.Operation.Plan.Changes { // what was shown is what is there
		for _, path := range c.Commits[0].Paths() {
			if got := s.tree(c.Repo, "develop")[path]; got != string(p.Operation.Plan.Files(c.Commits[0])[path]) {
				t.Errorf("%s of %s differs from what was shown", path, c.Repo)
			}
		}
	}
	if _, err := s.plans.Get(t.Context(), "kestrel", p.ID); operation.CodeOf(err) != operation.CodePlanNotFound {
		t.Errorf("another Organization reads it: %v", err)
	}

	configure := ask(operation.Configure, "acme-dev")
	configure.Values = map[string]any{"replicas": 6}
	p, err = s.plans.Make(t.Context(), configure)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Proposal.Diffs[operation.DiffKey(shopRepo, 0, "overlays/dev/values.yaml")]; !strings.Contains(d, "+replicas: 6\n") {
		t.Errorf("the difference is %q of %v", d, p.Proposal.Diffs)
	}
	s.byHand(shopRepo, "develop", "overlays/dev/NOTES.md", "x")
	_, err = s.plans.Apply(t.Context(), p, ada)
	e := asError(err)
	if e == nil || e.Code != operation.CodeBranchMoved || e.Moved == nil || e.Moved.By != "Noor Haddad" || e.Moved.Branch != "develop" ||
		!slices.Equal(e.Moved.Files, []string{"overlays/dev/NOTES.md"}) || e.Moved.Message != "By hand" {
		t.Errorf("got %+v, moved %+v", e, e.Moved)
	}
	p, err = s.plans.Make(t.Context(), configure)
	if err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(61 * 60 * 1e9)
	if _, err := s.plans.Apply(t.Context(), p, ada); operation.CodeOf(err) != operation.CodePlanExpired {
		t.Errorf("after an hour: %v", err)
	}
}

func TestRetry(t *testing.T) {
	s := start(t)
	r := shopInto("acme-dev", "1.0.0")
	o := s.submit(r)
	if _, err := s.service.Retry(t.Context(), o.ID, ada, ""); operation.CodeOf(err) != operation.CodeNotRetryable {
		t.Errorf("one that runs: %v", err)
	}
	s.forge.Before = func(c forgeCall) error {
		if c.Method == "Push" && c.Repo == shopRepo {
			return forge.ErrForbidden
		}
		return nil
	}
	if failed := s.run(o.ID); failed.State != "Failed" || failed.Hint == "" {
		t.Fatalf("%s: %s", failed.State, failed.Message)
	}
	s.forge.Before = nil
	s.now = s.now.Add(60 * 1e9)
	again, err := s.service.Retry(t.Context(), o.ID, ada, "k2")
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := s.service.Retry(t.Context(), o.ID, ada, ""); err != nil || twice.ID != again.ID || again.View().RetryOf != o.ID {
		t.Errorf("tried again twice: %v, %v", twice, err)
	}
	if done := s.run(again.ID); done.State != view.OperationSucceeded {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

// An install asks the forge for as little as can be: what is there, one creation, one push and one look.
func TestHowOftenTheForgeIsAsked(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	planned := map[string]int{"Branches": 1}
	check := func(want map[string]int) {
		t.Helper()
		for _, m := range []string{"Head", "Tree", "File", "Branches", "Repos", "Log", "CreateRepo", "Description", "Push"} {
			if got := s.forge.Calls(m); got != want[m] {
				t.Errorf("%s was called %d times, want %d", m, got, want[m])
			}
		}
	}
	check(planned)
	s.run(o.ID)
	check(map[string]int{"Branches": 2, "CreateRepo": 1, "Push": 1})
}
