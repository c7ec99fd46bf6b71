package session

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
)

func (m *Manager) oauth(ctx context.Context) (*oauth2.Config, error) {
	provider, err := m.verifier.Provider(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: m.cfg.ClientID, ClientSecret: m.cfg.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: m.cfg.PublicURL.JoinPath(attemptPath).String(),
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email", "groups", oidc.ScopeOfflineAccess},
	}, nil
}

// Login sends a browser to the issuer.
func (m *Manager) Login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	returnTo := localPath(r.URL.Query().Get("return_to"))
	if r.Host != m.cfg.PublicURL.Host {
		// The issuer sends people back to the public address, where a cookie of this one would be missing.
		to := m.cfg.PublicURL.JoinPath("/auth/login")
		to.RawQuery = url.Values{"return_to": {returnTo}}.Encode()
		http.Redirect(w, r, to.String(), http.StatusFound)
		return
	}
	cfg, err := m.oauth(r.Context())
	if err != nil {
		m.log.Debug("login: the issuer does not answer", "error", err)
		answer(w, r, identity.Problem(err), r.URL.RequestURI())
		return
	}
	t := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), ReturnTo: returnTo, Until: m.now().Add(attemptLife)}
	cookie, err := m.attempts.cookie(t, m.sessions.Cookie.Secure)
	if err != nil {
		answer(w, r, server.NewProblem(http.StatusInternalServerError, "internal", err.Error()), returnTo)
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, cfg.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), http.StatusFound)
}

// Callback takes the code that the issuer sends back and begins a session.
func (m *Manager) Callback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	q := r.URL.Query()
	t, ok := m.attempts.open(r, q.Get("state"), m.now())
	if !ok {
		if _, problem := m.authenticate(r.Context(), m.credential(r)); problem == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther) // a second click on a sign-in that is done
			return
		}
		answer(w, r, refused("This sign-in was begun in another browser, or too long ago."), "/")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: attemptCookie(t.State), Path: attemptPath, MaxAge: -1, HttpOnly: true,
		Secure: m.sessions.Cookie.Secure, SameSite: http.SameSiteLaxMode})
	again := "/auth/login?" + url.Values{"return_to": {t.ReturnTo}}.Encode()
	if q.Get("error") != "" {
		answer(w, r, refused("The issuer ended the sign-in."), again)
		return
	}
	got, problem := m.exchange(r.Context(), q.Get("code"), t)
	if problem == nil {
		problem = m.begin(w, r, got)
	}
	if problem != nil {
		answer(w, r, problem, again)
		return
	}
	http.Redirect(w, r, t.ReturnTo, http.StatusSeeOther)
}

// begin makes a session under a token that nobody has seen before, and ends the one that the browser had.
func (m *Manager) begin(w http.ResponseWriter, r *http.Request, t tokens) *server.Problem {
	if cookie, err := r.Cookie(m.sessions.Cookie.Name); err == nil && cookie.Value != "" {
		if problem := m.end(r.Context(), cookie.Value); problem != nil {
			return problem
		}
	}
	ctx, err := m.sessions.Load(r.Context(), "")
	if err != nil {
		return m.unavailable(err)
	}
	if problem := m.keep(ctx, t); problem != nil {
		return problem
	}
	session, expiry, err := m.sessions.Commit(ctx)
	if err != nil {
		return m.unavailable(err)
	}
	m.sessions.WriteSessionCookie(ctx, w, session, expiry)
	return nil
}

func (m *Manager) exchange(ctx context.Context, code string, t attempt) (tokens, *server.Problem) {
	cfg, err := m.oauth(ctx)
	if err != nil {
		return tokens{}, identity.Problem(err)
	}
	got, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, client), code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		m.log.Info("login: the code was not exchanged", "error", err)
		return tokens{}, refused("The issuer did not accept the sign-in.")
	}
	provider, err := m.verifier.Provider(ctx)
	if err != nil {
		return tokens{}, identity.Problem(err)
	}
	raw, _ := got.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: m.cfg.ClientID}).Verify(ctx, raw)
	if err != nil || id.Nonce != t.Nonce {
		m.log.Info("login: the ID token does not hold", "error", err)
		return tokens{}, refused("The issuer's answer does not belong to this sign-in.")
	}
	p, _, err := m.verifier.Verify(ctx, got.AccessToken)
	if err != nil {
		m.log.Info("login: the access token does not hold", "error", err)
		return tokens{}, identity.Problem(err)
	}
	if p.Subject != id.Subject {
		return tokens{}, refused("The issuer's two tokens speak for two people.")
	}
	return tokens{Access: got.AccessToken, Refresh: got.RefreshToken, Expires: got.Expiry}, nil
}

// Logout ends the session, here and at the issuer.
func (m *Manager) Logout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if cookie, err := r.Cookie(m.sessions.Cookie.Name); err == nil && cookie.Value != "" {
		if problem := m.end(r.Context(), cookie.Value); problem != nil {
			problem.Write(w)
			return
		}
	}
	m.sessions.WriteSessionCookie(r.Context(), w, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
}

// end takes a session away. A renewal that is under way is waited for, so that it cannot bring the session back.
func (m *Manager) end(ctx context.Context, session string) *server.Problem {
	defer m.locks.lock(session)()
	ctx, t, ok, problem := m.load(ctx, session)
	if problem != nil || !ok {
		return problem
	}
	if err := m.sessions.Destroy(ctx); err != nil {
		return m.unavailable(err)
	}
	go m.revoke(context.WithoutCancel(ctx), t.Refresh)
	return nil
}

// revoke tells the issuer that nobody will come with the refresh token again. The session is over either way.
func (m *Manager) revoke(ctx context.Context, refresh string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	provider, err := m.verifier.Provider(ctx)
	var endpoints struct {
		Revocation string `json:"revocation_endpoint"`
	}
	if err != nil || provider.Claims(&endpoints) != nil || endpoints.Revocation == "" || refresh == "" {
		return
	}
	form := url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}, "client_id": {m.cfg.ClientID}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoints.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if m.cfg.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(m.cfg.ClientID), url.QueryEscape(m.cfg.ClientSecret))
	}
	resp, err := client.Do(req)
	if err != nil {
		m.log.Info("logout: the issuer was not told", "error", err)
		return
	}
	if err := resp.Body.Close(); err != nil {
		m.log.Debug("logout: answer of the issuer", "error", err)
	}
}

// localPath keeps a return address on this site.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.Contains(s, "\\") ||
		strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/auth/") {
		return "/"
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f {
			return "/"
		}
	}
	return s
}

func refused(why string) *server.Problem {
	return server.NewProblem(http.StatusBadRequest, "sign_in_failed", why+" Sign in again.")
}
