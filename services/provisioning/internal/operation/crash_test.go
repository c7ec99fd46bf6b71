package operation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

type forgeCall = forgetest.Call

var errKilled = errors.New("killed")

// A process dies at any call, before or after it took effect. Whoever takes over ends the work: in each repository three
// refs and one commit.
func TestKilledAnywhere(t *testing.T) {
	for _, r := range []operation.Request{install("shop", "acme-dev"), shopInto("acme-dev", "2.0.0")} {
		for _, after := range []bool{false, true} {
			for at, reached := 1, true; reached; at++ {
				t.Run(fmt.Sprintf("%s/after=%v/call %d", r.Blueprint, after, at), func(t *testing.T) {
					s := start(t)
					o := s.submit(r)
					s.killAt(o.ID, at, after)
					done := s.run(o.ID)
					if done.State != "Succeeded" {
						t.Fatalf("%s: %s", done.State, done.Message)
					}
					s.whole(done)
					reached = s.died
				})
			}
		}
	}
}

// killAt runs an Operation and kills it at one of its calls.
func (s *sovereign) killAt(id string, at int, after bool) {
	s.t.Helper()
	calls := 0
	kill := func() error {
		if calls++; calls == at {
			return errKilled
		}
		return nil
	}
	hook := func(forgeCall) error { return kill() }
	if after {
		s.forge.After = hook
	} else {
		s.forge.Before, s.records.fail = hook, kill
	}
	// An error of the forge that nobody knows ends an Operation, so the death is one of the whole process.
	runner := *s.runner
	runner.Forge = mortal{s.forge}
	s.died = died(func() error { _, err := runner.Run(s.t.Context(), id); return err })
	s.forge.Before, s.forge.After, s.records.fail = nil, nil, nil
}

// whole checks that an install did everything, once.
func (s *sovereign) whole(o *operation.Operation) {
	s.t.Helper()
	for _, name := range o.View().Applications {
		heads := s.heads(repoOf(name))
		if len(heads) != 3 || heads["develop"] != heads["main"] || heads["staging"] != heads["main"] || heads["main"] != o.Made[name] || s.forge.Commits(repoOf(name)) != 1 {
			s.t.Errorf("%s: heads %v, %d commits", name, heads, s.forge.Commits(repoOf(name)))
		}
	}
}

// mortal panics where the forge says that the process was killed.
type mortal struct{ *forgetest.Fake }

func (m mortal) CreateRepo(ctx context.Context, r forge.Repo, description string) error {
	return alive(m.Fake.CreateRepo(ctx, r, description))
}

func (m mortal) Description(ctx context.Context, r forge.Repo) (string, error) {
	d, err := m.Fake.Description(ctx, r)
	return d, alive(err)
}

func (m mortal) Push(ctx context.Context, r forge.Repo, refs []forge.RefUpdate) (map[string]string, error) {
	heads, err := m.Fake.Push(ctx, r, refs)
	return heads, alive(err)
}

func (m mortal) Branches(ctx context.Context, r forge.Repo) (map[string]string, error) {
	heads, err := m.Fake.Branches(ctx, r)
	return heads, alive(err)
}

func (m mortal) Log(ctx context.Context, r forge.Repo, branch string, limit int) ([]forge.Commit, error) {
	log, err := m.Fake.Log(ctx, r, branch, limit)
	return log, alive(err)
}

func (m mortal) File(ctx context.Context, r forge.Repo, commit, path string) ([]byte, error) {
	b, err := m.Fake.File(ctx, r, commit, path)
	return b, alive(err)
}

func alive(err error) error {
	if errors.Is(err, errKilled) {
		panic(err)
	}
	return err
}

func died(f func() error) (killed bool) {
	defer func() {
		if r := recover(); r != nil {
			killed = true
		}
	}()
	return errors.Is(f(), errKilled)
}

// A push that landed is found again although somebody has committed on top of it since.
func TestLandedAndMovedOn(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	broken := false
	s.forge.After = func(c forgeCall) error {
		if c.Method == "Push" && !broken {
			broken = true
			return fmt.Errorf("%w: connection reset", forge.ErrUnavailable)
		}
		return nil
	}
	if waiting := s.run(o.ID); waiting.State != "Waiting" {
		t.Fatalf("%s: %s", waiting.State, waiting.Message)
	}
	s.byHand(shopRepo, "develop", "NOTES.md", "x")
	if done := s.run(o.ID); done.State != "Succeeded" || done.Commit != s.heads(shopRepo)["main"] {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

// Somebody takes the name between plan and creation. It is never adopted, empty or not.
func TestTakenInBetween(t *testing.T) {
	for _, empty := range []bool{true, false} {
		s := start(t)
		o := s.submit(install("shop", "acme-dev"))
		if err := s.forge.CreateRepo(t.Context(), shopRepo, "somebody's"); err != nil {
			t.Fatal(err)
		}
		if !empty {
			s.byHand(shopRepo, "main", "a", "b")
		}
		before := s.heads(shopRepo)
		done := s.run(o.ID)
		if done.State != "Failed" || len(s.heads(shopRepo)) != len(before) {
			t.Errorf("empty=%v: %s: %s", empty, done.State, done.Message)
		}
	}
}

// Gitea takes a repository away again if it was cut off while it made it.
func TestRepositoryVanishes(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	gone := false
	s.forge.Before = func(c forgeCall) error {
		if c.Method == "Push" && !gone {
			gone = true
			return fmt.Errorf("repository %s: %w", c.Repo, forge.ErrNotFound)
		}
		return nil
	}
	if waiting := s.run(o.ID); waiting.State != "Waiting" {
		t.Fatalf("%s: %s", waiting.State, waiting.Message)
	}
	if done := s.run(o.ID); done.State != "Succeeded" || s.forge.Calls("CreateRepo") != 2 {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

// An Operation that fails after it made the repository leaves a name that can be installed again.
func TestAbandonedIsAdopted(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	s.forge.Before = func(c forgeCall) error {
		if c.Method == "Push" {
			return fmt.Errorf("%w: hook declined", forge.ErrForbidden)
		}
		return nil
	}
	if failed := s.run(o.ID); failed.State != "Failed" {
		t.Fatalf("%s: %s", failed.State, failed.Message)
	}
	s.forge.Before = nil
	if done := s.do(install("shop", "acme-dev")); done.ID == o.ID || s.forge.Commits(shopRepo) != 1 {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

// Random requests, with deaths: the model is the set of Environments in which an Application runs.
func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := start(t)
		installed := map[string]bool{}
		environments := []string{"acme-dev", "acme-stg", "acme-uat", "acme-prod"}
		for range rapid.IntRange(1, 12).Draw(rt, "length") {
			env := rapid.SampledFrom(environments).Draw(rt, "environment")
			r := operation.Request{Organization: "acme", Environment: env, Application: "shop", Person: ada}
			want := operation.Code("")
			switch rapid.IntRange(0, 3).Draw(rt, "action") {
			case 0:
				r.Action, r.Blueprint = operation.Install, "bp-web"
				if installed[env] {
					want = operation.CodeNameTaken
				} else {
					installed[env] = true
				}
			case 1:
				r.Action, r.Values = operation.Configure, map[string]any{"replicas": rapid.IntRange(1, 10).Draw(rt, "replicas")}
				if !installed[env] {
					want = operation.CodeApplicationNotFound
				}
			case 2:
				r.Action = operation.Uninstall
				if !installed[env] {
					want = operation.CodeApplicationNotFound
				}
				delete(installed, env)
			case 3:
				continue
			}
			o, err := s.service.Submit(t.Context(), r)
			if operation.CodeOf(err) != want || want == "" && err != nil {
				rt.Fatalf("%s in %s: got %v, want %q", r.Action, env, err, want)
			}
			if want != "" {
				continue
			}
			if done := s.run(o.ID); done.State != "Succeeded" {
				rt.Fatalf("%s in %s: %s", r.Action, env, done.Message)
			}
		}
		for _, env := range environments {
			_, err := s.service.Settings(t.Context(), operation.Request{Organization: "acme", Environment: env, Application: "shop"})
			if (err == nil) != installed[env] {
				rt.Fatalf("%s: installed %v, but reading gives %v", env, installed[env], err)
			}
		}
	})
}
