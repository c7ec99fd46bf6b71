package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"catalyst.openova.io/pkg/identity"
	pkgserver "catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/jetstream"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// issuerBinary is the real issuer of a local Sovereign, built once.
var issuerBinary string

func TestMain(m *testing.M) {
	pkgserver.UseProblems()
	dir, err := os.MkdirTemp("", "gateway-test")
	if err != nil {
		panic(err)
	}
	issuerBinary = filepath.Join(dir, "issuer")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", issuerBinary, ".")
	build.Dir = "../../deploy/local/issuer"
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the issuer does not build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // the system clears it otherwise
	os.Exit(code)
}

// sovereign is a gateway with everything that it needs: the real issuer, a NATS server in this process, and two services
// that tell what reaches them.
type sovereign struct {
	t       *testing.T
	gateway *httptest.Server
	issuer  string
	state   string
	console string
	people  string

	nats     *server.Server
	natsOpts *server.Options
	proc     *exec.Cmd
	life     string // of an access token
	store    *readmodel.Store
	sp       *spine.Spine // as the projector
	upstream *httptest.Server
	reached  chan *http.Request
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // tcp
}

func newSovereign(t *testing.T) *sovereign {
	t.Helper()
	s := &sovereign{t: t, state: t.TempDir(), console: t.TempDir(), reached: make(chan *http.Request, 16),
		natsOpts: &server.Options{Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}}
	s.startNATS()
	t.Cleanup(func() { s.stopNATS() })
	var routed http.Handler
	s.gateway = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { routed.ServeHTTP(w, r) }))
	t.Cleanup(s.gateway.Close)
	s.issuer = fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	s.people = filepath.Join(s.state, "people.yaml")
	demo, err := os.ReadFile("../../deploy/local/issuer/people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.people, demo, 0o600); err != nil {
		t.Fatal(err)
	}
	s.startIssuer()
	t.Cleanup(func() { s.stopIssuer() })
	s.upstream = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.upstream.Close)

	log := slog.New(slog.DiscardHandler)
	connect := func() *spine.Accounts {
		sp, err := spine.Open(spine.Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", s.natsOpts.Port), Name: "test"}, log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sp.Close)
		return sp
	}
	s.sp = connect().Sovereign()
	own := connect()
	s.store = readmodel.New("epoch", 1024)
	s.store.Clock(func() uint64 { return uint64(time.Now().UnixMicro()) }) //nolint:gosec // after 1970
	feed := jetstream.NewFeed(own, s.store, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { feed.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })

	env := map[string]string{"CATALYST_LISTEN": "x", "CATALYST_CONSOLE_DIR": s.console, "CATALYST_ISSUER_URL": s.issuer, "CATALYST_AUDIENCE": "catalyst",
		"CATALYST_OIDC_CLIENT_ID": "catalyst-console", "CATALYST_OIDC_CLIENT_SECRET": "s3cret", "CATALYST_NATS_URL": "x", "CATALYST_PUBLIC_URL": s.gateway.URL,
		"CATALYST_CATALOG_URL": s.upstream.URL, "CATALYST_PROVISIONING_URL": s.upstream.URL, "CATALYST_BOOTSTRAP_URL": s.upstream.URL}
	cfg, err := load(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	verifier := identity.NewVerifier(cfg.issuer, cfg.audience)
	sessions := session.New(session.Config{PublicURL: cfg.publicURL, ClientID: cfg.clientID, ClientSecret: cfg.clientSecret}, verifier, jetstream.NewSessions(own.Sovereign()), log)
	hub := stream.New(s.store, sessions.Reader, stream.Pace{})
	go hub.Run(ctx)
	routed = routes(cfg, s.store, sessions, hub)
	return s
}

func (s *sovereign) startNATS() {
	s.t.Helper()
	srv, err := server.NewServer(s.natsOpts)
	if err != nil {
		s.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		s.t.Fatal("NATS does not start")
	}
	s.nats = srv
}

func (s *sovereign) stopNATS() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

func (s *sovereign) startIssuer() {
	s.t.Helper()
	s.proc = exec.CommandContext(context.Background(), issuerBinary)
	s.proc.Env = []string{"CATALYST_LISTEN=" + strings.TrimPrefix(s.issuer, "http://"), "CATALYST_ISSUER_URL=" + s.issuer, "CATALYST_STATE_DIR=" + s.state,
		"CATALYST_PEOPLE_FILE=" + s.people, "CATALYST_PUBLIC_URL=" + s.gateway.URL, "CATALYST_OIDC_CLIENT_SECRET=s3cret", "CATALYST_ACCESS_TOKEN_LIFE=" + s.life}
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the issuer", func() bool {
		resp, err := http.Get(s.issuer + "/healthz") //nolint:noctx // a probe
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
}

func (s *sovereign) stopIssuer() {
	_ = s.proc.Process.Kill() // it may be gone already
	_ = s.proc.Wait()
}

// answer plays catalog, provisioning and the supervisor.
func (s *sovereign) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/openapi.json" {
		fmt.Fprint(w, `{"info":{"title":"Catalyst catalog"},"paths":{"/api/v1/blueprints":{"get":{"operationId":"list-blueprints"}}},"components":{"schemas":{}}}`)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.reached <- r
	http.SetCookie(w, &http.Cookie{Name: "upstream", Value: "x"}) //nolint:gosec // must not get through
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
}

func (s *sovereign) eventually(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// project writes a view as the projector does.
func (s *sovereign) project(env string, kind view.Kind, name string, v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	kv, err := s.sp.Views(s.t.Context(), env)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := kv.Put(s.t.Context(), spine.Key(string(kind), name), b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sovereign) application(env, name, message string) {
	s.project(env, view.KindApplication, name, view.Application{Message: message, Phase: view.PhaseRunning,
		Header: view.Header{Kind: view.KindApplication, Organization: env[:strings.LastIndex(env, "-")], Environment: env, Name: name}})
}

// populate makes a Sovereign with two Organizations.
func (s *sovereign) populate() {
	s.t.Helper()
	s.project(spine.System, view.KindSovereign, "sovereign", view.Sovereign{Header: view.Header{Kind: view.KindSovereign, Name: "sovereign"}, Clusters: []view.Cluster{}})
	s.project(spine.System, view.KindSetAside, "acme-1", view.SetAside{Header: view.Header{Kind: view.KindSetAside, Organization: "acme", Name: "acme-1"}, Reason: "too large"})
	for _, org := range []string{"acme", "globex"} {
		s.project(spine.System, view.KindOrganization, org, view.Organization{Header: view.Header{Kind: view.KindOrganization, Organization: org, Name: org}})
		for _, stage := range []string{"dev", "prod"} {
			env := org + "-" + stage
			s.project(spine.System, view.KindEnvironment, env, view.Environment{EnvType: stage, Header: view.Header{Kind: view.KindEnvironment, Organization: org, Environment: env, Name: env}})
			s.application(env, "shop", "of "+env)
			s.project(env, view.KindActivity, env, view.Activity{Header: view.Header{Kind: view.KindActivity, Organization: org, Environment: env, Name: env}, Entries: []view.ActivityEntry{}})
			s.project(env, view.KindBlueprintUse, "bp-web", view.BlueprintUse{Header: view.Header{Kind: view.KindBlueprintUse, Organization: org, Environment: env, Name: "bp-web"}, Versions: []view.VersionUse{}})
			s.project(env, view.KindOperation, "op-"+env, view.Operation{Header: view.Header{Kind: view.KindOperation, Organization: org, Environment: env, Name: "op-" + env}})
		}
	}
	s.eventually("the views", func() bool {
		_, ok := s.store.Get("Operation/globex-prod/op-globex-prod")
		return ok && s.store.Synced()
	})
}

// browser is a person's browser: it keeps cookies and follows redirects.
type browser struct {
	*sovereign
	http *http.Client
}

func (s *sovereign) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{sovereign: s, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

type reply struct {
	status int
	header http.Header
	body   string
	at     string
}

// code is the code of a Problem.
func (r reply) code() string {
	var p pkgserver.Problem
	if json.Unmarshal([]byte(r.body), &p) != nil || !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
		return ""
	}
	return p.Code
}

func (b *browser) do(method, path string, body io.Reader, header ...string) reply {
	b.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = b.gateway.URL + path
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: string(text), at: resp.Request.URL.String()}
}

func (b *browser) get(path string, header ...string) reply {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, header...)
}

var requestField = regexp.MustCompile(`name="request" value="([^"]+)"`)

// signIn goes through the issuer's form.
func (b *browser) signIn(who, returnTo string) reply {
	b.t.Helper()
	page := b.get("/auth/login?return_to=" + url.QueryEscape(returnTo))
	m := requestField.FindStringSubmatch(page.body)
	if m == nil {
		b.t.Fatalf("no sign-in page at %s: %d %s", page.at, page.status, page.body)
	}
	form := url.Values{"request": {m[1]}, "username": {who}, "password": {"catalyst"}}
	return b.do(http.MethodPost, b.issuer+"/login", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

func (s *sovereign) signedIn(who string) *browser {
	s.t.Helper()
	b := s.browser()
	b.signIn(who, "/")
	if got := b.get("/api/v1/session"); got.status != http.StatusOK {
		s.t.Fatalf("%s is not signed in: %d %s", who, got.status, got.body)
	}
	return b
}

// bearer makes an access token with the issuer's own key.
func (s *sovereign) bearer(who string, life time.Duration, groups ...string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.state, "signing-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{"iss": s.issuer, "aud": "catalyst", "sub": who, "email": who + "@test.example",
		"name": who, "groups": groups, "iat": time.Now().Unix(), "exp": time.Now().Add(life).Unix()})
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, parsed.(*rsa.PrivateKey), crypto.SHA256, sum[:]) //nolint:forcetypeassert // RS256
	if err != nil {
		s.t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// follow opens the stream and returns its lines; the channel is closed when the stream ends.
func (b *browser) follow(query string, header ...string) (<-chan string, func()) {
	b.t.Helper()
	return b.followAt("/api/v1/stream?"+query, header...)
}

func queryEscape(s string) string { return url.QueryEscape(s) }

// followAt is follow at another address that answers with events.
func (b *browser) followAt(path string, header ...string) (<-chan string, func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.gateway.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Jar: b.http.Jar}).Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d", path, resp.StatusCode)
	}
	lines := make(chan string, 256)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	return lines, cancel
}

// until reads lines up to the first that contains text, and tells whether it came.
func until(lines <-chan string, text string, patience time.Duration) (seen []string, ok bool) {
	end := time.After(patience)
	for {
		select {
		case line, open := <-lines:
			if !open {
				return seen, false
			}
			if seen = append(seen, line); strings.Contains(line, text) {
				return seen, true
			}
		case <-end:
			return seen, false
		}
	}
}
