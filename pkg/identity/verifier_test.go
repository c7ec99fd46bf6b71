package identity

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// issuer is an OpenID Connect issuer as far as a Verifier sees one.
type issuer struct {
	*httptest.Server
	key     *rsa.PrivateKey
	down    atomic.Bool
	noKeys  atomic.Bool
	fetches atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Log(err)
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.noKeys.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		answer(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}}})
	})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) claims(change map[string]any) map[string]any {
	c := map[string]any{"iss": i.URL, "aud": "catalyst", "sub": "ada", "email": "ada@acme.example", "email_verified": true, "name": "Ada Lindqvist",
		"groups": []string{"acme/org-admin", "other"}, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for k, v := range change {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func encode(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
}

func sign(t *testing.T, key *rsa.PrivateKey, kid string, claims map[string]any) string {
	t.Helper()
	input := encode(t, map[string]any{"alg": "RS256", "typ": "JWT", "kid": kid}, claims)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestVerify(t *testing.T) {
	i := newIssuer(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := func(change map[string]any) string { return sign(t, i.key, "one", i.claims(change)) }
	hmacWith := func(secret []byte) string {
		input := encode(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": "one"}, i.claims(nil))
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	public, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	v := NewVerifier(i.URL, "catalyst")
	for _, tt := range []struct {
		reason string
		token  string
		ok     bool
	}{
		{"good", good(nil), true},
		{"several audiences, ours among them", good(map[string]any{"aud": []string{"x", "catalyst"}}), true},
		{"expired a moment ago, within the allowance", good(map[string]any{"exp": at(-20 * time.Second)}), true},
		{"issued a moment from now, within the allowance", good(map[string]any{"iat": at(20 * time.Second)}), true},
		{"expired", good(map[string]any{"exp": at(-40 * time.Second)}), false},
		{"never expires", good(map[string]any{"exp": nil}), false},
		{"not yet valid", good(map[string]any{"nbf": at(40 * time.Second)}), false},
		{"issued in the future", good(map[string]any{"iat": at(40 * time.Second)}), false},
		{"no issue time", good(map[string]any{"iat": nil}), false},
		{"no subject", good(map[string]any{"sub": nil}), false},
		{"no e-mail", good(map[string]any{"email": nil}), false},
		{"no audience", good(map[string]any{"aud": nil}), false},
		{"another audience", good(map[string]any{"aud": "catalyst-console"}), false},
		{"another issuer", good(map[string]any{"iss": "https://evil.example"}), false},
		{"an ID token", good(map[string]any{"nonce": "n", "at_hash": "h"}), false},
		{"a refresh token", good(map[string]any{"typ": "Refresh"}), false},
		{"groups of another shape", good(map[string]any{"groups": "sovereign-admin"}), false},
		{"signed by a stranger under our key id", sign(t, stranger, "one", i.claims(nil)), false},
		{"signed by a stranger under a made-up key id", sign(t, stranger, "../../etc/passwd", i.claims(nil)), false},
		{"alg none", encode(t, map[string]any{"alg": "none"}, i.claims(nil)) + ".", false},
		{"alg None", encode(t, map[string]any{"alg": "None"}, i.claims(nil)) + ".", false},
		{"no signature", encode(t, map[string]any{"alg": "RS256", "kid": "one"}, i.claims(nil)) + ".", false},
		{"our public key as a shared secret", hmacWith(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), false},
		{"the modulus as a shared secret", hmacWith(i.key.N.Bytes()), false},
		{"a key inside the token", func() string {
			input := encode(t, map[string]any{"alg": "RS256", "jwk": map[string]any{"kty": "RSA", "e": "AQAB",
				"n": base64.RawURLEncoding.EncodeToString(stranger.N.Bytes())}}, i.claims(nil))
			sum := sha256.Sum256([]byte(input))
			sig, err := rsa.SignPKCS1v15(rand.Reader, stranger, crypto.SHA256, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return input + "." + base64.RawURLEncoding.EncodeToString(sig)
		}(), false},
		{"changed after signing", strings.Replace(good(nil), ".", ".e30", 1), false},
		{"empty", "", false},
		{"noise", "a.b.c", false},
	} {
		p, expiry, err := v.Verify(t.Context(), tt.token)
		if tt.ok != (err == nil) {
			t.Errorf("%s: error is %v", tt.reason, err)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: not a verdict: %v", tt.reason, err)
		}
		if err == nil && (p.Subject != "ada" || len(p.Roles) != 1 || expiry.IsZero()) {
			t.Errorf("%s: got %+v until %v", tt.reason, p, expiry)
		}
		if err != nil && (p.Subject != "" || p.Roles != nil) {
			t.Errorf("%s: a person came out of a refused token: %+v", tt.reason, p)
		}
	}
}

func TestMadeUpKeyIDsDoNotFloodTheIssuer(t *testing.T) {
	i := newIssuer(t)
	v := NewVerifier(i.URL, "catalyst")
	if _, _, err := v.Verify(t.Context(), sign(t, i.key, "one", i.claims(nil))); err != nil {
		t.Fatal(err)
	}
	start, before := time.Now(), i.fetches.Load()
	for range 50 {
		if _, _, err := v.Verify(t.Context(), sign(t, i.key, "made-up", i.claims(nil))); !errors.Is(err, ErrInvalidToken) {
			t.Fatal(err)
		}
	}
	if n := i.fetches.Load() - before; n > int32(time.Since(start)/time.Second)+1 {
		t.Errorf("50 tokens with an unknown key id asked the issuer %d times", n)
	}
}

func TestIssuerDownIsNoVerdict(t *testing.T) {
	i := newIssuer(t)
	token := sign(t, i.key, "one", i.claims(nil))
	v := NewVerifier(i.URL, "catalyst")
	i.down.Store(true)
	if _, _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("discovery down: %v", err)
	}
	i.down.Store(false)
	v.failedAt = time.Time{}
	i.noKeys.Store(true)
	if _, _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("keys down: %v", err)
	}
	i.noKeys.Store(false)
	if _, _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatalf("issuer back: %v", err)
	}
	i.down.Store(true)
	if _, _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatalf("keys are known, so the issuer is not needed: %v", err)
	}
}

func TestRequire(t *testing.T) {
	i := newIssuer(t)
	v := NewVerifier(i.URL, "catalyst")
	h := Require(v, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := FromContext(r.Context()); !ok || p.Email != "ada@acme.example" {
			t.Errorf("person in context: %+v, %v", p, ok)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	call := func(header string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	token := sign(t, i.key, "one", i.claims(nil))
	i.down.Store(true)
	if code, body := call("Bearer " + token); code != http.StatusServiceUnavailable || !strings.Contains(body, "issuer_unavailable") {
		t.Errorf("issuer down: %d %s", code, body)
	}
	i.down.Store(false)
	v.failedAt = time.Time{}
	for _, tt := range []struct {
		header string
		want   int
	}{{"Bearer " + token, 204}, {"bearer " + token, 204}, {"", 401}, {"Bearer", 401}, {"Bearer ", 401}, {"Basic " + token, 401}, {token, 401}, {"Bearer x", 401}} {
		code, body := call(tt.header)
		if code != tt.want {
			t.Errorf("Authorization %.12q: got %d, want %d", tt.header, code, tt.want)
		}
		if code == 401 && (!strings.Contains(body, `"code":"not_signed_in"`) || strings.Contains(body, token)) {
			t.Errorf("Authorization %.12q: body %s", tt.header, body)
		}
	}
	if _, ok := FromContext(context.Background()); ok {
		t.Error("nobody signed in, and there is a person")
	}
}
