package identity

import (
	"errors"
	"fmt"
	"time"
)

// claims are what we read from an access token. Times are pointers, so that a missing one shows.
type claims struct {
	Subject       string   `json:"sub"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	Name          string   `json:"name"`
	Groups        []string `json:"groups"`
	Expiry        *float64 `json:"exp"`
	IssuedAt      *float64 `json:"iat"`
	NotBefore     *float64 `json:"nbf"`
	Type          string   `json:"typ"`
	Nonce         string   `json:"nonce"`
	AccessHash    string   `json:"at_hash"`
}

// check returns the instant at which the token stops to hold, or why it does not hold now.
func (c claims) check(now time.Time) (time.Time, error) {
	switch {
	case c.Subject == "":
		return time.Time{}, errors.New("it names no subject (claim sub)")
	case c.Email == "":
		return time.Time{}, errors.New("it names no e-mail address (claim email), which commits are authored with")
	case c.Expiry == nil:
		return time.Time{}, errors.New("it never expires (claim exp is missing)")
	case c.IssuedAt == nil:
		return time.Time{}, errors.New("it does not say when it was issued (claim iat)")
	case c.AccessHash != "" || c.Nonce != "" || c.Type == "ID" || c.Type == "Refresh":
		// An ID token tells a client who signed in. It must not open an API, whatever its audience.
		return time.Time{}, errors.New("it is not an access token")
	}
	expiry := instant(*c.Expiry)
	if now.After(expiry.Add(skew)) {
		return time.Time{}, fmt.Errorf("it expired at %s", expiry.UTC().Format(time.RFC3339))
	}
	if issued := instant(*c.IssuedAt); issued.After(now.Add(skew)) {
		return time.Time{}, fmt.Errorf("it was issued in the future, at %s", issued.UTC().Format(time.RFC3339))
	}
	if c.NotBefore != nil {
		if from := instant(*c.NotBefore); from.After(now.Add(skew)) {
			return time.Time{}, fmt.Errorf("it does not hold before %s", from.UTC().Format(time.RFC3339))
		}
	}
	return expiry, nil
}

// instant reads a NumericDate. Nonsense becomes the distant past or future by itself, never a wrapped number.
func instant(seconds float64) time.Time {
	const limit = 1 << 40
	return time.Unix(int64(max(-limit, min(limit, seconds))), 0)
}
