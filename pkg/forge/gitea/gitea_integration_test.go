//go:build integration

package gitea_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
	"catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
)

func client(t testing.TB, url, token string) *gitea.Client {
	t.Helper()
	c, err := gitea.New(gitea.Config{URL: url, Token: token, Committer: forgetest.Committer})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGitea(t *testing.T) {
	s := giteatest.Start(t)
	token := s.User(t, "catalyst-provisioning")
	t.Run("conforms", func(t *testing.T) {
		forgetest.Conformance(t, func(t *testing.T) (forge.Reader, forge.History, forge.Writer, string) {
			s.Organization(t, "acme", "catalyst-provisioning")
			c := client(t, s.URL, token)
			return c, c, c, "acme"
		})
	})
	s.Organization(t, "globex", "catalyst-provisioning")
	t.Run("more repositories than a page", func(t *testing.T) { manyRepos(t, client(t, s.URL, token)) })
	t.Run("a wrong token", func(t *testing.T) {
		if err := client(t, s.URL, "nonsense").Ready(t.Context()); !errors.Is(err, forge.ErrForbidden) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a protected branch", func(t *testing.T) { protected(t, s, client(t, s.URL, token)) })
	t.Run("a repository that was renamed", func(t *testing.T) { renamed(t, s, client(t, s.URL, token)) })
	t.Run("how long an install takes", func(t *testing.T) { measure(t, client(t, s.URL, token)) })
	t.Run("a server that is down", func(t *testing.T) { down(t, s, client(t, s.URL, token)) })
}

func manyRepos(t *testing.T, c *gitea.Client) {
	for i := range 53 {
		if err := c.CreateRepo(t.Context(), forge.Repo{Organization: "globex", Name: "r" + strconv.Itoa(i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	repos, err := c.Repos(t.Context(), "globex")
	if err != nil || len(repos) != 53 {
		t.Errorf("%d repositories, %v", len(repos), err)
	}
}

func install(ctx context.Context, c *gitea.Client, name string) (forge.Repo, []forge.RefUpdate, error) {
	repo := forge.Repo{Organization: "globex", Name: name}
	if err := c.CreateRepo(ctx, repo, "test"); err != nil {
		return repo, nil, err
	}
	d := &forge.Draft{Author: forge.Person{Name: "Ada", Email: "ada@acme.example"}, Message: "Install", At: time.Unix(1_772_366_400, 0),
		Change: forge.Change{Write: map[string][]byte{}}}
	for i := range 12 {
		d.Change.Write["d"+strconv.Itoa(i%4)+"/f"+strconv.Itoa(i)] = []byte("content " + strconv.Itoa(i))
	}
	return repo, []forge.RefUpdate{{Branch: "develop", Draft: d}, {Branch: "staging", Draft: d}, {Branch: "main", Draft: d}}, nil
}

func protected(t *testing.T, s *giteatest.Server, c *gitea.Client) {
	repo, refs, err := install(t.Context(), c, "guarded")
	if err != nil {
		t.Fatal(err)
	}
	heads, err := c.Push(t.Context(), repo, refs)
	if err != nil {
		t.Fatal(err)
	}
	s.Call(t, "POST", "/repos/globex/guarded/branch_protections", map[string]any{"rule_name": "main", "enable_push": false}, nil)
	_, err = c.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "main", Expect: heads["main"], Draft: &forge.Draft{
		Parent: heads["main"], Message: "two", Author: forge.Person{Name: "Ada", Email: "a@b"}, At: time.Unix(1_772_366_400, 0)}}})
	if !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}

func renamed(t *testing.T, s *giteatest.Server, c *gitea.Client) {
	repo, refs, err := install(t.Context(), c, "before")
	if err != nil {
		t.Fatal(err)
	}
	s.Call(t, "PATCH", "/repos/globex/before", map[string]any{"name": "after"}, nil)
	if _, err := c.Branches(t.Context(), repo); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("branches: %v", err)
	}
	if _, err := c.Push(t.Context(), repo, refs); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("push: %v", err)
	}
}

func measure(t *testing.T, c *gitea.Client) {
	for i := range 5 {
		start := time.Now()
		repo, refs, err := install(t.Context(), c, "timed-"+strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		created := time.Now()
		if _, err := c.Push(t.Context(), repo, refs); err != nil {
			t.Fatal(err)
		}
		t.Logf("create %v, push of three refs %v", created.Sub(start), time.Since(created))
	}
}

func down(t *testing.T, s *giteatest.Server, c *gitea.Client) {
	repo, refs, err := install(t.Context(), c, "patient")
	if err != nil {
		t.Fatal(err)
	}
	s.Stop(t)
	if _, err := c.Push(t.Context(), repo, refs); !errors.Is(err, forge.ErrUnavailable) {
		t.Errorf("push: %v", err)
	}
	if _, err := c.Repos(t.Context(), "globex"); !errors.Is(err, forge.ErrUnavailable) {
		t.Errorf("repos: %v", err)
	}
	s.Restart(t)
	if _, err := c.Push(t.Context(), repo, refs); err != nil {
		t.Errorf("push after the restart: %v", err)
	}
}
