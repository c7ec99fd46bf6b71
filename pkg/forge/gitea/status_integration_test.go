//go:build integration

package gitea_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
)

// The last word of a checker is what people see at a commit, right after the push that made it.
func TestStatus(t *testing.T) {
	s := giteatest.Start(t)
	token := s.User(t, "catalyst-provisioning")
	s.Organization(t, "acme", "catalyst-provisioning")
	c := client(t, s.URL, token)
	repo := forge.Repo{Organization: "acme", Name: "shop"}
	if err := c.CreateRepo(t.Context(), repo, ""); err != nil {
		t.Fatal(err)
	}
	draft := &forge.Draft{Change: forge.Change{Write: map[string][]byte{"a": []byte("b")}}, Author: forge.Person{Name: "Noor", Email: "noor@acme.example"}, Message: "one", At: time.Unix(1, 0)}
	heads, err := c.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "main", Draft: draft}, {Branch: "develop", Draft: draft}})
	if err != nil {
		t.Fatal(err)
	}
	sha := heads["develop"]
	for _, st := range []forge.Status{
		{Context: "catalyst/check", Failed: true, Description: strings.Repeat("é", 400)}, {Context: "catalyst/other", Description: "fine"}, {Context: "catalyst/check", Description: "Nothing is wrong."},
	} {
		if err := c.SetStatus(t.Context(), repo, sha, st); err != nil {
			t.Errorf("%s: %v", st.Context, err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/repos/acme/shop/commits/"+sha+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var v struct {
		State    string
		Statuses []struct{ Context, Status, Description string }
	}
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, st := range v.Statuses {
		got[st.Context] = st.Status + " " + st.Description
	}
	if v.State != "success" || len(got) != 2 || got["catalyst/check"] != "success Nothing is wrong." {
		t.Errorf("%s, %v", v.State, got)
	}
	for _, gone := range []struct {
		repo forge.Repo
		sha  string
	}{{forge.Repo{Organization: "acme", Name: "nope"}, sha}, {repo, strings.Repeat("0", 40)}, {repo, "main"}} {
		if err := c.SetStatus(t.Context(), gone.repo, gone.sha, forge.Status{Context: "x"}); !errors.Is(err, forge.ErrNotFound) {
			t.Errorf("%v %s: %v", gone.repo, gone.sha, err)
		}
	}
}
