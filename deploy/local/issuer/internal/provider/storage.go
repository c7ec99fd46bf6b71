package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"catalyst.openova.io/deploy/local/issuer/internal/people"
)

// requestLife is how long a person may take to sign in.
const requestLife = 30 * time.Minute

var errRequest = errors.New("the sign-in is unknown or took too long; start it again from the console")

// storage is what zitadel/oidc's provider keeps its state in: op.Storage. Sign-ins under way are in memory.
type storage struct {
	client   *client
	audience string
	people   *people.Directory
	key      key
	refresh  *refreshTokens

	mu       sync.Mutex
	requests map[string]*authRequest
	codes    map[string]string // code -> id of the request
}

var _ op.Storage = (*storage)(nil)

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if asked.CodeChallenge == "" || asked.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with code_challenge_method=S256 is required")
	}
	if slices.Contains(asked.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // this issuer keeps nobody signed in
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, r := range s.requests {
		if now.Sub(r.started) > requestLife {
			delete(s.requests, id)
		}
	}
	if len(s.requests) >= 10_000 {
		return nil, oidc.ErrServerError().WithDescription("too many sign-ins are under way; try again later")
	}
	r := &authRequest{id: rand.Text(), asked: *asked, audience: s.audience, started: now}
	s.requests[r.id] = r
	return r, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.request(id)
}

// request returns a copy, so that nobody reads what another changes. The lock is held.
func (s *storage) request(id string) (*authRequest, error) {
	r, ok := s.requests[id]
	if !ok || time.Since(r.started) > requestLife {
		return nil, errRequest
	}
	copied := *r
	return &copied, nil
}

// AuthRequestByCode uses the code up, whatever comes of it.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.codes[code]
	if !ok {
		return nil, errors.New("the code is unknown or used up")
	}
	delete(s.codes, code)
	return s.request(id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	for code, of := range s.codes {
		if of == id {
			delete(s.codes, code)
		}
	}
	return nil
}

func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(s.client.life), nil
}

func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	g := grant{Subject: r.GetSubject(), Scopes: r.GetScopes(), Client: s.client.id, AuthTime: time.Now()}
	if a, ok := r.(interface{ GetAuthTime() time.Time }); ok {
		g.AuthTime = a.GetAuthTime()
	}
	token, err := s.refresh.issue(g, current)
	return rand.Text(), token, time.Now().Add(s.client.life), err
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	g, err := s.refresh.find(token)
	if err != nil {
		return nil, err
	}
	if _, ok := s.people.Find(g.Subject); !ok {
		return nil, errors.New("the person is gone")
	}
	return &refreshRequest{grant: g, audience: s.audience}, nil
}

func (s *storage) TerminateSession(_ context.Context, subject, client string) error {
	return s.refresh.revokeAll(subject, client)
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	if err := s.refresh.revoke(token); err != nil {
		return oidc.ErrServerError().WithParent(err)
	}
	return nil
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (string, string, error) {
	g, err := s.refresh.find(token)
	if err != nil {
		return "", "", op.ErrInvalidRefreshToken
	}
	return g.Subject, token, nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.key.SignatureAlgorithm()}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != s.client.id {
		return nil, oidc.ErrInvalidClient().WithDescription("the client is unknown")
	}
	return s.client, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != s.client.id || subtle.ConstantTimeCompare([]byte(secret), []byte(s.client.secret)) != 1 {
		return errors.New("wrong client id or secret")
	}
	return nil
}

// SetUserinfoFromScopes has its work done by SetUserinfoFromRequest.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest puts the person into the ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	return s.fill(info, r.GetSubject())
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	return s.fill(info, subject)
}

func (s *storage) fill(info *oidc.UserInfo, subject string) error {
	p, ok := s.people.Find(subject)
	if !ok {
		return errors.New("the person is gone")
	}
	info.Subject, info.Name, info.PreferredUsername = p.Username, p.Name, p.Username
	info.Email, info.EmailVerified = p.Email, true
	info.AppendClaims("groups", p.Groups)
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return oidc.ErrInvalidRequest().WithDescription("introspection is not offered; access tokens can be verified with the published keys")
}

// GetPrivateClaimsFromScopes puts the person into the access token.
func (s *storage) GetPrivateClaimsFromScopes(_ context.Context, subject, _ string, _ []string) (map[string]any, error) {
	p, ok := s.people.Find(subject)
	if !ok {
		return nil, errors.New("the person is gone")
	}
	return map[string]any{"name": p.Name, "email": p.Email, "email_verified": true, "preferred_username": p.Username, "groups": p.Groups}, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errors.New("clients have no keys here")
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, oidc.ErrUnsupportedGrantType()
}
