package operation_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

func replace(s string, oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(s) }

var shopRepo = forge.Repo{Organization: "acme", Name: "shop"}

// tree is what a branch holds.
func (s *sovereign) tree(repo forge.Repo, branch string) map[string]string {
	s.t.Helper()
	head, err := s.forge.Head(s.t.Context(), repo, branch)
	if err != nil {
		s.t.Fatal(err)
	}
	entries, err := s.forge.Tree(s.t.Context(), repo, head.SHA)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		b, err := s.forge.File(s.t.Context(), repo, head.SHA, e.Path)
		if err != nil {
			s.t.Fatal(err)
		}
		out[e.Path] = string(b)
	}
	return out
}

func (s *sovereign) heads(repo forge.Repo) map[string]string {
	s.t.Helper()
	heads, err := s.forge.Branches(s.t.Context(), repo)
	if err != nil {
		s.t.Fatal(err)
	}
	return heads
}

// byHand commits to a branch as somebody would with git.
func (s *sovereign) byHand(repo forge.Repo, branch, path, content string) string {
	s.t.Helper()
	head, _ := s.forge.Head(s.t.Context(), repo, branch)
	heads, err := s.forge.Push(s.t.Context(), repo, []forge.RefUpdate{{Branch: branch, Expect: head.SHA, Draft: &forge.Draft{Parent: head.SHA, At: s.now,
		Author: forge.Person{Name: "Noor Haddad", Email: "noor@acme.example"}, Message: "By hand", Change: forge.Change{Write: map[string][]byte{path: []byte(content)}}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return heads[branch]
}

func (s *sovereign) refused(r operation.Request, want operation.Code) *operation.Error {
	s.t.Helper()
	_, err := s.service.Submit(s.t.Context(), r)
	var e *operation.Error
	if !errors.As(err, &e) || e.Code != want {
		s.t.Fatalf("%s of %q: got %v, want %s", r.Action, r.Application, err, want)
	}
	return e
}

func TestInstall(t *testing.T) {
	s := start(t)
	r := install("shop", "acme-dev")
	r.Values = map[string]any{"replicas": 3}
	r.Key = "key-1"
	o := s.do(r)
	heads := s.heads(shopRepo)
	if len(heads) != 3 || heads["develop"] != o.Commit || heads["staging"] != o.Commit || heads["main"] != o.Commit || s.forge.Commits(shopRepo) != 1 {
		t.Errorf("heads %v, %d commits", heads, s.forge.Commits(shopRepo))
	}
	if calls := s.forge.Calls("Push"); calls != 1 {
		t.Errorf("%d pushes", calls)
	}
	files := s.tree(shopRepo, "main")
	want := []string{"CODEOWNERS", "README.md", "application.yaml", "base/kustomization.yaml", "base/release.yaml", "base/values.yaml",
		"overlays/dev/kustomization.yaml", "overlays/dev/values.yaml", "secrets/README.md"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	values, err := gitlayout.ReadValues(gitlayout.Helm, []byte(files["overlays/dev/values.yaml"]), nil)
	if err != nil || !gitlayout.SameValues(values, map[string]any{"replicas": 3, "message": "Hello"}) {
		t.Errorf("values %v, %v", values, err)
	}
	head, err := s.forge.Head(t.Context(), shopRepo, "develop")
	if err != nil {
		t.Fatal(err)
	}
	if head.Author != (forge.Person{Name: "Ada Lindqvist", Email: "ada@acme.example"}) ||
		head.Message != "Install shop (bp-web 1.1.0) into acme-dev\n\nCatalyst-Operation: "+o.ID+"\nCatalyst-Request: key-1" {
		t.Errorf("head %+v", head)
	}
	last := s.records.said[len(s.records.said)-1]
	if last.State != "Succeeded" || last.Message == "" || len(last.Steps) != 3 || last.EndedAt.IsZero() {
		t.Errorf("announced %+v", last.View())
	}
	for i, o := range s.records.said {
		if o.Sequence != int64(i+1) {
			t.Errorf("announcement %d has the sequence %d", i, o.Sequence)
		}
	}
}

func TestTheWholeLife(t *testing.T) {
	s := start(t)
	s.do(install("shop", "acme-dev"))
	stg := install("shop", "acme-stg")
	stg.Values = map[string]any{"replicas": 4}
	s.do(stg)
	if f := s.tree(shopRepo, "staging"); f["overlays/stg/values.yaml"] == "" || f["overlays/dev/values.yaml"] == "" {
		t.Errorf("staging holds %v", slices.Sorted(maps.Keys(f)))
	}
	if f := s.tree(shopRepo, "develop"); f["overlays/stg/values.yaml"] != "" {
		t.Error("develop holds the overlay of stg")
	}
	s.do(install("shop", "acme-uat")) // on a branch that is not there yet
	if f := s.tree(shopRepo, "uat"); f["overlays/uat/values.yaml"] == "" || f["application.yaml"] == "" {
		t.Errorf("uat holds %v", slices.Sorted(maps.Keys(f)))
	}

	configure := operation.Request{Action: operation.Configure, Organization: "acme", Environment: "acme-stg", Application: "shop", Person: ada,
		Values: map[string]any{"replicas": 5, "message": "Hello"}}
	before := s.heads(shopRepo)
	s.do(configure)
	if f := s.tree(shopRepo, "staging"); !strings.Contains(f["overlays/stg/values.yaml"], "replicas: 5\n") {
		t.Errorf("settings\n%s", f["overlays/stg/values.yaml"])
	}
	if after := s.heads(shopRepo); after["develop"] != before["develop"] || after["main"] != before["main"] {
		t.Error("configure moved another branch")
	}
	settings, err := s.service.Settings(t.Context(), configure)
	if err != nil || !gitlayout.SameValues(settings.Values, configure.Values) || settings.Commit != s.heads(shopRepo)["staging"] || settings.Blueprint.Name != "bp-web" {
		t.Errorf("settings %+v, %v", settings, err)
	}
	if o := s.do(configure); o.Commit != "" || s.heads(shopRepo)["staging"] != settings.Commit {
		t.Errorf("settings that are there already were committed: %+v", o.View())
	}

	s.do(operation.Request{Action: operation.Uninstall, Organization: "acme", Environment: "acme-stg", Application: "shop", Person: ada})
	if f := s.tree(shopRepo, "staging"); f["overlays/stg/values.yaml"] != "" || f["application.yaml"] == "" {
		t.Errorf("staging holds %v", slices.Sorted(maps.Keys(f)))
	}
	s.refused(configure, operation.CodeApplicationNotFound)
	s.do(stg) // and back

	everywhere := operation.Request{Action: operation.Uninstall, Organization: "acme", Application: "shop", Person: ada}
	o := s.do(everywhere)
	if diff := cmp.Diff([]string{"acme-dev", "acme-stg", "acme-uat"}, o.Environments); diff != "" {
		t.Errorf("it is told in (-want +got):\n%s", diff)
	}
	for _, branch := range []string{"develop", "staging", "main", "uat"} {
		if f := s.tree(shopRepo, branch); len(f) != 1 || !gitlayout.IsTombstone([]byte(f["README.md"])) {
			t.Errorf("%s holds %v", branch, slices.Sorted(maps.Keys(f)))
		}
	}
	s.refused(everywhere, operation.CodeApplicationNotFound)

	again := install("shop", "acme-prod")
	again.Blueprint = "bp-site"
	s.do(again)
	for _, branch := range []string{"develop", "staging", "main", "uat"} {
		if f := s.tree(shopRepo, branch); f["overlays/prod/values.env"] == "" || f["base/values.env"] == "" || f["base/values.yaml"] != "" {
			t.Errorf("%s holds %v", branch, slices.Sorted(maps.Keys(f)))
		}
	}
}

func TestRefusals(t *testing.T) {
	s := start(t)
	s.do(install("shop", "acme-dev"))
	if err := s.forge.CreateRepo(t.Context(), forge.Repo{Organization: "acme", Name: "empty"}, "somebody's"); err != nil {
		t.Fatal(err)
	}
	if err := s.forge.CreateRepo(t.Context(), forge.Repo{Organization: "acme", Name: "code"}, ""); err != nil {
		t.Fatal(err)
	}
	s.byHand(forge.Repo{Organization: "acme", Name: "code"}, "main", "README.md", "# ours\n")
	if err := s.forge.CreateRepo(t.Context(), forge.Repo{Organization: "acme", Name: "old"}, ""); err != nil {
		t.Fatal(err)
	}
	s.byHand(forge.Repo{Organization: "acme", Name: "old"}, "master", "README.md", "# ours\n")
	with := func(change func(*operation.Request)) operation.Request {
		r := install("new", "acme-dev")
		change(&r)
		return r
	}
	for _, tt := range []struct {
		reason string
		r      operation.Request
		want   operation.Code
	}{
		{"no name", install("", "acme-dev"), operation.CodeInvalidName},
		{"a name with capitals", install("Shop", "acme-dev"), operation.CodeInvalidName},
		{"a reserved name", install("flux", "acme-dev"), operation.CodeInvalidName},
		{"a name that another Application owns", install("shop-blueprint", "acme-dev"), operation.CodeInvalidName},
		{"a name that climbs", install("../system", "acme-dev"), operation.CodeInvalidName},
		{"an Organization that is not there", with(func(r *operation.Request) { r.Organization = "kestrel" }), operation.CodeOrganizationNotFound},
		{"an Environment that is not there", install("new", "acme-poc"), operation.CodeEnvironmentNotFound},
		{"a Blueprint that is not there", with(func(r *operation.Request) { r.Blueprint = "bp-nope" }), operation.CodeBlueprintNotFound},
		{"a version that is not there", with(func(r *operation.Request) { r.Version = "9.0.0" }), operation.CodeVersionNotFound},
		{"it is there already", install("shop", "acme-dev"), operation.CodeNameTaken},
		{"another Blueprint", with(func(r *operation.Request) { r.Application, r.Environment, r.Blueprint = "shop", "acme-stg", "bp-other" }), operation.CodeNameTaken},
		{"another version", with(func(r *operation.Request) { r.Application, r.Environment, r.Version = "shop", "acme-stg", "1.0.0" }), operation.CodeVersionRefused},
		{"somebody's empty repository", install("empty", "acme-dev"), operation.CodeNameTaken},
		{"somebody's repository", install("code", "acme-dev"), operation.CodeNameTaken},
		{"somebody's repository on another branch", install("old", "acme-dev"), operation.CodeNameTaken},
		{"a key with a line end", with(func(r *operation.Request) { r.Key = "a\nSigned-off-by: x" }), operation.CodeInvalidRequest},
	} {
		t.Run(tt.reason, func(t *testing.T) { s.refused(tt.r, tt.want) })
	}
	if e := s.refused(install("shop", "acme-dev"), operation.CodeNameTaken); e.Suggestion != "shop-2" {
		t.Errorf("suggestion %q", e.Suggestion)
	}
	e := s.refused(with(func(r *operation.Request) { r.Values = map[string]any{"replicas": 11, "nope": 1} }), operation.CodeInvalidValues)
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Pointer)
	}
	if diff := cmp.Diff([]string{"/values/nope", "/values/replicas"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if calls := s.forge.Calls("Push"); calls != 3 {
		t.Errorf("a refusal wrote: %d pushes", calls)
	}
}

func TestConfigureOnAHeadThatMoved(t *testing.T) {
	s := start(t)
	o := s.do(install("shop", "acme-dev"))
	s.byHand(shopRepo, "develop", "NOTES.md", "x")
	r := operation.Request{Action: operation.Configure, Organization: "acme", Environment: "acme-dev", Application: "shop", Person: ada,
		Values: map[string]any{"replicas": 5}, Head: o.Commit}
	e := s.refused(r, operation.CodeBranchMoved)
	if !strings.Contains(e.Message, "Noor Haddad") || !strings.Contains(e.Message, "By hand") {
		t.Errorf("it does not say who: %s", e.Message)
	}
	// It moves between plan and push: the Operation fails and nothing is overwritten.
	r.Head = ""
	accepted := s.submit(r)
	hand := s.byHand(shopRepo, "develop", "NOTES.md", "y")
	done := s.run(accepted.ID)
	if done.State != "Failed" || !strings.Contains(done.Message, "Noor Haddad") || s.heads(shopRepo)["develop"] != hand {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

func TestAPlanChangesNothing(t *testing.T) {
	s := start(t)
	p, err := s.plans.Make(t.Context(), install("shop", "acme-prod"))
	if err != nil {
		t.Fatal(err)
	}
	changes := p.Operation.Plan.Changes
	if len(changes) != 1 || len(changes[0].Commits) != 1 || !gitlayout.SameValues(p.Proposal.Values, map[string]any{"replicas": 2, "message": "Hello"}) || len(p.Proposal.Warnings) != 1 {
		t.Errorf("plan %+v, %+v", changes, p.Proposal)
	}
	if s.forge.Calls("CreateRepo")+s.forge.Calls("Push") != 0 || len(s.records.stored) != 0 {
		t.Error("a preview wrote")
	}
}

func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9-]{0,60}`), rapid.StringMatching(`(kube-|catalyst-|9)?[a-z]{0,45}(-blueprint|-values)?`)).Draw(t, "name")
		var taken []string
		for range rapid.IntRange(0, 4).Draw(t, "taken") {
			suggestion := operation.SuggestName(name, taken)
			if err := operation.CheckName(suggestion); err != nil {
				t.Fatalf("%q suggests %q: %v", name, suggestion, err)
			}
			if slices.Contains(taken, suggestion) {
				t.Fatalf("%q suggests %q, which is taken", name, suggestion)
			}
			taken = append(taken, suggestion)
		}
		if operation.CheckName(name) == nil && operation.SuggestName(name, nil) != name {
			t.Fatalf("%q is valid, but %q is suggested", name, operation.SuggestName(name, nil))
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	s := start(t)
	r := install("shop", "acme-dev")
	r.Key = "k"
	first := s.do(r)
	if second := s.submit(r); second.ID != first.ID || s.forge.Commits(shopRepo) != 1 {
		t.Errorf("the repetition became %s", second.ID)
	}
	other := r
	other.Application = "other"
	s.refused(other, operation.CodeKeyReused)
	other.Person.Subject = "u-noor" // keys are each person's own
	if o := s.submit(other); o.ID == first.ID {
		t.Error("two people share a key")
	}
}

func TestRepeatedInParallel(t *testing.T) {
	s := start(t)
	r := install("shop", "acme-dev")
	r.Key = "k"
	ids := make(chan string, 20)
	for range 20 {
		go func() {
			o, err := s.service.Submit(t.Context(), r)
			if err != nil {
				t.Errorf("submit: %v", err)
				ids <- ""
				return
			}
			if _, err := s.runner.Run(t.Context(), o.ID); err != nil && !errors.Is(err, operation.ErrConflict) {
				t.Errorf("run: %v", err)
			}
			ids <- o.ID
		}()
	}
	seen := map[string]bool{}
	for range 20 {
		seen[<-ids] = true
	}
	if len(seen) != 1 || s.forge.Commits(shopRepo) != 1 {
		t.Errorf("ids %v, %d commits", seen, s.forge.Commits(shopRepo))
	}
}

func TestForgeDown(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	down := true
	s.forge.Before = func(forgeCall) error {
		if down {
			return forge.ErrUnavailable
		}
		return nil
	}
	waiting := s.run(o.ID)
	if waiting.State != "Waiting" || !strings.Contains(waiting.Message, "Git does not answer") {
		t.Errorf("%s: %s", waiting.State, waiting.Message)
	}
	s.refused(install("other", "acme-dev"), operation.CodeForgeUnavailable)
	down = false
	if done := s.run(o.ID); done.State != "Succeeded" {
		t.Errorf("%s: %s", done.State, done.Message)
	}
	o = s.submit(install("late", "acme-dev"))
	down = true
	s.now = s.now.Add(25 * time.Hour)
	if done := s.run(o.ID); done.State != "Failed" {
		t.Errorf("after a day: %s: %s", done.State, done.Message)
	}
}
