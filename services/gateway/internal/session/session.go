// Package session signs people in by OpenID Connect (authorization code with PKCE) and keeps them signed in with an
// HttpOnly cookie. The tokens stay on this side: a browser holds the cookie only.
package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
)

// life is how long a person stays signed in without signing in again.
const life = 12 * time.Hour

// refreshBefore is how long before its end a token is exchanged for a new one.
const refreshBefore = 45 * time.Second

// Config of the OpenID Connect client.
type Config struct {
	PublicURL              *url.URL
	ClientID, ClientSecret string
}

// Manager knows who asks.
type Manager struct {
	cfg      Config
	verifier *identity.Verifier
	sessions *scs.SessionManager
	attempts attempts
	locks    stripes
	log      *slog.Logger
	now      func() time.Time
}

// New makes a Manager with a store for its sessions.
func New(cfg Config, verifier *identity.Verifier, store scs.Store, log *slog.Logger) *Manager {
	sm := scs.New()
	sm.Store, sm.Lifetime = store, life
	sm.Cookie.Name = "catalyst_session"
	sm.Cookie.HttpOnly, sm.Cookie.SameSite, sm.Cookie.Path = true, http.SameSiteLaxMode, "/"
	sm.Cookie.Secure = cfg.PublicURL.Scheme == "https"
	return &Manager{cfg: cfg, verifier: verifier, sessions: sm, attempts: newAttempts(cfg.ClientSecret), log: log, now: time.Now}
}

// caller is who sent a request, and the token that proves it to other services.
type caller struct {
	person identity.Person
	token  string
	// expires is when the sign-in ends, believed until when the token vouches for the person's roles.
	expires, believed time.Time
}

// tokens are what a session keeps.
type tokens struct {
	Access  string    `json:"access"`
	Refresh string    `json:"refresh"`
	Expires time.Time `json:"expires"`
}

const keyTokens = "tokens"

// load reads a session; ok is false if it has ended. The context that it returns is the session's: Load of scs does
// nothing on a context that already carries one.
func (m *Manager) load(ctx context.Context, session string) (_ context.Context, t tokens, ok bool, _ *server.Problem) {
	ctx, err := m.sessions.Load(ctx, session)
	if err != nil {
		return nil, t, false, m.unavailable(err)
	}
	b := m.sessions.GetBytes(ctx, keyTokens)
	if b == nil {
		return ctx, t, false, nil
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return ctx, t, false, nil //nolint:nilerr // a session that cannot be read is none
	}
	return ctx, t, t.Access != "", nil
}

func (m *Manager) keep(ctx context.Context, t tokens) *server.Problem {
	b, err := json.Marshal(t)
	if err != nil {
		return m.unavailable(err)
	}
	m.sessions.Put(ctx, keyTokens, b)
	return nil
}

// credential is what a request brings to say who sent it: a bearer token, else a session.
type credential struct{ bearer, session string }

func (m *Manager) credential(r *http.Request) credential {
	if token, ok := identity.Bearer(r); ok {
		return credential{bearer: token}
	}
	if cookie, err := r.Cookie(m.sessions.Cookie.Name); err == nil {
		return credential{session: cookie.Value}
	}
	return credential{}
}

// authenticate finds out who asks.
func (m *Manager) authenticate(ctx context.Context, shown credential) (caller, *server.Problem) {
	switch {
	case shown.bearer != "":
		return m.verify(ctx, shown.bearer)
	case shown.session != "":
		return m.bySession(ctx, shown.session)
	default:
		return caller{}, identity.NotSignedIn("You are not signed in. Open /auth/login in a browser, or send an access token in the header Authorization: Bearer.")
	}
}

func (m *Manager) verify(ctx context.Context, token string) (caller, *server.Problem) {
	p, expires, err := m.verifier.Verify(ctx, token)
	if err != nil {
		return caller{}, identity.Problem(err)
	}
	return caller{person: p, token: token, expires: expires, believed: expires}, nil
}

func (m *Manager) bySession(parent context.Context, session string) (caller, *server.Problem) {
	ctx, t, ok, problem := m.load(parent, session)
	if problem != nil {
		return caller{}, problem
	}
	if !ok {
		return caller{}, ended()
	}
	if t.Expires.Sub(m.now()) < refreshBefore {
		if t, problem = m.renew(parent, session); problem != nil {
			return caller{}, problem
		}
	}
	c, problem := m.verify(parent, t.Access)
	if problem != nil {
		return caller{}, problem
	}
	// The session outlives its tokens: they are exchanged as long as it lives.
	c.expires = m.sessions.Deadline(ctx)
	return c, nil
}

func ended() *server.Problem { return identity.NotSignedIn("Your session has ended. Sign in again.") }

func (m *Manager) unavailable(err error) *server.Problem {
	m.log.Debug("session: the store does not answer", "error", err)
	return server.NewProblem(http.StatusServiceUnavailable, "sessions_unavailable",
		"The store of sessions does not answer, so nobody can be told apart right now. You are not signed out: try again in a moment.")
}

// Require lets signed-in people through, with the person in the context and their token in the header.
func (m *Manager) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := m.credential(r)
		c, problem := m.authenticate(r.Context(), shown)
		if problem != nil {
			problem.Write(w)
			return
		}
		ctx := context.WithValue(identity.NewContext(r.Context(), c.person), readerKey{}, m.reader(shown, c))
		r = r.Clone(ctx)
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Del("Cookie")
		w.Header().Set("Vary", "Cookie, Authorization")
		w.Header().Set("Cache-Control", "private, no-cache")
		next.ServeHTTP(w, r)
	})
}

// Show answers who is signed in.
func (m *Manager) Show(w http.ResponseWriter, r *http.Request) {
	c, problem := m.authenticate(r.Context(), m.credential(r))
	if problem != nil {
		problem.Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(Session{Person: c.person, ExpiresAt: c.expires}); err != nil {
		m.log.Debug("session: client went away", "error", err)
	}
}

// Session is what GET /api/v1/session answers.
type Session struct {
	Person    identity.Person `json:"person"`
	ExpiresAt time.Time       `json:"expiresAt" doc:"when the person has to sign in again"`
}
