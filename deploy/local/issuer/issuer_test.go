package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"catalyst.openova.io/deploy/local/issuer/internal/provider"
)

// relyingParty is a client of the issuer, with a browser.
type relyingParty struct {
	t       *testing.T
	issuer  string
	browser *http.Client
}

const (
	verifier    = "a-verifier-of-at-least-forty-three-characters-0123456789"
	redirectURL = "http://127.0.0.1:1/auth/callback"
)

func start(t *testing.T, state, peopleFile string) *relyingParty {
	t.Helper()
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	h, err := newHandler(config{peopleFile: peopleFile, provider: provider.Config{IssuerURL: srv.URL, Audience: "catalyst",
		ClientID: "catalyst-console", ClientSecret: "s3cret", RedirectURL: redirectURL, StateDir: state}})
	if err != nil {
		t.Fatal(err)
	}
	return &relyingParty{t: t, issuer: srv.URL, browser: newBrowser(t)}
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirectURL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func (p *relyingParty) authorizeURL(change url.Values) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"client_id": {"catalyst-console"}, "redirect_uri": {redirectURL}, "response_type": {"code"}, "state": {"st"}, "nonce": {"no"},
		"scope": {"openid profile email offline_access"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for k, v := range change {
		q[k] = v
	}
	return p.issuer + "/authorize?" + q.Encode()
}

func (p *relyingParty) get(browser *http.Client, address string) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(browser, req)
}

func (p *relyingParty) post(browser *http.Client, path string, form url.Values) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(path, "/oauth") || path == "/revoke" {
		req.SetBasicAuth("catalyst-console", "s3cret")
	}
	return p.do(browser, req)
}

func (p *relyingParty) do(browser *http.Client, req *http.Request) (*http.Response, string) {
	p.t.Helper()
	resp, err := browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		p.t.Fatal(err)
	}
	return resp, string(body)
}

var requestField = regexp.MustCompile(`name="request" value="([^"]+)"`)

func (p *relyingParty) begin() string {
	p.t.Helper()
	resp, page := p.get(p.browser, p.authorizeURL(nil))
	m := requestField.FindStringSubmatch(page)
	if resp.StatusCode != http.StatusOK || m == nil {
		p.t.Fatalf("sign-in page: %d %s", resp.StatusCode, page)
	}
	return m[1]
}

func (p *relyingParty) code(username string) string {
	p.t.Helper()
	resp, body := p.post(p.browser, "/login", url.Values{"request": {p.begin()}, "username": {username}, "password": {"catalyst"}})
	to, err := resp.Location()
	if err != nil || !strings.HasPrefix(to.String(), redirectURL) || to.Query().Get("state") != "st" {
		p.t.Fatalf("after the form: %d %v %s", resp.StatusCode, to, body)
	}
	return to.Query().Get("code")
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
}

func (p *relyingParty) token(form url.Values) (int, tokens) {
	p.t.Helper()
	resp, body := p.post(http.DefaultClient, "/oauth/token", form)
	var got tokens
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		p.t.Fatalf("token endpoint: %d %s", resp.StatusCode, body)
	}
	return resp.StatusCode, got
}

func (p *relyingParty) exchange(code string) (int, tokens) {
	p.t.Helper()
	return p.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURL}, "code_verifier": {verifier}})
}

func (p *relyingParty) refresh(token string) (int, tokens) {
	p.t.Helper()
	return p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func claims(t *testing.T, jwt string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignInGivesTokens(t *testing.T) {
	p := start(t, t.TempDir(), "")
	status, got := p.exchange(p.code("ada@acme.example"))
	if status != http.StatusOK || got.Access == "" || got.Refresh == "" || got.Expires < 890 || got.Expires > 900 {
		t.Fatalf("%d %+v", status, got)
	}
	c := claims(t, got.Access)
	if c["sub"] != "ada" || c["email"] != "ada@acme.example" || c["name"] != "Ada Lindqvist" || c["email_verified"] != true ||
		c["iss"] != p.issuer || c["nonce"] != nil || c["at_hash"] != nil {
		t.Errorf("access token: %v", c)
	}
	if groups, ok := c["groups"].([]any); !ok || len(groups) != 1 || groups[0] != "acme/org-admin" {
		t.Errorf("groups: %v", c["groups"])
	}
	if id := claims(t, got.ID); id["nonce"] != "no" || id["at_hash"] == nil || id["email"] != "ada@acme.example" {
		t.Errorf("ID token: %v", id)
	}
}

func TestCodeIsGoodOnceAndOnlyWithItsVerifier(t *testing.T) {
	p := start(t, t.TempDir(), "")
	code := p.code("noor")
	if status, _ := p.exchange(code); status != http.StatusOK {
		t.Fatal(status)
	}
	if status, got := p.exchange(code); status != http.StatusBadRequest || got.Error != "invalid_grant" {
		t.Errorf("second use: %d %+v", status, got)
	}
	code = p.code("noor")
	wrong := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURL}, "code_verifier": {"wrong"}}
	if status, got := p.token(wrong); status != http.StatusBadRequest || got.Access != "" {
		t.Errorf("wrong verifier: %d %+v", status, got)
	}
	if status, _ := p.exchange(code); status == http.StatusOK {
		t.Error("a code survived a wrong verifier")
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	p := start(t, t.TempDir(), "")
	for reason, change := range map[string]url.Values{
		"no PKCE":         {"code_challenge": {""}, "code_challenge_method": {""}},
		"plain PKCE":      {"code_challenge_method": {"plain"}},
		"implicit":        {"response_type": {"id_token token"}},
		"silent sign-in":  {"prompt": {"none"}},
		"another client":  {"client_id": {"evil"}},
		"another address": {"redirect_uri": {"http://evil.example/"}},
	} {
		resp, body := p.get(p.browser, p.authorizeURL(change))
		to := resp.Header.Get("Location")
		if strings.Contains(body, "Who are you?") || strings.Contains(to, "code=") {
			t.Errorf("%s was let through: %d %s", reason, resp.StatusCode, to)
		}
		if strings.HasPrefix(to, "http://evil.example") {
			t.Errorf("%s: sent to %s", reason, to)
		}
	}
	for _, grant := range []string{"password", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:device_code"} {
		status, got := p.token(url.Values{"grant_type": {grant}, "username": {"ada"}, "password": {"catalyst"}})
		if status == http.StatusOK || got.Access != "" {
			t.Errorf("grant %s: %d %+v", grant, status, got)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	p := start(t, t.TempDir(), "")
	request := p.begin()
	form := url.Values{"request": {request}, "username": {"ada@acme.example"}, "password": {"wrong"}}
	resp, page := p.post(p.browser, "/login", form)
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "not right") || strings.Contains(page, "wrong\"") {
		t.Fatalf("%d %s", resp.StatusCode, page)
	}
	csp := resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy of the page: %s", csp)
	}
	for range 9 {
		resp, page = p.post(p.browser, "/login", form)
	}
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(page, "Start again") {
		t.Errorf("after ten wrong passwords: %d", resp.StatusCode)
	}
	form.Set("password", "catalyst")
	if resp, _ = p.post(p.browser, "/login", form); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the sign-in goes on after ten wrong passwords: %d", resp.StatusCode)
	}
}

// Somebody starts a sign-in, lures another person into finishing it, and asks for the outcome.
func TestOnlyTheBrowserThatSignedInGetsTheCode(t *testing.T) {
	p := start(t, t.TempDir(), "")
	attacker, victim := p.browser, newBrowser(t)
	request := p.begin()
	if resp, _ := p.post(victim, "/login", url.Values{"request": {request}, "username": {"ada"}, "password": {"catalyst"}}); resp.StatusCode != http.StatusFound {
		t.Fatal(resp.StatusCode)
	}
	resp, _ := p.get(attacker, p.issuer+"/authorize/callback?id="+request)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("attacker: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
}

func TestRefreshSurvivesARestartAndFollowsTheFile(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "people.yaml")
	write := func(group string) {
		text := "- {name: Ada, email: ada@acme.example, username: ada, password: catalyst, groups: [" + group + "]}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("acme/org-admin")
	p := start(t, state, file)
	_, first := p.exchange(p.code("ada"))
	write("acme/org-viewer-of-nothing")
	p2 := start(t, state, file) // the restart
	status, second := p2.refresh(first.Refresh)
	if status != http.StatusOK || second.Refresh == first.Refresh {
		t.Fatalf("%d %+v", status, second)
	}
	if groups := claims(t, second.Access)["groups"].([]any); groups[0] != "acme/org-viewer-of-nothing" { //nolint:errcheck // a panic is a failure
		t.Errorf("groups are still %v", groups)
	}
	if status, _ = p2.refresh(first.Refresh); status != http.StatusOK {
		t.Errorf("the answer was lost and the token is tried again at once: %d", status)
	}
	text, err := os.ReadFile(filepath.Join(state, "refresh-tokens.json"))
	if err != nil || strings.Contains(string(text), second.Refresh) {
		t.Errorf("refresh tokens are kept in the clear (%v)", err)
	}
	if resp, _ := p2.post(http.DefaultClient, "/revoke", url.Values{"token": {second.Refresh}, "token_type_hint": {"refresh_token"}}); resp.StatusCode != http.StatusOK {
		t.Errorf("revoke: %d", resp.StatusCode)
	}
	if status, _ = p2.refresh(second.Refresh); status != http.StatusBadRequest {
		t.Errorf("after revoking: %d", status)
	}
	if k1, k2 := keys(p), keys(p2); k1 != k2 {
		t.Errorf("the keys changed with the restart:\n%s\n%s", k1, k2)
	}
}

func keys(p *relyingParty) string {
	_, body := p.get(http.DefaultClient, p.issuer+"/keys")
	return body
}

func TestConfig(t *testing.T) {
	env := map[string]string{"CATALYST_STATE_DIR": "d", "CATALYST_PUBLIC_URL": "http://127.0.0.1:17080/"}
	cfg, err := readConfig(func(k string) string { return env[k] })
	if err != nil || cfg.provider.RedirectURL != "http://127.0.0.1:17080/auth/callback" {
		t.Errorf("%+v %v", cfg, err)
	}
	if _, err := readConfig(func(string) string { return "" }); err == nil {
		t.Error("no state directory, and no error")
	}
	if err := run(context.Background(), func(string) string { return "" }); err == nil {
		t.Error("run without a state directory")
	}
}
