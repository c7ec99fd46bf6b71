package gitea

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fake remembers what it was told, enough to see that a repeated call changes nothing.
type fake struct {
	t     *testing.T
	have  map[string]bool
	posts []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	if r.Header.Get("Authorization") == "token wrong" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPost {
		f.posts = append(f.posts, path)
		var in map[string]any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			f.t.Error(err)
		}
		f.have["/users/"+fmt.Sprint(in["username"])] = true
		f.have["/orgs/"+fmt.Sprint(in["username"])] = true
		f.have["/repos/system/"+fmt.Sprint(in["name"])] = true
		switch path {
		case "/users/bot/tokens":
			fmt.Fprint(w, `{"sha1":"t0k3n"}`)
		case "/orgs/system/teams":
			fmt.Fprint(w, `{"id":7,"name":"readers"}`)
		case "/orgs/system/hooks":
			f.have["hook"] = true
		}
		return
	}
	switch {
	case r.Method == http.MethodGet && path == "/orgs/system/hooks":
		if f.have["hook"] {
			fmt.Fprint(w, `[{"id":3,"config":{"url":"http://hook"}}]`)
		} else {
			fmt.Fprint(w, `[]`)
		}
	case r.Method == http.MethodGet && path == "/orgs/system/teams":
		fmt.Fprint(w, `[{"id":1,"name":"Owners"}]`)
	case r.Method == http.MethodPatch && path == "/orgs/system/hooks/3", r.Method == http.MethodPut, path == "/user":
	case r.Method == http.MethodGet && f.have[path]:
		fmt.Fprint(w, `{}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestEverythingMayBeRepeated(t *testing.T) {
	f := &fake{t: t, have: map[string]bool{}}
	srv := httptest.NewServer(f)
	defer srv.Close()
	c := &Client{URL: srv.URL, Token: "right"}
	ctx := t.Context()
	all := func() {
		t.Helper()
		repo, err := c.EnsureRepository(ctx, "system", "config", "")
		for _, err := range []error{
			err,
			c.EnsureAccount(ctx, Account{Login: "bot"}),
			c.EnsureOrganization(ctx, "system", "System"),
			c.EnsureWebhook(ctx, "system", "http://hook", "s"),
			c.AddMember(ctx, Team{ID: 1}, "bot"),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		_ = repo
	}
	all()
	first := len(f.posts)
	all()
	if first != 4 || len(f.posts) != first {
		t.Errorf("posted %v", f.posts)
	}
	if team, err := c.EnsureTeam(ctx, "system", "Owners", "read"); err != nil || team.ID != 1 {
		t.Errorf("got %v, %v", team, err)
	}
	if team, err := c.EnsureTeam(ctx, "system", "readers", "read"); err != nil || team.ID != 7 {
		t.Errorf("got %v, %v", team, err)
	}
	bot := &Client{URL: srv.URL, User: "bot", Password: "p"}
	if token, err := bot.NewToken(ctx, "catalyst", "read:user"); err != nil || token != "t0k3n" {
		t.Errorf("got %q, %v", token, err)
	}
	if ok, err := c.Works(ctx); !ok || err != nil {
		t.Errorf("a good token: %v, %v", ok, err)
	}
	if ok, err := (&Client{URL: srv.URL, Token: "wrong"}).Works(ctx); ok || err != nil {
		t.Errorf("a bad token: %v, %v", ok, err)
	}
}
