package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
)

const (
	keyState    = "login.state"
	keyNonce    = "login.nonce"
	keyPKCE     = "login.pkce"
	keyReturnTo = "login.return"
)

func (m *Manager) oauth(ctx context.Context) (*oauth2.Config, error) {
	provider, err := m.verifier.Provider(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: m.cfg.ClientID, ClientSecret: m.cfg.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: m.cfg.PublicURL.JoinPath("/auth/callback").String(),
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email", "groups", oidc.ScopeOfflineAccess},
	}, nil
}

// Login sends a browser to the issuer.
func (m *Manager) Login(w http.ResponseWriter, r *http.Request) {
	cfg, err := m.oauth(r.Context())
	if err != nil {
		identity.Problem(err).Write(w)
		return
	}
	ctx, err := m.sessions.Load(r.Context(), "")
	if err != nil {
		unavailable(err).Write(w)
		return
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	m.sessions.Put(ctx, keyState, state)
	m.sessions.Put(ctx, keyNonce, nonce)
	m.sessions.Put(ctx, keyPKCE, verifier)
	m.sessions.Put(ctx, keyReturnTo, localPath(r.URL.Query().Get("return_to")))
	if problem := m.commit(ctx, w); problem != nil {
		problem.Write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, cfg.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)
}

// Callback takes the code that the issuer sends back and begins the session under a new token.
func (m *Manager) Callback(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(m.sessions.Cookie.Name)
	if err != nil {
		again(w, "The sign-in was begun in another browser, or cookies are off.")
		return
	}
	ctx, err := m.sessions.Load(r.Context(), cookie.Value)
	if err != nil {
		unavailable(err).Write(w)
		return
	}
	q := r.URL.Query()
	state := m.sessions.PopString(ctx, keyState)
	nonce, verifier := m.sessions.PopString(ctx, keyNonce), m.sessions.PopString(ctx, keyPKCE)
	returnTo := localPath(m.sessions.PopString(ctx, keyReturnTo))
	if state == "" || q.Get("state") != state {
		if m.sessions.GetString(ctx, keyAccess) != "" {
			http.Redirect(w, r, returnTo, http.StatusSeeOther) // a second click on a sign-in that is done
			return
		}
		again(w, "This sign-in was not begun here or is long over.")
		return
	}
	if reason := q.Get("error"); reason != "" {
		again(w, "The issuer refused: "+reason+".")
		return
	}
	t, problem := m.exchange(ctx, q.Get("code"), nonce, verifier)
	if problem != nil {
		problem.Write(w)
		return
	}
	if err := m.sessions.RenewToken(ctx); err != nil {
		unavailable(err).Write(w)
		return
	}
	m.keep(ctx, t)
	if problem := m.commit(ctx, w); problem != nil {
		problem.Write(w)
		return
	}
	http.Redirect(w, r, returnTo, http.StatusSeeOther)
}

func (m *Manager) exchange(ctx context.Context, code, nonce, verifier string) (*oauth2.Token, *server.Problem) {
	cfg, err := m.oauth(ctx)
	if err != nil {
		return nil, identity.Problem(err)
	}
	t, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		m.log.Info("login: the code was not exchanged", "error", err)
		return nil, refused("The issuer did not accept the sign-in.")
	}
	provider, err := m.verifier.Provider(ctx)
	if err != nil {
		return nil, identity.Problem(err)
	}
	raw, _ := t.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: m.cfg.ClientID}).Verify(ctx, raw)
	if err != nil || id.Nonce != nonce {
		m.log.Info("login: the ID token does not hold", "error", err)
		return nil, refused("The issuer's answer does not belong to this sign-in.")
	}
	if _, _, err := m.verifier.Verify(ctx, t.AccessToken); err != nil {
		return nil, identity.Problem(err)
	}
	return t, nil
}

// Logout ends the session here.
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(m.sessions.Cookie.Name); err == nil {
		ctx, err := m.sessions.Load(r.Context(), cookie.Value)
		if err == nil {
			err = m.sessions.Destroy(ctx)
		}
		if err != nil {
			unavailable(err).Write(w)
			return
		}
	}
	m.sessions.WriteSessionCookie(r.Context(), w, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
}

// Show answers who is signed in.
func (m *Manager) Show(w http.ResponseWriter, r *http.Request) {
	c, problem := m.authenticate(r.Context(), r)
	if problem != nil {
		problem.Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(map[string]any{"person": c.person, "expiresAt": c.expires}); err != nil {
		m.log.Debug("session: client went away", "error", err)
	}
}

func (m *Manager) commit(ctx context.Context, w http.ResponseWriter) *server.Problem {
	token, expiry, err := m.sessions.Commit(ctx)
	if err != nil {
		return unavailable(err)
	}
	m.sessions.WriteSessionCookie(ctx, w, token, expiry)
	return nil
}

// localPath keeps a return address on this site.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n") {
		return "/"
	}
	return s
}

func refused(why string) *server.Problem {
	return server.NewProblem(http.StatusBadRequest, "sign_in_failed", why+" Go back to the console and sign in again.")
}

func again(w http.ResponseWriter, why string) { refused(why).Write(w) }
