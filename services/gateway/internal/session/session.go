// Package session signs people in by OpenID Connect (authorization code with PKCE) and keeps them signed in with an
// HttpOnly cookie. The tokens stay on this side: a browser holds the cookie only.
package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// life is how long a person stays signed in without signing in again.
const life = 12 * time.Hour

// refreshBefore is how long before its end a token is exchanged for a new one.
const refreshBefore = 30 * time.Second

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
	refresh  singleflight.Group
	log      *slog.Logger
}

// New makes a Manager with a store for its sessions.
func New(cfg Config, verifier *identity.Verifier, store scs.Store, log *slog.Logger) *Manager {
	sm := scs.New()
	sm.Store, sm.Lifetime = store, life
	sm.Cookie.Name = "catalyst_session"
	sm.Cookie.HttpOnly, sm.Cookie.SameSite, sm.Cookie.Path = true, http.SameSiteLaxMode, "/"
	sm.Cookie.Secure = cfg.PublicURL.Scheme == "https"
	return &Manager{cfg: cfg, verifier: verifier, sessions: sm, log: log}
}

// caller is who sent a request, and the token that proves it to other services.
type caller struct {
	person  identity.Person
	token   string
	expires time.Time
	session string // the session's token, empty for a bearer
}

// authenticate finds out who asks: by bearer token, else by session cookie.
func (m *Manager) authenticate(ctx context.Context, r *http.Request) (caller, *server.Problem) {
	if token, ok := identity.Bearer(r); ok {
		return m.verify(ctx, token, "")
	}
	cookie, err := r.Cookie(m.sessions.Cookie.Name)
	if err != nil || cookie.Value == "" {
		return caller{}, identity.NotSignedIn("You are not signed in. Open /auth/login in a browser, or send an access token in the header Authorization: Bearer.")
	}
	return m.bySession(ctx, cookie.Value)
}

func (m *Manager) verify(ctx context.Context, token, session string) (caller, *server.Problem) {
	p, expires, err := m.verifier.Verify(ctx, token)
	if err != nil {
		return caller{}, identity.Problem(err)
	}
	return caller{person: p, token: token, expires: expires, session: session}, nil
}

func (m *Manager) bySession(ctx context.Context, token string) (caller, *server.Problem) {
	ctx, err := m.sessions.Load(ctx, token)
	if err != nil {
		return caller{}, unavailable(err)
	}
	access := m.sessions.GetString(ctx, keyAccess)
	if access == "" {
		return caller{}, identity.NotSignedIn("Your session has ended. Sign in again.")
	}
	if time.Until(m.sessions.GetTime(ctx, keyExpires)) < refreshBefore {
		fresh, problem := m.renew(ctx, token)
		if problem != nil {
			return caller{}, problem
		}
		access = fresh
	}
	c, problem := m.verify(ctx, access, token)
	// The session outlives its tokens: they are exchanged as long as it lives.
	c.expires = m.sessions.Deadline(ctx)
	return c, problem
}

// renew exchanges the refresh token. Requests of one session that need it at the same time share one exchange, since a
// refresh token works once.
func (m *Manager) renew(ctx context.Context, session string) (string, *server.Problem) {
	type outcome struct {
		access  string
		problem *server.Problem
	}
	v, _, _ := m.refresh.Do(session, func() (any, error) {
		ctx, err := m.sessions.Load(context.WithoutCancel(ctx), session)
		if err != nil {
			return outcome{problem: unavailable(err)}, nil
		}
		if time.Until(m.sessions.GetTime(ctx, keyExpires)) >= refreshBefore {
			return outcome{access: m.sessions.GetString(ctx, keyAccess)}, nil
		}
		cfg, err := m.oauth(ctx)
		if err != nil {
			return outcome{problem: identity.Problem(err)}, nil
		}
		t, err := cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: m.sessions.GetString(ctx, keyRefresh)}).Token()
		if err != nil {
			m.log.Info("session: the issuer does not renew a token", "error", err)
			return outcome{problem: identity.NotSignedIn("Your session could not be renewed. Sign in again.")}, nil
		}
		m.keep(ctx, t)
		if _, _, err := m.sessions.Commit(ctx); err != nil {
			return outcome{problem: unavailable(err)}, nil
		}
		return outcome{access: t.AccessToken}, nil
	})
	o := v.(outcome)
	return o.access, o.problem
}

const (
	keyAccess  = "access"
	keyRefresh = "refresh"
	keyExpires = "expires"
	keyID      = "id"
)

func (m *Manager) keep(ctx context.Context, t *oauth2.Token) {
	m.sessions.Put(ctx, keyAccess, t.AccessToken)
	m.sessions.Put(ctx, keyExpires, t.Expiry)
	if t.RefreshToken != "" {
		m.sessions.Put(ctx, keyRefresh, t.RefreshToken)
	}
	if id, ok := t.Extra("id_token").(string); ok {
		m.sessions.Put(ctx, keyID, id)
	}
}

func unavailable(error) *server.Problem {
	return server.NewProblem(http.StatusServiceUnavailable, "sessions_unavailable",
		"The store of sessions does not answer, so nobody can be told apart right now. You are not signed out: try again in a moment.")
}

// Require lets signed-in people through, with the person in the context and their token in the header.
func (m *Manager) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, problem := m.authenticate(r.Context(), r)
		if problem != nil {
			problem.Write(w)
			return
		}
		r = r.WithContext(identity.NewContext(r.Context(), c.person))
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Del("Cookie")
		next.ServeHTTP(w, r)
	})
}

// reader is a caller of the stream.
type reader struct {
	m *Manager
	c caller
	r *http.Request
}

// Reader authenticates a client of the stream.
func (m *Manager) Reader(r *http.Request) (stream.Reader, *server.Problem) {
	c, problem := m.authenticate(r.Context(), r)
	if problem != nil {
		return nil, problem
	}
	return &reader{m: m, c: c, r: r}, nil
}

// May is the rule of what a person may see, for the stream and REST alike.
func May(p identity.Person, h view.Header) bool {
	switch h.Kind {
	case view.KindSovereign:
		return identity.Can(p, identity.PermRead, "", "")
	case view.KindOrganization:
		return identity.Can(p, identity.PermSeeOrganization, h.Organization, "")
	default:
		return identity.Can(p, identity.PermRead, h.Organization, identity.EnvType(h.Organization, h.Environment))
	}
}

func (r *reader) May(h view.Header) bool { return May(r.c.person, h) }

func (r *reader) Expires() time.Time { return r.c.expires }

// Check asks again who this is. The person's roles may have changed, so what May answers may change with it.
func (r *reader) Check(ctx context.Context) error {
	c, problem := r.m.authenticate(ctx, r.r)
	if problem != nil {
		if problem.Status == http.StatusServiceUnavailable {
			return nil // cannot be told: the deadline still holds
		}
		return problem
	}
	r.c.person = c.person
	return nil
}
