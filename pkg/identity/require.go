package identity

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"catalyst.openova.io/pkg/server"
)

type personKey struct{}

// NewContext returns a context that carries the person.
func NewContext(ctx context.Context, p Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// FromContext returns the person who asks; ok is false where nobody has signed in.
func FromContext(ctx context.Context) (p Person, ok bool) {
	p, ok = ctx.Value(personKey{}).(Person)
	return p, ok
}

// TokenVerifier is what Require needs; *Verifier is one.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (Person, time.Time, error)
}

// Require lets a request through if it brings a bearer token that holds, with the person in its context. Otherwise it
// answers 401, or 503 when the issuer cannot be asked.
func Require(v TokenVerifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := Bearer(r)
		if !ok {
			NotSignedIn("Send an access token in the header Authorization: Bearer.").Write(w)
			return
		}
		p, _, err := v.Verify(r.Context(), token)
		if err != nil {
			Problem(err).Write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), p)))
	})
}

// Bearer returns the token of the Authorization header.
func Bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// NotSignedIn is the answer to a request of nobody.
func NotSignedIn(detail string) *server.Problem {
	return server.NewProblem(http.StatusUnauthorized, "not_signed_in", detail)
}

// Problem turns an error of Verify into an answer. It tells an attacker nothing about why a token was refused that the
// token does not say itself.
func Problem(err error) *server.Problem {
	if errors.Is(err, ErrInvalidToken) {
		return NotSignedIn("Sign in again: " + err.Error() + ".")
	}
	return server.NewProblem(http.StatusServiceUnavailable, "issuer_unavailable",
		"Your sign-in cannot be checked now, because the identity issuer does not answer. Nothing is wrong with it; try again in a moment.")
}
