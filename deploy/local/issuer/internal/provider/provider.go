// Package provider is the OpenID Connect protocol of the local issuer: github.com/zitadel/oidc with the people file, one
// client, and keys and refresh tokens that survive a restart.
package provider

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"catalyst.openova.io/deploy/local/issuer/internal/people"
)

// Config of a Provider.
type Config struct {
	IssuerURL, Audience, ClientID, ClientSecret, RedirectURL, StateDir string
	// AccessLife is how long an access token holds; zero is 15 minutes.
	AccessLife time.Duration
}

// Provider answers the protocol and knows the sign-ins that are under way.
type Provider struct {
	storage *storage
	handler http.Handler
	issuer  string
	secure  bool
}

// maxAttempts is how many wrong passwords one sign-in may see.
const maxAttempts = 10

// The answers to a sign-in that fails.
var (
	ErrPassword = errors.New("that password is not right")
	ErrRequest  = errRequest
)

// New reads the state directory and makes a Provider.
func New(cfg Config, dir *people.Directory, log *slog.Logger) (*Provider, error) {
	signing, err := loadKey(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	refresh, err := loadRefreshTokens(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	redirect, err := url.Parse(cfg.RedirectURL)
	if err != nil {
		return nil, err
	}
	afterLogout := (&url.URL{Scheme: redirect.Scheme, Host: redirect.Host, Path: "/"}).String()
	life := cmp.Or(cfg.AccessLife, accessLife)
	s := &storage{
		client:   &client{id: cfg.ClientID, secret: cfg.ClientSecret, redirect: cfg.RedirectURL, afterLogout: afterLogout, life: life},
		audience: cfg.Audience, people: dir, key: signing, refresh: refresh,
		requests: map[string]*authRequest{}, codes: map[string]string{},
	}
	conf := &op.Config{CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true, DefaultLogoutRedirectURI: afterLogout,
		SupportedScopes: []string{"openid", "profile", "email", "offline_access"}}
	if _, err := rand.Read(conf.CryptoKey[:]); err != nil { // seals codes, which a restart ends anyway
		return nil, err
	}
	handler, err := op.NewProvider(conf, s, op.StaticIssuer(cfg.IssuerURL),
		op.WithAllowInsecure(), // one machine: http on the loopback
		op.WithCORSOptions(nil), op.WithLogger(log))
	if err != nil {
		return nil, err
	}
	return &Provider{storage: s, handler: handler, issuer: cfg.IssuerURL, secure: strings.HasPrefix(cfg.IssuerURL, "https:")}, nil
}

// RedirectOrigin is where the browser goes after it has signed in.
func (p *Provider) RedirectOrigin() string {
	return strings.TrimSuffix(p.storage.client.afterLogout, "/")
}

// Pending tells whether the sign-in exists.
func (p *Provider) Pending(id string) bool {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	r, err := p.storage.request(id)
	return err == nil && !r.Done()
}

// SignIn ends a sign-in with the person's password. It returns where the browser goes next, and the cookie without
// which nobody gets further: whoever merely knows the sign-in's id (because it is theirs, and they lured somebody into
// finishing it) cannot collect what comes of it.
func (p *Provider) SignIn(id, username, password string) (next string, proof *http.Cookie, err error) {
	person, known := p.storage.people.Find(username)
	right := known && person.Matches(password)
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	r, ok := p.storage.requests[id]
	if !ok || r.Done() || time.Since(r.started) > requestLife {
		return "", nil, ErrRequest
	}
	if !right {
		if r.attempts++; r.attempts >= maxAttempts {
			delete(p.storage.requests, id)
			return "", nil, ErrRequest
		}
		return "", nil, ErrPassword
	}
	r.subject, r.authTime, r.proof = person.Username, time.Now(), rand.Text()
	return callbackPath + "?id=" + url.QueryEscape(id), &http.Cookie{Name: proofCookie, Value: r.proof, Path: callbackPath,
		MaxAge: 60, HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode}, nil
}

const (
	callbackPath = "/authorize/callback"
	proofCookie  = "catalyst_issuer_proof"
)

// Handler answers the endpoints that a relying party needs, and no others.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /.well-known/openid-configuration", "GET /keys", "GET /authorize", "POST /authorize",
		"POST /oauth/token", "GET /userinfo", "POST /userinfo", "POST /revoke", "GET /end_session", "POST /end_session"} {
		mux.Handle(pattern, p.handler)
	}
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie(proofCookie)
		if err != nil || !p.proven(r.URL.Query().Get("id"), cookie.Value) {
			http.Error(w, "This sign-in was finished in another browser, or took too long. Start it again from the console.", http.StatusForbidden)
			return
		}
		p.handler.ServeHTTP(w, r)
	})
	return http.MaxBytesHandler(mux, 64<<10)
}

func (p *Provider) proven(id, proof string) bool {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	r, err := p.storage.request(id)
	return err == nil && r.Done() && subtle.ConstantTimeCompare([]byte(r.proof), []byte(proof)) == 1
}
