//go:build integration

package path

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// twins are two Applications: what is done to one by a form is done to the other by hand.
type twins struct {
	s          *sovereign.Sovereign
	noor       *sovereign.Person
	operations *sovereign.Operations
	form, hand string
	clone      *sovereign.Clone // of the one by hand
	engine     engine
	// first and next are versions of the Blueprint, by their digests.
	first, next string
}

// The versions of a Blueprint that is there for the twins alone.
const firstVersion, nextVersion = "1.0.0", "1.0.1"

// engine is a Blueprint and what its files are like.
type engine struct {
	blueprint, applier, inner, values string
	set                               func(key, value string) func(string) string
}

var engines = []engine{
	{"bp-podinfo", "HelmRelease", "", "overlays/dev/values.yaml", func(key, value string) func(string) string { return line(key+": ", value) }},
	{"bp-static-site", "Kustomization", "-blueprint", "overlays/dev/values.env", func(key, value string) func(string) string { return line(key+"=", value) }},
}

// line replaces what stands behind a prefix.
func line(prefix, value string) func(string) string {
	return func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		for i, l := range lines {
			if strings.HasPrefix(l, prefix) {
				lines[i] = prefix + value + "\n"
			}
		}
		return strings.Join(lines, "")
	}
}

// TestFormAndPushLeaveTheSame does the same to two Applications, to one by the API and to the other by git: their branches
// hold the same files at any time, and their cards say the same.
func TestFormAndPushLeaveTheSame(t *testing.T) {
	for _, e := range engines {
		t.Run(e.blueprint, func(t *testing.T) {
			t.Parallel()
			s := sovereign.Attach(t)
			noor := s.SignIn(t, developer)
			w := &twins{s: s, noor: noor, operations: noor.Follow(t, "acme", nil).Operations, form: uniqueName("form"), hand: uniqueName("hand"), engine: e}
			w.first = s.Publish(t, noor, "../../blueprints/"+e.blueprint, w.blueprint(), firstVersion)
			w.next = s.Publish(t, noor, "../../blueprints/"+e.blueprint, w.blueprint(), nextVersion)
			w.install(t)
			w.same(t, view.PhaseRunning)
			for _, step := range []struct {
				name  string
				form  func()
				hand  func()
				phase view.Phase
			}{
				{"configure", func() { w.configure(t, map[string]any{"replicas": 3}) }, func() { w.edit(t, e.values, e.set("replicas", "3")) }, view.PhaseRunning},
				{"a comment by hand", func() { w.remark(t, w.s.Clone(t, "noor", "acme", w.form, "develop")) }, func() { w.remark(t, w.clone) }, view.PhaseRunning},
				{"configure what has comments", func() { w.configure(t, map[string]any{"replicas": 1}) }, func() { w.edit(t, e.values, e.set("replicas", "1")) }, view.PhaseRunning},
				{"upgrade", func() { w.post(t, "/upgrade", map[string]any{"version": nextVersion}) }, func() { w.upgrade(t) }, view.PhaseRunning},
				{"pause", func() { w.post(t, "/pause", nil) }, func() { w.edit(t, "overlays/dev/kustomization.yaml", w.paused) }, view.PhasePaused},
				{"resume", func() { w.post(t, "/resume", nil) }, func() { w.clone.Git("revert", "--no-edit", "HEAD"); w.clone.Git("push", "--quiet") }, view.PhaseRunning},
				{"roll back", func() { w.rollback(t) }, func() { w.clone.Git("checkout", "--quiet", "HEAD~5", "--", "."); w.clone.Push("Roll back") }, view.PhaseRunning},
			} {
				t.Log(step.name)
				step.form()
				step.hand()
				w.same(t, step.phase)
			}
			w.leave(t)
		})
	}
}

// install installs both into dev, and then both into stg. By hand that is the repository that the plan shows.
func (w *twins) install(t *testing.T) {
	t.Helper()
	for _, environment := range []string{env, "acme-stg"} {
		body := map[string]any{"name": w.hand, "blueprint": w.blueprint(), "version": firstVersion, "environment": environment, "values": map[string]any{"replicas": 2}}
		w.byHand(t, body)
		body["name"] = w.form
		w.do(t, http.MethodPost, "/api/v1/organizations/acme/applications", body)
	}
}

// byHand commits what a plan shows, and nothing that Catalyst does.
func (w *twins) byHand(t *testing.T, body map[string]any) {
	t.Helper()
	plan := w.plan(t, body)
	if w.clone == nil {
		admin := w.s.Forge(t, sovereign.Administrator)
		if _, err := admin.Call(http.MethodPost, "/orgs/acme/repos", map[string]any{"name": w.hand, "private": true, "default_branch": "main"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range plan.commits() {
		if w.clone == nil {
			w.clone = w.s.Clone(t, "noor", "acme", w.hand, "")
		} else {
			w.clone.Git("checkout", "--quiet", c.Branches[0])
		}
		for _, f := range c.Files {
			write(t, filepath.Join(w.clone.Dir, f.Path), f.Content)
		}
		w.clone.Git("add", "--all")
		w.clone.Git("commit", "--quiet", "--message", "By hand")
		for _, branch := range c.Branches {
			w.clone.Git("push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
		}
		w.clone.Git("fetch", "--quiet")
		w.clone.Git("checkout", "--quiet", "-B", "develop", "origin/develop")
	}
}

// shown is a plan as far as it says what is committed.
type shown struct {
	Changes []struct {
		Commits []commit
	}
	Commits []commit
}

type commit struct {
	Branches []string
	Files    []struct{ Path, Content string }
}

func (s shown) commits() []commit {
	out := s.Commits
	for _, c := range s.Changes {
		out = append(out, c.Commits...)
	}
	return out
}

func (w *twins) plan(t *testing.T, body map[string]any) (plan shown) {
	t.Helper()
	asked := map[string]any{"action": "install", "application": body["name"]}
	for k, v := range body {
		asked[k] = v
	}
	delete(asked, "name")
	a := w.noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/install-plans", asked)
	if a.Status != http.StatusCreated {
		t.Fatalf("plan: %d: %s", a.Status, a.Body)
	}
	a.Decode(t, &plan)
	return plan
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// do asks the API for something and waits until it is done.
func (w *twins) do(t *testing.T, method, path string, body any) {
	t.Helper()
	a := w.noor.Do(t, method, path, body)
	if a.Status != http.StatusAccepted {
		t.Fatalf("%s %s: %d: %s", method, path, a.Status, a.Body)
	}
	location := a.Header.Get("Location")
	w.operations.Succeed(t, location[strings.LastIndexByte(location, '/')+1:], time.Minute)
}

func (w *twins) post(t *testing.T, action string, body any) {
	t.Helper()
	w.do(t, http.MethodPost, sovereign.ApplicationPath("acme", env, w.form)+action, body)
}

// configure changes some settings, as a form does that read them all.
func (w *twins) configure(t *testing.T, change map[string]any) {
	t.Helper()
	path := sovereign.ApplicationPath("acme", env, w.form) + "/values"
	var now struct{ Values map[string]any }
	w.noor.Do(t, http.MethodGet, path, nil).Decode(t, &now)
	for k, v := range change {
		now.Values[k] = v
	}
	w.do(t, http.MethodPut, path, map[string]any{"values": now.Values})
}

func (w *twins) edit(t *testing.T, file string, edit func(string) string) {
	t.Helper()
	w.clone.Edit(file, edit)
	w.clone.Push("By hand")
}

func (w *twins) blueprint() string { return w.engine.blueprint + "-twin" }

// upgrade writes another version and its digest wherever they stand.
func (w *twins) upgrade(t *testing.T) {
	t.Helper()
	other := strings.NewReplacer(firstVersion, nextVersion, w.first, w.next).Replace
	w.clone.Edit("application.yaml", other)
	w.clone.Edit("base/release.yaml", other)
	w.clone.Push("Upgrade")
}

// remark writes what only a person writes.
func (w *twins) remark(t *testing.T, clone *sovereign.Clone) {
	t.Helper()
	clone.Edit(w.engine.values, func(text string) string { return "# noor: keep it small\n" + text })
	clone.Push("Say why")
}

// paused is the overlay of an Application that Flux leaves as it is, with the lines that the repository's README.md gives.
func (w *twins) paused(text string) string {
	if !strings.Contains(text, "\npatches:\n") {
		text += "patches:\n"
	}
	return text + fmt.Sprintf("  - patch: |\n      - op: add\n        path: /spec/suspend\n        value: true\n    target:\n      kind: %s\n      name: %s\n",
		w.engine.applier, w.hand+w.engine.inner)
}

// rollback goes back to where the replicas had been changed for the first time, which is another version, too.
func (w *twins) rollback(t *testing.T) {
	t.Helper()
	clone := w.s.Clone(t, "noor", "acme", w.form, "develop")
	w.post(t, "/rollback", map[string]any{"commit": clone.Git("rev-parse", "HEAD~5")})
}

// leave takes both out of dev, where the other Environment stays.
func (w *twins) leave(t *testing.T) {
	t.Helper()
	w.do(t, http.MethodDelete, sovereign.ApplicationPath("acme", env, w.form), nil)
	w.clone.Git("rm", "--quiet", "-r", "overlays/dev")
	w.clone.Push("Uninstall")
	w.sameFiles(t)
	for _, name := range []string{w.form, w.hand} {
		w.do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil)
	}
	w.sameFiles(t)
}

// same checks that the branches hold the same, and waits until both cards say so.
func (w *twins) same(t *testing.T, phase view.Phase) {
	t.Helper()
	w.sameFiles(t)
	for _, name := range []string{w.form, w.hand} {
		head := w.s.Clone(t, "noor", "acme", name, "develop").Git("rev-parse", "HEAD")
		sovereign.Eventually(t, time.Minute, func() error {
			var card view.Application
			if a := w.noor.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil); a.Status == http.StatusOK {
				a.Decode(t, &card)
			}
			if card.Phase != phase || card.Desired == nil || card.Desired.SHA != head {
				return fmt.Errorf("%s: %s: %s; want it %s at %s", name, card.Phase, card.Message, phase, head)
			}
			return nil
		})
	}
}

func (w *twins) sameFiles(t *testing.T) {
	t.Helper()
	for _, branch := range []string{"develop", "staging", "main"} {
		form, hand := w.tree(t, w.form, branch), w.tree(t, w.hand, branch)
		for path := range hand {
			if _, ok := form[path]; !ok {
				t.Errorf("%s: %s is there by hand only", branch, path)
			}
		}
		for path, content := range form {
			if hand[path] != content {
				t.Errorf("%s: %s by form:\n%s\nby hand:\n%s", branch, path, content, hand[path])
			}
		}
	}
}

// tree is what a branch holds, with the Application's name taken out.
func (w *twins) tree(t *testing.T, name, branch string) map[string]string {
	t.Helper()
	clone := w.s.Clone(t, "noor", "acme", name, branch)
	out := map[string]string{}
	for _, path := range strings.Fields(clone.Git("ls-files")) {
		b, err := os.ReadFile(filepath.Join(clone.Dir, path))
		if err != nil {
			t.Fatal(err)
		}
		out[path] = strings.ReplaceAll(string(b), name, "NAME")
	}
	return out
}
