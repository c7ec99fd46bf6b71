package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
)

func TestSignInAndOut(t *testing.T) {
	s := newSovereign(t)
	b := s.browser()
	if got := b.get("/api/v1/session"); got.status != http.StatusUnauthorized || got.code() != "not_signed_in" {
		t.Errorf("before: %d %s", got.status, got.body)
	}
	end := b.signIn("ada@acme.example", "/organizations/acme?tab=1")
	if end.status != http.StatusOK || end.at != s.gateway.URL+"/organizations/acme?tab=1" {
		t.Fatalf("after the form: %d at %s", end.status, end.at)
	}
	got := b.get("/api/v1/session")
	var who struct {
		Person struct {
			Subject, Email, Name string
			Roles                []map[string]string
		}
		ExpiresAt time.Time
	}
	if err := json.Unmarshal([]byte(got.body), &who); err != nil || who.Person.Name != "Ada Lindqvist" || len(who.Person.Roles) != 1 ||
		who.Person.Roles[0]["role"] != "org-admin" || who.Person.Roles[0]["organization"] != "acme" || time.Until(who.ExpiresAt) < 11*time.Hour {
		t.Errorf("session: %v %s", err, got.body)
	}
	gateway, err := url.Parse(s.gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	var stolen *http.Cookie
	for _, c := range b.http.Jar.Cookies(gateway) {
		if c.Name == "catalyst_session" {
			stolen = c
		}
		if strings.Contains(c.Value, ".") {
			t.Errorf("the browser holds something like a token: %s", c.Name)
		}
	}
	if got := b.do(http.MethodPost, "/auth/logout", nil); got.status != http.StatusNoContent {
		t.Errorf("logout: %d %s", got.status, got.body)
	}
	if got := b.get("/api/v1/session"); got.status != http.StatusUnauthorized {
		t.Errorf("after: %d", got.status)
	}
	if got := b.get("/api/v1/session", "Cookie", stolen.String()); got.status != http.StatusUnauthorized {
		t.Errorf("the cookie opens the session after logout: %d", got.status)
	}
	if got := b.do(http.MethodPost, "/auth/logout", nil); got.status != http.StatusNoContent {
		t.Errorf("logout of nobody: %d", got.status)
	}
	s.eventually("the issuer was told", func() bool {
		text, err := os.ReadFile(filepath.Join(s.state, "refresh-tokens.json"))
		return err == nil && string(text) == "{}"
	})
}

func TestTwoTabsSignInAtOnce(t *testing.T) {
	s := newSovereign(t)
	b := s.browser()
	first, second := b.get("/auth/login?return_to=/a"), b.get("/auth/login?return_to=/b")
	for path, page := range map[string]reply{"/a": first, "/b": second} {
		form := url.Values{"request": {requestField.FindStringSubmatch(page.body)[1]}, "username": {"ada"}, "password": {"catalyst"}}
		end := b.do(http.MethodPost, s.issuer+"/login", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
		if end.at != s.gateway.URL+path {
			t.Errorf("the tab for %s ends at %s", path, end.at)
		}
	}
}

func TestSignInStaysOnThisSite(t *testing.T) {
	s := newSovereign(t)
	for _, to := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "/%5Cevil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y",
		"///evil.example", "/auth/login", "", "\t/x", "http:/evil.example"} {
		end := s.browser().signIn("ada", to)
		if !strings.HasPrefix(end.at, s.gateway.URL+"/") {
			t.Errorf("return_to=%q ends at %s", to, end.at)
		}
	}
}

func TestCallbackNeedsTheBrowserThatBegan(t *testing.T) {
	s := newSovereign(t)
	for _, q := range []string{"", "?code=x", "?code=x&state=" + strings.Repeat("A", 26), "?state=a", "?error=access_denied&state=x"} {
		got := s.browser().get("/auth/callback"+q, "Accept", "text/html")
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "Sign in again") || strings.Contains(got.header.Get("Set-Cookie"), "catalyst_session=") {
			t.Errorf("callback%s: %d %s", q, got.status, got.body)
		}
	}
}

// Sessions and NATS: an outage is an outage, never a logout.
func TestNATSAwayIsNoLogout(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	b := s.signedIn("ada")
	s.stopNATS()
	s.eventually("an answer that says so", func() bool {
		got := b.get("/api/v1/session")
		return got.status == http.StatusServiceUnavailable && got.code() == "sessions_unavailable" && got.header.Get("Set-Cookie") == ""
	})
	if got := b.get("/"); got.status != http.StatusOK {
		t.Errorf("the console without NATS: %d", got.status)
	}
	if got := b.get("/api/v1/bootstrap"); got.status != http.StatusOK {
		t.Errorf("the bootstrap without NATS: %d", got.status)
	}
	if got := b.get("/api/v1/organizations/acme/applications", "Authorization", "Bearer "+s.bearer("ci", time.Minute, "acme/org-viewer")); got.status != http.StatusOK || !strings.Contains(got.body, "of acme-dev") {
		t.Errorf("the last known views, by token: %d %s", got.status, got.body)
	}
	s.startNATS()
	s.eventually("the same session again", func() bool { return b.get("/api/v1/session").status == http.StatusOK })
}

func TestIssuerAwayIsNoLogout(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	s.stopIssuer()
	b := s.browser()
	got := b.get("/auth/login", "Accept", "text/html")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "not ready yet") || !strings.Contains(got.body, `http-equiv="refresh"`) {
		t.Errorf("sign-in without the issuer: %d %s", got.status, got.body)
	}
	if got := b.get("/api/v1/session", "Authorization", "Bearer "+s.bearer("ci", time.Minute)); got.status != http.StatusServiceUnavailable || got.code() != "issuer_unavailable" {
		t.Errorf("a token that cannot be checked: %d %s", got.status, got.body)
	}
	s.startIssuer()
	s.eventually("sign-in with the issuer back", func() bool { return requestField.MatchString(b.get("/auth/login").body) })
	signed := s.signedIn("noor")
	s.stopIssuer()
	if got := signed.get("/api/v1/session"); got.status != http.StatusOK {
		t.Errorf("who is signed in, with the issuer gone again: %d %s", got.status, got.body)
	}
}

// What one may see is the same by REST and by stream, and what is not yours answers like what is not there.
func TestEverybodySeesTheirOwn(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	for _, tt := range []struct {
		groups []string
		envs   string
	}{
		{[]string{"acme/org-admin"}, "acme-dev acme-prod"},
		{[]string{"acme/dev/org-viewer"}, "acme-dev"},
		{[]string{"globex/prod/org-developer", "acme/dev/org-viewer"}, "acme-dev globex-prod"},
		{[]string{"sovereign-admin"}, "acme-dev acme-prod globex-dev globex-prod"},
		{[]string{"security-officer"}, "acme-dev acme-prod globex-dev globex-prod"},
		{[]string{"kestrel/org-admin"}, ""},
		{nil, ""},
	} {
		b := s.browser()
		auth := "Bearer " + s.bearer("x", time.Minute, tt.groups...)
		lines, stop := b.follow("", "Authorization", auth)
		seen, _ := until(lines, "event: synced", 5*time.Second)
		stop()
		streamed := strings.Join(seen, "\n")
		for _, org := range []string{"acme", "globex"} {
			list := b.get("/api/v1/organizations/"+org+"/applications", "Authorization", auth)
			ops := b.get("/api/v1/organizations/"+org+"/operations", "Authorization", auth)
			for _, stage := range []string{"dev", "prod"} {
				env := org + "-" + stage
				want := strings.Contains(tt.envs, env)
				one := b.get("/api/v1/organizations/"+org+"/environments/"+env+"/applications/shop", "Authorization", auth)
				op := b.get("/api/v1/organizations/"+org+"/operations/op-"+env, "Authorization", auth)
				for surface, got := range map[string]bool{
					"one": one.status == 200, "list": strings.Contains(list.body, "of "+env), "stream": strings.Contains(streamed, "of "+env),
					"operation": op.status == 200, "operations": strings.Contains(ops.body, "op-"+env), "operation on the stream": strings.Contains(streamed, "op-"+env),
				} {
					if got != want {
						t.Errorf("%v sees %s by %s: %v, want %v", tt.groups, env, surface, got, want)
					}
				}
			}
		}
	}
	auth := "Bearer " + s.bearer("kit", time.Minute, "kestrel/org-admin")
	same := func(path string) string {
		got := s.browser().get(path, "Authorization", auth)
		return fmt.Sprint(got.status, strings.NewReplacer("acme", "X", "kestrel", "X", "nowhere", "X").Replace(got.body), len(got.header))
	}
	for _, path := range []string{"", "/environments", "/applications", "/operations", "/operations/op-acme-dev", "/environments/acme-dev/applications/shop",
		"/applications/counts", "/environments/acme-dev", "/environments/acme-dev/activity", "/environments/acme-dev/blueprint-uses"} {
		theirs, own, none := same("/api/v1/organizations/acme"+path), same("/api/v1/organizations/kestrel"+path), same("/api/v1/organizations/nowhere"+path)
		if theirs != none || own != none || !strings.HasPrefix(none, "404") {
			t.Errorf("%s: not yours %s, not there %s, yours and not there %s", path, theirs, none, own)
		}
	}
	one := s.browser().get("/api/v1/organizations/globex/environments/acme-dev/applications/shop", "Authorization", "Bearer "+s.bearer("a", time.Minute, "acme/org-admin", "globex/org-admin"))
	if one.status != http.StatusNotFound {
		t.Errorf("an Application under another Organization's name: %d %s", one.status, one.body)
	}
}

func TestReadsAreConditionalAndPaged(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	for i := range 7 {
		s.application("acme-dev", fmt.Sprintf("app-%d", i), "x")
	}
	s.eventually("the Applications", func() bool { _, ok := s.store.Get("Application/acme-dev/app-6"); return ok })
	b := s.signedIn("vik")
	got := b.get("/api/v1/organizations/acme/applications?environment=acme-dev&sort=-name&limit=3")
	var page struct {
		Items []view.Application
		Next  string
	}
	var names []string
	for {
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
			t.Fatal(got.status, got.body, err)
		}
		for _, a := range page.Items {
			names = append(names, a.Name)
		}
		if page.Next == "" {
			break
		}
		next := page.Next
		page.Next = ""
		got = b.get("/api/v1/organizations/acme/applications?environment=acme-dev&sort=-name&limit=3&cursor=" + next)
	}
	if strings.Join(names, " ") != "shop app-6 app-5 app-4 app-3 app-2 app-1 app-0" {
		t.Errorf("pages: %v", names)
	}
	for _, path := range []string{"/api/v1/sovereign", "/api/v1/organizations", "/api/v1/organizations/acme/applications", "/api/v1/organizations/acme/environments/acme-dev/applications/shop"} {
		first := b.get(path)
		etag := first.header.Get("ETag")
		again := b.get(path, "If-None-Match", etag)
		if first.status != 200 || etag == "" || again.status != http.StatusNotModified || again.body != "" || again.header.Get("ETag") != etag {
			t.Errorf("%s: %d %s, then %d %q", path, first.status, etag, again.status, again.body)
		}
		if b.get(path, "If-None-Match", `"other", W/`+etag).status != http.StatusNotModified || b.get(path, "If-None-Match", `"other"`).status != 200 {
			t.Errorf("%s: lists of tags", path)
		}
	}
	for query, code := range map[string]string{"cursor=x": "bad_cursor", "limit=0": "invalid_request", "limit=x": "invalid_request", "sort=evil": "invalid_request", "limit=501": "invalid_request"} {
		if got := b.get("/api/v1/organizations/acme/applications?" + query); got.code() != code {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := b.get("/api/v1/organizations/acme/applications?environment=acme-prod&phase=Running&name=shop"); strings.Count(got.body, `"of acme-prod"`) != 1 || strings.Contains(got.body, "acme-dev") {
		t.Errorf("filters: %s", got.body)
	}
}

func TestTheStreamFollowsAndEnds(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	b := s.signedIn("ada")
	lines, stop := b.follow("organization=acme")
	defer stop()
	seen, ok := until(lines, "event: synced", 5*time.Second)
	if text := strings.Join(seen, "\n"); !ok || strings.Contains(text, "globex") || !strings.Contains(text, `"kind":"Sovereign"`) || !strings.Contains(text, "of acme-prod") {
		t.Fatalf("snapshot: %v %s", ok, text)
	}
	s.application("globex-dev", "shop", "secret of globex")
	s.application("acme-dev", "shop", "changed")
	if seen, ok := until(lines, "changed", 5*time.Second); !ok || strings.Contains(strings.Join(seen, "\n"), "globex") {
		t.Errorf("the change: %v %v", ok, seen)
	}
	b.do(http.MethodPost, "/auth/logout", nil)
	start := time.Now()
	if seen, ok := until(lines, "event: put", 6*time.Second); ok || time.Since(start) > 5*time.Second {
		t.Errorf("after logout the stream goes on for %s: %v", time.Since(start), seen)
	}
	short, stopShort := s.browser().follow("", "Authorization", "Bearer "+s.bearer("ci", 2*time.Second, "acme/org-viewer"))
	defer stopShort()
	start = time.Now()
	if _, ok := until(short, "never", 8*time.Second); ok || time.Since(start) > 7*time.Second {
		t.Errorf("an expired token follows for %s", time.Since(start))
	}
}

func TestWritesReachTheServicesAsThePerson(t *testing.T) {
	s := newSovereign(t)
	b := s.signedIn("ada")
	body := `{"name":"shop"}`
	got := b.do(http.MethodPost, "/api/v1/organizations/acme/applications", strings.NewReader(body), "Content-Type", "application/json",
		"X-Request-Id", "bad id\t", "Idempotency-Key", "k1", "X-Forwarded-For", "6.6.6.6")
	if got.status != 200 || got.header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %s %v", got.status, got.body, got.header)
	}
	r := <-s.reached
	sent, err := io.ReadAll(r.Body)
	if err != nil || string(sent) != body || r.URL.Path != "/api/v1/organizations/acme/applications" || r.Header.Get("Cookie") != "" ||
		!strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") || r.Header.Get("Idempotency-Key") != "k1" ||
		len(r.Header.Get("X-Request-Id")) < 8 || strings.Contains(r.Header.Get("X-Request-Id"), " ") || strings.Contains(r.Header.Get("X-Forwarded-For"), "6.6.6.6") {
		t.Errorf("what arrived: %v %s %s %v", err, r.URL, sent, r.Header)
	}
	if got := s.browser().do(http.MethodPost, "/api/v1/organizations/acme/applications", strings.NewReader(body)); got.code() != "not_signed_in" {
		t.Errorf("without a sign-in: %d %s", got.status, got.body)
	}
	for _, origin := range []string{"https://evil.example", "null"} {
		for _, path := range []string{"/api/v1/organizations/acme/applications", "/api/v1/organizations/acme/install-plans", "/auth/logout"} {
			if got := b.do(http.MethodPost, path, strings.NewReader(body), "Origin", origin); got.status != http.StatusForbidden || got.code() != "cross_origin" {
				t.Errorf("a page of %s posts to %s: %d %s", origin, path, got.status, got.body)
			}
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			path := "/api/v1/organizations/acme/environments/acme-dev/applications/shop/values"
			if method == http.MethodDelete {
				path = strings.TrimSuffix(path, "/values")
			}
			if got := b.do(method, path, strings.NewReader(body), "Origin", origin); got.status != http.StatusForbidden {
				t.Errorf("a page of %s sends %s: %d", origin, method, got.status)
			}
		}
	}
	big := bytes.Repeat([]byte("x"), 1<<20+1)
	if got := b.do(http.MethodPost, "/api/v1/organizations/acme/applications", bytes.NewReader(big)); got.code() != "too_large" {
		t.Errorf("too large: %d %s", got.status, got.body)
	}
	if got := b.do(http.MethodPost, "/api/v1/organizations/acme/applications", io.MultiReader(bytes.NewReader(big))); got.code() != "too_large" {
		t.Errorf("too large, of unknown length: %d %s", got.status, got.body)
	}
	for len(s.reached) > 0 {
		<-s.reached
	}
	for _, path := range []string{"/catalyst.catalog.v1.CatalogService/List", "/openapi.json", "/api/v1/blueprints/x/y", "/api/v1/blueprints/..%2f..%2fopenapi.json",
		"/api/v1/blueprints/%2e%2e/versions/1", "/api/v1/blueprints/a%00b", "/readyz/../api/v1/internal", "/api/v1/internal"} {
		got := b.do(http.MethodGet, path, nil)
		if len(s.reached) > 0 {
			t.Errorf("%s reached a service as %s (%d)", path, (<-s.reached).URL, got.status)
		}
	}
	s.upstream.Close()
	got = b.do(http.MethodPost, "/api/v1/organizations/acme/applications", strings.NewReader(body))
	if got.status != http.StatusServiceUnavailable || got.code() != "provisioning_unavailable" || !strings.Contains(got.body, "provisioning does not answer") {
		t.Errorf("provisioning down: %d %s", got.status, got.body)
	}
}

func TestConsoleAndHeaders(t *testing.T) {
	s := newSovereign(t)
	b := s.browser()
	if got := b.get("/organizations/acme"); got.status != 200 || !strings.Contains(got.body, "being built") || !strings.Contains(got.body, `http-equiv="refresh"`) {
		t.Errorf("before the console is built: %d %s", got.status, got.body)
	}
	for name, text := range map[string]string{"index.html": "<title>console</title>", "assets/app-1a2b.js": "1", "favicon.svg": "<svg/>"} {
		path := filepath.Join(s.console, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][3]string{
		"/":                     {"200", "no-cache", "<title>console</title>"},
		"/organizations/acme":   {"200", "no-cache", "<title>console</title>"},
		"/assets/app-1a2b.js":   {"200", "public, max-age=31536000, immutable", "1"},
		"/favicon.svg":          {"200", "", "<svg/>"},
		"/assets/gone.js":       {"404", "", ""},
		"/..%2f..%2fetc/passwd": {"200", "no-cache", "<title>console</title>"},
		"/api/v1/nothing":       {"404", "no-store", ""},
		"/auth/nothing":         {"404", "no-store", ""},
	} {
		got := b.get(path)
		if fmt.Sprint(got.status) != want[0] || got.header.Get("Cache-Control") != want[1] || want[2] != "" && got.body != want[2] {
			t.Errorf("%s: %d %q %s", path, got.status, got.header.Get("Cache-Control"), got.body)
		}
		if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:") ||
			strings.Contains(csp, "unsafe-eval") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, got.header)
		}
	}
	if got := b.get("/api/v1/bootstrap"); got.status != 200 || !strings.Contains(got.body, `"/bootstrap"`) || got.header.Get("Set-Cookie") != "" {
		t.Errorf("bootstrap: %d %s %v", got.status, got.body, got.header)
	}
	if got := b.get("/api/v1/openapi.json"); got.status != 200 || !strings.Contains(got.body, "/api/v1/blueprints") || !strings.Contains(got.body, "/api/v1/stream") {
		t.Errorf("openapi: %d %.200s", got.status, got.body)
	}
}

func TestNothingIsSaidBeforeEverythingIsRead(t *testing.T) {
	s := newSovereign(t) // no bucket, as at the first start
	auth := "Bearer " + s.bearer("ci", time.Minute, "sovereign-admin")
	for _, path := range []string{"/api/v1/organizations", "/api/v1/organizations/acme", "/api/v1/organizations/acme/applications", "/api/v1/organizations/acme/operations/x", "/api/v1/stream"} {
		if got := s.browser().get(path, "Authorization", auth); got.code() != "views_unavailable" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if _, err := s.sp.Views(t.Context(), spine.System); err != nil {
		t.Fatal(err)
	}
	s.eventually("an empty Sovereign", func() bool {
		return s.browser().get("/api/v1/organizations", "Authorization", auth).body == `{"items":[]}`
	})
}
