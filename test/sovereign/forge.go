package sovereign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/gitea"
)

// Forge is the Git forge as one of the services sees it, with the credentials of that service. It lives on while the
// service is dead.
type Forge struct {
	*gitea.Client
	url, token string
}

// Forge signs in to the forge as a service does.
func (s *Sovereign) Forge(t testing.TB, service string) *Forge {
	t.Helper()
	f := &Forge{url: s.Gitea}
	for _, v := range s.Process(t, service).Environ(t) {
		if name, value, _ := strings.Cut(v, "="); name == "CATALYST_GITEA_TOKEN" {
			f.token = value
		}
	}
	if f.token == "" {
		t.Fatalf("%s has no token for the forge", service)
	}
	var err error
	if f.Client, err = gitea.New(gitea.Config{URL: f.url, Token: f.token}); err != nil {
		t.Fatal(err)
	}
	return f
}

// Administrator is the service that may do everything in the forge.
const Administrator = "environment-controller"

// Call does one request of the forge's own API, which knows more than the port. It returns the status, and an error if
// the forge does not answer or refuses.
func (f *Forge) Call(method, path string, body, v any) (int, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequest(method, f.url+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "token "+f.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if res.StatusCode > 299 {
		return res.StatusCode, fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, answer)
	}
	if v == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(answer, v)
}

// Signature is an author or committer, as the forge tells it.
type Signature struct{ Name, Email string }

// CommitOf is a commit with what the port leaves out.
type CommitOf struct {
	SHA     string
	Parents []struct{ SHA string }
	Commit  struct {
		Message           string
		Author, Committer Signature
	}
}

// Commit reads one commit.
func (f *Forge) Commit(repo forge.Repo, sha string) (c CommitOf, err error) {
	_, err = f.Call(http.MethodGet, fmt.Sprintf("/repos/%s/git/commits/%s?stat=false&verification=false&files=false", repo, sha), nil, &c)
	return c, err
}
