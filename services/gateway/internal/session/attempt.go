package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// attempt is a sign-in under way. It travels in a sealed cookie of its own: beginning one stores nothing here, ends no
// session that there is, and two tabs do not disturb each other.
type attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	ReturnTo string    `json:"r"`
	Until    time.Time `json:"u"`
}

const (
	attemptLife   = 30 * time.Minute
	attemptPath   = "/auth/callback"
	attemptPrefix = "catalyst_login_"
)

func attemptCookie(state string) string { return attemptPrefix + state[:min(8, len(state))] }

// attempts seals and opens them. Every replica has the same key, since all have the client's secret.
type attempts struct{ aead cipher.AEAD }

func newAttempts(secret string) attempts {
	if secret == "" {
		secret = rand.Text()
	}
	key := sha256.Sum256([]byte("catalyst sign-in attempts\x00" + secret))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // a key of 32 bytes is one
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // as above
	}
	return attempts{aead: aead}
}

func (a attempts) cookie(t attempt, secure bool) (*http.Cookie, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	name := attemptCookie(t.State)
	return &http.Cookie{Name: name, Value: base64.RawURLEncoding.EncodeToString(a.aead.Seal(nil, nil, b, []byte(name))),
		Path: attemptPath, MaxAge: int(attemptLife.Seconds()), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}, nil
}

// open returns the attempt that a state belongs to, if this browser began it.
func (a attempts) open(r *http.Request, state string, now time.Time) (attempt, bool) {
	var t attempt
	cookie, err := r.Cookie(attemptCookie(state))
	if state == "" || err != nil {
		return t, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return t, false
	}
	b, err := a.aead.Open(nil, nil, sealed, []byte(cookie.Name))
	if err != nil || json.Unmarshal(b, &t) != nil {
		return t, false
	}
	return t, t.State == state && now.Before(t.Until)
}
