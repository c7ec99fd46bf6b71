package organization

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
)

var settings = Settings{
	WebhookURL: "http://observer.example/webhooks/gitea", WebhookSecret: "s3cret",
	Writers: []string{"catalyst-provisioning"}, Readers: []string{"catalyst-observer"},
}

var acme = Organization{Name: "acme", DisplayName: "Acme", Private: true}

var wish = Wish{
	Organization: acme, Reader: "catalyst-flux-acme",
	Teams: []Team{{Name: "team-security", Level: Read, Description: "Approves"}},
}

// fakeForge is a forge in memory that counts its writes.
type fakeForge struct {
	organization *Organization
	teams        []Team
	hooks        []Hook
	accounts     []string
	repos        []Repository
	broken       string // a repository that cannot be archived
	next         int64
	writes       int
}

func (f *fakeForge) id() int64 { f.next++; return f.next }

func (f *fakeForge) Organization(context.Context, string) (Organization, error) {
	if f.organization == nil {
		return Organization{}, forge.ErrNotFound
	}
	return *f.organization, nil
}

func (f *fakeForge) CreateOrganization(_ context.Context, o Organization) error {
	f.writes++
	f.organization = &o
	f.teams = append(f.teams, Team{ID: f.id(), Name: "Owners", Level: "owner"})
	return nil
}

func (f *fakeForge) UpdateOrganization(_ context.Context, o Organization) error {
	f.writes++
	f.organization = &o
	return nil
}

func (f *fakeForge) Teams(context.Context, string) ([]Team, error) {
	out := slices.Clone(f.teams)
	for i := range out {
		out[i].Members = nil
	}
	return out, nil
}

func (f *fakeForge) team(id int64) *Team {
	return &f.teams[slices.IndexFunc(f.teams, func(t Team) bool { return t.ID == id })]
}

func (f *fakeForge) Members(_ context.Context, id int64) ([]string, error) {
	return f.team(id).Members, nil
}

func (f *fakeForge) SaveTeam(_ context.Context, _ string, t Team) error {
	f.writes++
	if t.ID == 0 {
		t.ID, t.Members = f.id(), nil
		f.teams = append(f.teams, t)
		return nil
	}
	t.Members = f.team(t.ID).Members
	*f.team(t.ID) = t
	return nil
}

func (f *fakeForge) AddMember(_ context.Context, id int64, account string) error {
	if !slices.Contains(f.accounts, account) {
		return forge.ErrNotFound
	}
	f.writes++
	f.team(id).Members = append(f.team(id).Members, account)
	return nil
}

func (f *fakeForge) RemoveMember(_ context.Context, id int64, account string) error {
	f.writes++
	t := f.team(id)
	t.Members = slices.DeleteFunc(t.Members, func(m string) bool { return m == account })
	return nil
}

func (f *fakeForge) Hooks(context.Context, Place) ([]Hook, error) { return slices.Clone(f.hooks), nil }

func (f *fakeForge) SaveHook(_ context.Context, _ Place, h Hook) error {
	f.writes++
	if h.ID == 0 {
		h.ID = f.id()
		f.hooks = append(f.hooks, h)
		return nil
	}
	i := slices.IndexFunc(f.hooks, func(o Hook) bool { return o.ID == h.ID })
	h.Secret = f.hooks[i].Secret // a change does not reach it
	f.hooks[i] = h
	return nil
}

func (f *fakeForge) DeleteHook(_ context.Context, _ Place, id int64) error {
	f.writes++
	f.hooks = slices.DeleteFunc(f.hooks, func(h Hook) bool { return h.ID == id })
	return nil
}

func keeper(f *fakeForge) *Keeper {
	return NewKeeper(f, f, f, f, settings, slog.New(slog.DiscardHandler))
}

var everybody = []string{"catalyst-provisioning", "catalyst-observer", "catalyst-flux-acme", "ada"}

func TestKeepMakesEverythingThenWritesNothing(t *testing.T) {
	f := &fakeForge{accounts: everybody}
	if _, err := keeper(f).Keep(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	check(t, f)
	f.writes = 0
	if made, err := keeper(f).Keep(t.Context(), wish); err != nil || len(made) != 0 || f.writes != 0 {
		t.Errorf("second time: %v changes, %d writes, %v", made, f.writes, err)
	}
}

type fatal interface{ Fatalf(string, ...any) }

// check that the forge holds what it should.
func check(t fatal, f *fakeForge) {
	if f.organization == nil || *f.organization != acme {
		t.Fatalf("organization = %+v", f.organization)
	}
	want := map[string]Team{}
	for _, w := range settings.teams(wish) {
		want[w.Name] = w
	}
	for _, have := range f.teams {
		w, ok := want[have.Name]
		if !ok {
			continue
		}
		delete(want, have.Name)
		if have.Level != w.Level || have.CreatesRepos != w.CreatesRepos || w.Members != nil && !sameSet(have.Members, w.Members) {
			t.Fatalf("team = %+v, want %+v", have, w)
		}
	}
	if len(want) > 0 {
		t.Fatalf("teams missing: %v", want)
	}
	var ours []Hook
	for _, h := range f.hooks {
		if h.URL == settings.WebhookURL {
			ours = append(ours, h)
		}
	}
	if len(ours) != 1 || ours[0].Secret != settings.WebhookSecret || !ours[0].Regular || !sameSet(ours[0].Events, hookEvents) {
		t.Fatalf("hooks = %+v", ours)
	}
}

// TestKeepHeals: whatever people did to it, one Keep puts it back, leaves alone what is theirs, and a second one
// writes nothing.
func TestKeepHeals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fakeForge{accounts: everybody}
		if _, err := keeper(f).Keep(context.Background(), wish); err != nil {
			t.Fatal(err)
		}
		theirs := Hook{ID: f.id(), Name: "ci", URL: "http://ci.example", Events: []string{"push"}, Regular: true}
		f.hooks = append(f.hooks, theirs)
		for range rapid.IntRange(1, 6).Draw(t, "deeds") {
			vandalise(t, f)
		}
		if _, err := keeper(f).Keep(context.Background(), wish); err != nil {
			t.Fatal(err)
		}
		check(t, f)
		if !slices.ContainsFunc(f.hooks, func(h Hook) bool { return h.ID == theirs.ID }) {
			t.Fatalf("the hook of somebody else is gone")
		}
		f.writes = 0
		if made, err := keeper(f).Keep(context.Background(), wish); err != nil || len(made) != 0 || f.writes != 0 {
			t.Fatalf("then: %v changes, %d writes, %v", made, f.writes, err)
		}
	})
}

func vandalise(t *rapid.T, f *fakeForge) {
	team := &f.teams[rapid.IntRange(1, len(f.teams)-1).Draw(t, "team")]
	switch rapid.IntRange(0, 8).Draw(t, "deed") {
	case 0:
		f.organization.Private = false
	case 1:
		f.organization.DisplayName = "Other"
	case 2:
		team.Level = Irregular
	case 3:
		team.CreatesRepos = !team.CreatesRepos
	case 4:
		team.Members = append(team.Members, "ada")
	case 5:
		team.Members = nil
	case 6:
		f.hooks = slices.DeleteFunc(f.hooks, func(h Hook) bool { return h.Name != "ci" })
	case 7:
		h := settings.hook(Place{Organization: "acme"})
		h.ID, h.Secret, h.Name = f.id(), "other", "catalyst 000000000000"
		f.hooks = append([]Hook{h}, f.hooks...)
	case 8:
		for i := range f.hooks {
			if f.hooks[i].Name != "ci" {
				f.hooks[i].Regular = false
			}
		}
	}
}

func TestKeepReplacesTheHookWhenTheSecretChanges(t *testing.T) {
	f := &fakeForge{accounts: everybody}
	old := NewKeeper(f, f, f, f, Settings{WebhookURL: settings.WebhookURL, WebhookSecret: "old", Writers: settings.Writers, Readers: settings.Readers}, slog.New(slog.DiscardHandler))
	if _, err := old.Keep(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	if _, err := keeper(f).Keep(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	check(t, f)
	if strings.Contains(f.hooks[0].Name, settings.WebhookSecret) {
		t.Error("the name gives the secret away")
	}
}

func TestKeepSaysWhichAccountIsMissing(t *testing.T) {
	f := &fakeForge{accounts: []string{"catalyst-provisioning", "catalyst-observer"}}
	_, err := keeper(f).Keep(t.Context(), wish)
	var missing *AccountMissingError
	if !errors.As(err, &missing) || missing.Account != "catalyst-flux-acme" {
		t.Fatalf("error = %v", err)
	}
	if len(f.hooks) != 1 {
		t.Error("one missing account kept the webhook away")
	}
}

func (f *fakeForge) Repositories(context.Context, string) ([]Repository, error) {
	return slices.Clone(f.repos), nil
}

func (f *fakeForge) SetArchived(_ context.Context, _, name string, archived bool) error {
	if name == f.broken {
		return forge.ErrUnavailable
	}
	f.writes++
	f.repos[slices.IndexFunc(f.repos, func(r Repository) bool { return r.Name == name })].Archived = archived
	return nil
}

// TestRetiringIsUndone: however often it fails on the way, an Organization that is retired has all its repositories
// archived in the end, and one that no longer is has those archived that people had archived before.
func TestRetiringIsUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fakeForge{}
		for _, name := range []string{"a", "b", "c"} {
			f.repos = append(f.repos, Repository{Name: name, Archived: rapid.Bool().Draw(t, name)})
		}
		before := slices.Clone(f.repos)
		var ours []string
		pass := func(retired bool) {
			f.broken = rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "broken")
			ours, _ = keeper(f).Archive(context.Background(), "acme", retired, ours) // it may fail
			f.broken = ""
			var err error
			if ours, err = keeper(f).Archive(context.Background(), "acme", retired, ours); err != nil {
				t.Fatal(err)
			}
			f.writes = 0
			again, err := keeper(f).Archive(context.Background(), "acme", retired, ours)
			if err != nil || f.writes > 0 || !slices.Equal(again, ours) {
				t.Fatalf("then %v, %d writes, %v", again, f.writes, err)
			}
		}
		pass(true)
		if slices.ContainsFunc(f.repos, func(r Repository) bool { return !r.Archived }) {
			t.Fatalf("retired: %v", f.repos)
		}
		pass(false)
		if !slices.Equal(before, f.repos) || len(ours) > 0 {
			t.Fatalf("%v, and then %v (%v)", before, f.repos, ours)
		}
	})
}

func TestEachPlaceHasItsSecret(t *testing.T) {
	s := Settings{WebhookSecret: "one", WebhookKey: "key"}
	a, b, c := s.Secret(Place{"acme", ""}), s.Secret(Place{"kestrel", ""}), s.Secret(Place{"acme", "shop"})
	if a == b || a == c || b == c || a == "one" || strings.Contains(a, "key") || a != s.Secret(Place{"acme", ""}) {
		t.Errorf("%s %s %s", a, b, c)
	}
	if (Settings{WebhookSecret: "one"}).Secret(Place{"acme", ""}) != "one" {
		t.Error("without a key there is one secret")
	}
}
