//go:build integration

// Package path tests the whole path of one Application on a running Sovereign: from a request to a green card, from a
// push to a new revision, and away again.
package path

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

const (
	developer = "noor@acme.example"
	viewer    = "vik@acme.example"
	outsider  = "kit@kestrel.example"
	env       = "acme-dev"
)

// uniqueName keeps one run of the tests out of another's way on a Sovereign that lives on.
func uniqueName(prefix string) string {
	return prefix + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)[4:]
}

func install(name, blueprint string, values map[string]any) map[string]any {
	return map[string]any{"name": name, "blueprint": blueprint, "environment": env, "values": values}
}

func runningAt(sha string) func(view.Application) bool {
	return func(a view.Application) bool {
		return a.Phase == view.PhaseRunning && a.Applied != nil && (sha == "" || a.Applied.SHA == sha)
	}
}

func TestApplicationGoesAllTheWay(t *testing.T) {
	for _, tc := range []struct {
		blueprint string
		values    map[string]any
		file      string
		edit      func(string) string
		pods      int32
	}{
		{"bp-podinfo", map[string]any{"replicas": 3}, "overlays/dev/values.yaml",
			func(s string) string { return strings.Replace(s, "replicas: 3", "replicas: 1", 1) }, 3},
		{"bp-static-site", map[string]any{"title": "Hello", "replicas": 3}, "overlays/dev/values.env",
			func(s string) string { return strings.Replace(s, "replicas=3", "replicas=1", 1) }, 3},
	} {
		t.Run(tc.blueprint, func(t *testing.T) {
			t.Parallel()
			s := sovereign.Attach(t)
			noor := s.SignIn(t, developer)
			name := uniqueName("path")
			frames := noor.Watch(t.Context(), t, "acme", "")

			a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", install(name, tc.blueprint, tc.values))
			if a.Status != http.StatusAccepted || a.Header.Get("Location") == "" {
				t.Fatalf("install: %d: %s", a.Status, a.Body)
			}
			card, _ := sovereign.Await(t, frames, env, name, time.Minute, runningAt(""))
			if len(card.Workloads) != 1 || card.Workloads[0].Ready != tc.pods {
				t.Errorf("the card shows workloads %+v, want one with %d pods ready", card.Workloads, tc.pods)
			}
			if card.Desired == nil || card.Desired.Email != developer {
				t.Errorf("the commit on the card is %+v, want it authored by %s", card.Desired, developer)
			}
			installedInOneCommit(t, s, name)

			clone := s.Clone(t, "noor", "acme", name, "develop")
			clone.Edit(tc.file, tc.edit)
			sha := clone.Push("fewer pods")
			card, _ = sovereign.Await(t, frames, env, name, 30*time.Second, func(a view.Application) bool {
				return runningAt(sha)(a) && len(a.Workloads) == 1 && a.Workloads[0].Desired == 1 && a.Workloads[0].Ready == 1
			})
			if got := card.Changes[0].Message; got != "fewer pods" {
				t.Errorf("the newest change on the card is %q, want the pushed commit", got)
			}

			uninstall(t, s, noor, name)
		})
	}
}

func installedInOneCommit(t *testing.T, s *sovereign.Sovereign, name string) {
	t.Helper()
	c := s.Clone(t, "noor", "acme", name, "develop")
	heads := strings.Fields(c.Git("ls-remote", "--heads", "origin"))
	if len(heads) != 6 || heads[0] != heads[2] || heads[2] != heads[4] {
		t.Errorf("want three branches at one commit, got %v", heads)
	}
	if n := c.Git("rev-list", "--count", "--all"); n != "1" {
		t.Errorf("the repo has %s commits after the install, want 1", n)
	}
	if who := c.Git("log", "-1", "--format=%ae %an / %cn"); !strings.HasPrefix(who, developer+" Noor Haddad / Catalyst") {
		t.Errorf("the commit is by %q, want the person as author and Catalyst as committer", who)
	}
	if !strings.Contains(c.Git("log", "-1", "--format=%B"), "Catalyst-Operation: ") {
		t.Error("the commit has no Catalyst-Operation trailer")
	}
}

func uninstall(t *testing.T, s *sovereign.Sovereign, p *sovereign.Person, name string) {
	t.Helper()
	if a := p.Do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil); a.Status != http.StatusAccepted {
		t.Fatalf("uninstall: %d: %s", a.Status, a.Body)
	}
	cluster := s.Cluster(t)
	sovereign.Eventually(t, time.Minute, func() error {
		left, err := sovereign.Leftovers(context.Background(), cluster, env, name)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("still there: %v", left)
		}
		return nil
	})
	sovereign.Eventually(t, 10*time.Second, func() error {
		if a := p.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil); a.Status != http.StatusNotFound {
			return fmt.Errorf("the card is still there: %d: %s", a.Status, a.Body)
		}
		return nil
	})
	files, commits := s.RepoFiles(t, "noor", "acme", name, "develop")
	if len(files) != 1 || files[0] != "README.md" || commits < 2 {
		t.Errorf("after the uninstall the branch holds %v with %d commits, want README.md alone and the history kept", files, commits)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	s := sovereign.Attach(t)
	noor := s.SignIn(t, developer)
	taken := uniqueName("taken")
	frames := noor.Watch(t.Context(), t, "acme", "")
	if a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", install(taken, "bp-podinfo", nil)); a.Status != http.StatusAccepted {
		t.Fatalf("install: %d: %s", a.Status, a.Body)
	}
	sovereign.Await(t, frames, env, taken, time.Minute, runningAt(""))
	t.Cleanup(func() { uninstall(t, s, noor, taken) })
	before := repos(t, s)

	fresh := uniqueName("bad")
	with := func(change func(map[string]any)) map[string]any {
		b := install(fresh, "bp-podinfo", map[string]any{})
		change(b)
		return b
	}
	for _, tc := range []struct {
		reason, org string
		body        any
		status      int
		code        string
		mention     string
	}{
		{"values against the schema", "acme", with(func(b map[string]any) { b["values"] = map[string]any{"replicas": 1000} }), 422, "invalid_values", "/values/replicas"},
		{"a value of the wrong type", "acme", with(func(b map[string]any) { b["values"] = map[string]any{"replicas": "many"} }), 422, "invalid_values", "/values/replicas"},
		{"a value that the schema does not know", "acme", with(func(b map[string]any) { b["values"] = map[string]any{"replica": 1} }), 422, "invalid_values", "replica"},
		{"a name that is no DNS label", "acme", with(func(b map[string]any) { b["name"] = "My Shop!" }), 422, "invalid_name", "my-shop"},
		{"an empty name", "acme", with(func(b map[string]any) { b["name"] = "" }), 422, "invalid_name", "name"},
		{"a name with a path in it", "acme", with(func(b map[string]any) { b["name"] = "../system/catalyst-config" }), 422, "invalid_name", "name"},
		{"a name that exists", "acme", with(func(b map[string]any) { b["name"] = taken }), 409, "name_taken", taken},
		{"an Organization that does not exist", "nowhere", with(func(map[string]any) {}), 404, "organization_not_found", "nowhere"},
		{"an Environment that does not exist", "acme", with(func(b map[string]any) { b["environment"] = "acme-uat" }), 404, "environment_not_found", "acme-uat"},
		{"a Blueprint that does not exist", "acme", with(func(b map[string]any) { b["blueprint"] = "bp-nothing" }), 422, "blueprint_not_found", "bp-nothing"},
		{"a version that does not exist", "acme", with(func(b map[string]any) { b["version"] = "99.0.0" }), 422, "version_not_found", "99.0.0"},
		{"no JSON", "acme", []byte("{"), 400, "", ""},
		{"a megabyte too many", "acme", with(func(b map[string]any) { b["values"] = map[string]any{"message": strings.Repeat("x", 2<<20)} }), 413, "", ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			a := noor.Do(t, http.MethodPost, "/api/v1/organizations/"+tc.org+"/applications", tc.body)
			var problem struct{ Code, Detail string }
			a.Decode(t, &problem)
			if a.Status != tc.status || (tc.code != "" && problem.Code != tc.code) || !strings.Contains(string(a.Body), tc.mention) {
				t.Errorf("got %d: %s\nwant %d %s that mentions %q", a.Status, a.Body, tc.status, tc.code, tc.mention)
			}
			if problem.Detail == "" || a.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("not a problem with a detail: %s: %s", a.Header.Get("Content-Type"), a.Body)
			}
		})
	}
	if after := repos(t, s); after != before {
		t.Errorf("bad input changed the repositories:\nbefore %s\nafter  %s", before, after)
	}
}

// repos lists acme's repositories and the heads of their branches as the forge tells them.
func repos(t *testing.T, s *sovereign.Sovereign) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.Gitea+"/api/v1/orgs/acme/repos?limit=50", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("noor", sovereign.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list []struct {
		Name    string    `json:"name"`
		Updated time.Time `json:"updated_at"`
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range list {
		if strings.HasPrefix(r.Name, "bad-") || strings.HasPrefix(r.Name, "my-shop") || strings.HasPrefix(r.Name, "taken-") {
			names = append(names, r.Name+"@"+r.Updated.String())
		}
	}
	return strings.Join(names, " ")
}

func TestRolesHold(t *testing.T) {
	s := sovereign.Attach(t)
	vik, kit := s.SignIn(t, viewer), s.SignIn(t, outsider)
	body := install(uniqueName("no"), "bp-podinfo", nil)
	if a := vik.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", body); a.Status != http.StatusForbidden {
		t.Errorf("a viewer's install: %d: %s", a.Status, a.Body)
	}
	if a := vik.Do(t, http.MethodGet, "/api/v1/organizations/acme/applications", nil); a.Status != http.StatusOK {
		t.Errorf("a viewer reads: %d: %s", a.Status, a.Body)
	}
	for _, path := range []string{"/api/v1/organizations/%s", "/api/v1/organizations/%s/applications", "/api/v1/organizations/%s/environments"} {
		theirs := kit.Do(t, http.MethodGet, fmt.Sprintf(path, "acme"), nil)
		nowhere := kit.Do(t, http.MethodGet, fmt.Sprintf(path, "nowhere"), nil)
		if theirs.Status != http.StatusNotFound || strings.ReplaceAll(string(theirs.Body), "acme", "nowhere") != string(nowhere.Body) {
			t.Errorf("%s: not yours answers %d %s, not there answers %d %s; want them alike", path, theirs.Status, theirs.Body, nowhere.Status, nowhere.Body)
		}
	}
	if a := kit.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", body); a.Status != http.StatusNotFound {
		t.Errorf("an outsider's install: %d: %s", a.Status, a.Body)
	}
	res, err := http.Get(s.URL + "/api/v1/organizations/acme/applications")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %s", res.Status)
	}
}

func TestSameRequestTwiceIsOneOperation(t *testing.T) {
	s := sovereign.Attach(t)
	noor := s.SignIn(t, developer)
	name := uniqueName("once")
	key := uniqueName("key")
	frames := noor.Watch(t.Context(), t, "acme", "")
	type result struct {
		sovereign.Answer
		err error
	}
	results := make(chan result)
	for range 10 {
		go func() {
			a, err := noor.Try(http.MethodPost, "/api/v1/organizations/acme/applications", install(name, "bp-podinfo", nil), "Idempotency-Key", key)
			results <- result{a, err}
		}()
	}
	locations := map[string]bool{}
	for range 10 {
		r := <-results
		if r.err != nil || r.Status != http.StatusAccepted {
			t.Errorf("repeat: %d %v: %s", r.Status, r.err, r.Body)
		}
		locations[r.Header.Get("Location")] = true
	}
	if len(locations) != 1 {
		t.Errorf("ten repeats made %d Operations: %v", len(locations), locations)
	}
	sovereign.Await(t, frames, env, name, time.Minute, runningAt(""))
	installedInOneCommit(t, s, name)
	other := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", install(name+"x", "bp-podinfo", nil), "Idempotency-Key", key)
	if other.Status != http.StatusUnprocessableEntity || !strings.Contains(string(other.Body), "idempotency_key_reused") {
		t.Errorf("the key with another body: %d: %s", other.Status, other.Body)
	}
	uninstall(t, s, noor, name)
}
