// Package sovereign is how tests and benchmarks use a running Sovereign: as a person who signs in, with the REST API,
// the stream and git, and as a look at what the cluster holds. It never starts one; `make test` does.
package sovereign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Sovereign is a running installation.
type Sovereign struct {
	// URL of the console, without a slash at the end.
	URL string
	// Home is its state folder.
	Home string
	// Gitea is the URL of its Git forge.
	Gitea string
}

// Attach finds the Sovereign that CATALYST_URL, CATALYST_GITEA_URL and CATALYST_HOME name. It fails the test when they
// are missing: these tests mean nothing without one.
func Attach(t testing.TB) *Sovereign {
	t.Helper()
	s := &Sovereign{URL: os.Getenv("CATALYST_URL"), Gitea: os.Getenv("CATALYST_GITEA_URL"), Home: os.Getenv("CATALYST_HOME")}
	if s.URL == "" || s.Gitea == "" || s.Home == "" {
		t.Fatal("no Sovereign to test: set CATALYST_URL, CATALYST_GITEA_URL and CATALYST_HOME, or run `make test`, which starts one")
	}
	return s
}

// Password of every demo person.
const Password = "catalyst"

// Person is a signed-in demo person.
type Person struct {
	s     *Sovereign
	http  *http.Client
	Email string
}

var formAction = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
var hiddenInput = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)

// SignIn goes the way of a browser: the gateway's login, the issuer's form, the callback, a session cookie.
func (s *Sovereign) SignIn(t testing.TB, email string) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	res, err := client.Get(s.URL + "/auth/login?return_to=/marketplace")
	if err != nil {
		t.Fatal(err)
	}
	page := readAll(t, res)
	action := formAction.FindStringSubmatch(page)
	if res.StatusCode != http.StatusOK || action == nil {
		t.Fatalf("sign in: no login form at %s (%s): %.300s", res.Request.URL, res.Status, page)
	}
	form := url.Values{"username": {email}, "password": {Password}}
	for _, in := range hiddenInput.FindAllStringSubmatch(page, -1) {
		form.Set(in[1], unescape(in[2]))
	}
	target, err := res.Request.URL.Parse(unescape(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	res, err = client.PostForm(target.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Request.URL.String(), s.URL) {
		t.Fatalf("sign in as %s ended at %s (%s): %.300s", email, res.Request.URL, res.Status, body)
	}
	return &Person{s: s, http: client, Email: email}
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&#43;", "+").Replace(s)
}

// Answer is a response, read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the body as JSON.
func (a Answer) Decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("answer is not the JSON expected: %v: %.300s", err, a.Body)
	}
}

// Do sends one request; body may be nil. Headers come in pairs.
func (p *Person) Do(t testing.TB, method, path string, body any, headers ...string) Answer {
	t.Helper()
	a, err := p.Try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Try is Do for when the Sovereign may be ill.
func (p *Person) Try(method, path string, body any, headers ...string) (Answer, error) {
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		in = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		in = bytes.NewReader(j)
	}
	req, err := http.NewRequest(method, p.s.URL+path, in)
	if err != nil {
		return Answer{}, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: b}, nil
}

func readAll(t testing.TB, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Eventually asks until ask returns nil, and fails the test with its last reason when limit has passed. It is bounded
// by time and asks again at once after a short breath: the condition is what is waited for.
func Eventually(t testing.TB, limit time.Duration, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", limit, err)
		case <-tick.C:
		}
	}
}

// ApplicationPath is the REST path of one Application in one Environment.
func ApplicationPath(org, env, app string) string {
	return fmt.Sprintf("/api/v1/organizations/%s/environments/%s/applications/%s", org, env, app)
}
