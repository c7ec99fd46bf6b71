package gitea

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"catalyst.openova.io/pkg/forge"
)

// hints writes down what it is told.
type hints []string

func (h *hints) Pushed(repo forge.Repo, branch string) {
	*h = append(*h, fmt.Sprintf("pushed %s %s", repo, branch))
}
func (h *hints) Look(repo forge.Repo) { *h = append(*h, "look "+repo.String()) }

const secret = "s3cret"

func sign(body, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func deliver(event, body, signature string) (int, hints) {
	var h hints
	r := httptest.NewRequest(http.MethodPost, "/webhooks/gitea", strings.NewReader(body))
	r.Header.Set("X-Gitea-Event", event)
	r.Header.Set("X-Gitea-Signature", signature)
	w := httptest.NewRecorder()
	NewHook(secret, &h).ServeHTTP(w, r)
	return w.Code, h
}

const repository = `"repository":{"name":"shop","owner":{"login":"acme"}}`

func TestHook(t *testing.T) {
	push := `{"ref":"refs/heads/develop",` + repository + `}`
	for _, c := range []struct {
		reason, event, body, signature string
		code                           int
		hint                           string
	}{
		{"a push", "push", push, sign(push, secret), 202, "pushed acme/shop develop"},
		{"a tag", "push", `{"ref":"refs/tags/v1",` + repository + `}`, "", 202, "look acme/shop"},
		{"a new branch", "create", `{"ref":"develop","ref_type":"branch",` + repository + `}`, "", 202, "pushed acme/shop develop"},
		{"a branch is deleted", "delete", `{"ref":"develop","ref_type":"branch",` + repository + `}`, "", 202, "pushed acme/shop develop"},
		{"a pull request", "pull_request", `{"action":"opened",` + repository + `}`, "", 202, "look acme/shop"},
		{"an approval", "pull_request_approved", `{` + repository + `}`, "", 202, "look acme/shop"},
		{"a rejection", "pull_request_rejected", `{` + repository + `}`, "", 202, "look acme/shop"},
		{"a comment of a review", "pull_request_comment", `{` + repository + `}`, "", 202, "look acme/shop"},
		{"a status", "status", `{"sha":"abc",` + repository + `}`, "", 202, "look acme/shop"},
		{"a repository", "repository", `{"action":"deleted",` + repository + `}`, "", 202, "look acme/shop"},
		{"something else", "wiki", `{` + repository + `}`, "", 202, ""},
		{"no repository", "push", `{}`, "", 202, ""},
		{"another secret", "push", push, sign(push, "guess"), 401, ""},
		{"no signature", "push", push, "none", 401, ""},
		{"another body", "push", push, sign(push+" ", secret), 401, ""},
		{"no hex", "push", push, "zz", 401, ""},
		{"half a signature", "push", push, sign(push, secret)[:32], 401, ""},
		{"no JSON", "push", "[", "", 400, ""},
		{"a byte too many", "push", strings.Repeat("a", maxHook+1), "", 413, ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if c.signature == "" {
				c.signature = sign(c.body, secret)
			}
			code, h := deliver(c.event, c.body, c.signature)
			if got := strings.Join(h, ","); code != c.code || got != c.hint {
				t.Errorf("answer %d with %q, want %d with %q", code, got, c.code, c.hint)
			}
		})
	}
}

// A delivery of a gigabyte is refused before it has been read, whether it says its length or not.
func TestAGigabyteIsNotRead(t *testing.T) {
	var h hints
	s := httptest.NewServer(NewHook(secret, &h))
	defer s.Close()
	for name, length := range map[string]int64{"with its length": 1 << 30, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			sent := &counter{}
			sent.left.Store(1 << 30)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, sent)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = length
			// The server may end the connection while the rest is being sent: that is a refusal too.
			if res, err := http.DefaultClient.Do(r); err == nil {
				res.Body.Close()
				if res.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("answer %d", res.StatusCode)
				}
			}
			if read := 1<<30 - sent.left.Load(); read > 16<<20 {
				t.Errorf("%d bytes were taken", read)
			}
			if len(h) > 0 {
				t.Errorf("it had an effect: %v", h)
			}
		})
	}
}

type counter struct{ left atomic.Int64 }

func (c *counter) Read(p []byte) (int, error) {
	n := min(c.left.Load(), int64(len(p)))
	if n <= 0 {
		return 0, io.EOF
	}
	c.left.Add(-n)
	return int(n), nil
}

func FuzzHook(f *testing.F) {
	for _, body := range []string{"{}", `{"ref":"refs/heads/a",` + repository + `}`, `{"repository":[]}`, "\x00", `{"repository":{"name":"../x","owner":{"login":"*"}}}`} {
		f.Add("push", []byte(body), true)
		f.Add("delete", []byte(body), false)
	}
	f.Fuzz(func(t *testing.T, event string, body []byte, honest bool) {
		if strings.ContainsAny(event, "\r\n\x00") {
			return
		}
		signature := sign(string(body), "guess")
		if honest {
			signature = sign(string(bytes.Clone(body)), secret)
		}
		code, h := deliver(event, string(body), signature)
		switch {
		case !honest && (code != http.StatusUnauthorized || len(h) > 0):
			t.Errorf("a forged delivery was answered %d with %v", code, h)
		case honest && code != http.StatusAccepted && code != http.StatusBadRequest:
			t.Errorf("answer %d", code)
		}
	})
}
