package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// ErrUnavailable means that nobody can tell whether a token is good, because the issuer does not answer. It is no
// verdict on the token: answer 503 and let the caller try again.
var ErrUnavailable = errors.New("the identity issuer does not answer")

// ErrInvalidToken means that the token must not be believed. The text of the error says why.
var ErrInvalidToken = errors.New("the token is not valid")

// skew is how far the clocks of the issuer and of this machine may differ.
const skew = 30 * time.Second

// algorithms are the signatures that are accepted: asymmetric ones only, so that a public key is never taken for a
// shared secret, and never "none".
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// Verifier checks access tokens of one issuer. It needs nothing at start: the issuer is looked up when the first token
// comes, and again until it answers.
type Verifier struct {
	issuer   string
	audience string
	client   *http.Client // for discovery
	now      func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider
	tokens   *oidc.IDTokenVerifier
	failed   error
	failedAt time.Time
}

// NewVerifier makes a Verifier of tokens that the issuer made for the audience.
func NewVerifier(issuer, audience string) *Verifier {
	return &Verifier{issuer: issuer, audience: audience, now: time.Now,
		client: &http.Client{Timeout: 5 * time.Second}}
}

// Ready returns nil when the issuer has answered, else why not. It fits server.Check.
func (v *Verifier) Ready(ctx context.Context) error {
	_, err := v.Provider(ctx)
	return err
}

// Provider returns what the issuer says about itself, for the one service that sends people there to sign in. The
// error wraps ErrUnavailable.
func (v *Verifier) Provider(ctx context.Context) (*oidc.Provider, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.provider != nil {
		return v.provider, nil
	}
	if v.failed != nil && time.Since(v.failedAt) < 500*time.Millisecond {
		return nil, v.failed
	}
	// The client outlives the request that happens to be the first.
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(attempt, v.client), v.issuer)
	if err != nil {
		v.failed, v.failedAt = fmt.Errorf("%w: %s: %v", ErrUnavailable, v.issuer, err), time.Now() //nolint:errorlint // one cause is enough
		return nil, v.failed
	}
	var metadata struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil || metadata.KeysURL == "" {
		v.failed, v.failedAt = fmt.Errorf("%w: %s names no jwks_uri", ErrUnavailable, v.issuer), time.Now()
		return nil, v.failed
	}
	v.provider, v.failed = provider, nil
	v.tokens = oidc.NewVerifier(v.issuer, newKeySet(metadata.KeysURL), &oidc.Config{
		ClientID: v.audience, SupportedSigningAlgs: algorithms,
		SkipExpiryCheck: true, // checked in claims.check, with our own allowance for clocks
	})
	return provider, nil
}

// Verify returns who the token speaks for and until when it may be believed. The error wraps ErrUnavailable or
// ErrInvalidToken.
func (v *Verifier) Verify(ctx context.Context, token string) (Person, time.Time, error) {
	if _, err := v.Provider(ctx); err != nil {
		return Person{}, time.Time{}, err
	}
	t, err := v.tokens.Verify(ctx, token)
	if err != nil {
		return Person{}, time.Time{}, verdict(err)
	}
	var c claims
	if err := t.Claims(&c); err != nil {
		return Person{}, time.Time{}, fmt.Errorf("%w: its claims cannot be read: %v", ErrInvalidToken, err) //nolint:errorlint // a text for people
	}
	expiry, err := c.check(v.now())
	if err != nil {
		return Person{}, time.Time{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return Person{Subject: c.Subject, Email: c.Email, EmailVerified: c.EmailVerified, Name: c.Name, Roles: ParseGroups(c.Groups)}, expiry, nil
}
