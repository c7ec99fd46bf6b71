package desired

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
)

type fakeGit struct {
	head  string
	files map[string]string
	err   error
	reads int
}

func (g *fakeGit) Branches(context.Context, forge.Repo) (map[string]string, error) {
	if g.head == "" {
		return nil, g.err
	}
	return map[string]string{"main": g.head}, g.err
}

func (g *fakeGit) Tree(context.Context, forge.Repo, string) ([]forge.Entry, error) {
	var out []forge.Entry
	for p := range g.files {
		out = append(out, forge.Entry{Path: p, Mode: "100644"})
	}
	return out, g.err
}

func (g *fakeGit) File(_ context.Context, _ forge.Repo, _, path string) ([]byte, error) {
	g.reads++
	return []byte(g.files[path]), g.err
}

func TestRead(t *testing.T) {
	g := &fakeGit{head: "1", files: map[string]string{
		"README.md": "kind: Environment", "a.yaml": "kind: Organization\nmetadata: {name: acme}\n---\n# nothing\n---\nkind: Environment\nmetadata: {name: acme-dev}\n",
	}}
	r := NewRepository(g, forge.Repo{Organization: "system", Name: "catalyst-config"}, "main")
	for range 2 {
		s, err := r.Read(t.Context())
		if err != nil || !s.Declares("Environment", "acme-dev") || !s.Declares("Organization", "acme") || s.Declares("Environment", "acme-prod") || s.Declares("Environment", "") {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if g.reads != 1 {
		t.Errorf("%d files read, want 1: a commit does not change", g.reads)
	}
	for name, broken := range map[string]*fakeGit{
		"emptied":               {head: "2"},
		"no branch":             {},
		"down":                  {head: "2", files: g.files, err: errors.New("down")},
		"no YAML":               {head: "2", files: map[string]string{"a.yaml": g.files["a.yaml"], "b.yaml": "a: ["}},
		"only an Environment":   {head: "2", files: map[string]string{"a.yaml": "kind: Environment\nmetadata: {name: x}"}},
		"larger than it can be": {head: "2", files: map[string]string{"a.yaml": "kind: x\n# " + strings.Repeat("x", 3)}},
	} {
		if s, err := NewRepository(broken, forge.Repo{}, "main").Read(t.Context()); err == nil {
			t.Errorf("%s: %+v and no error", name, s)
		}
	}
}

// TestNothingIsCleanedUpWithoutEvidence: whatever else holds, nothing is taken away unless Git was read, does not
// declare the object, and the way out was announced or the owner stays.
func TestNothingIsCleanedUpWithoutEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		var all []Object
		if flag("declares Environment") {
			all = append(all, Object{"Environment", "acme-dev"})
		}
		if flag("declares Organization") {
			all = append(all, Object{"Organization", "acme"})
		}
		s := NewState("1", all...)
		var unclear error
		if flag("unclear") {
			unclear = errors.New("down")
		}
		owner, retired, archived, n := flag("owner stays"), flag("retired"), flag("archived"), rapid.IntRange(0, 2).Draw(t, "environments")
		e := OfEnvironment("acme-dev", "acme", s, unclear, owner, retired)
		if e.Verdict == CleanUp && (unclear != nil || s.Declares("Environment", "acme-dev") || !owner && !retired) || e.Why == "" {
			t.Fatalf("%+v", e)
		}
		o := OfOrganization("acme", s, unclear, retired, archived, n)
		if o.Verdict == CleanUp && (unclear != nil || s.Declares("Organization", "acme") || !retired || !archived || n > 0) || o.Why == "" {
			t.Fatalf("%+v", o)
		}
		if unclear == nil && s.Declares("Organization", "acme") && o.Verdict != LetGo || unclear == nil && s.Declares("Environment", "acme-dev") && e.Verdict != LetGo {
			t.Fatalf("what is declared is held: %+v %+v", e, o)
		}
	})
}
