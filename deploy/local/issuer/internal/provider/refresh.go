package provider

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	accessLife  = 15 * time.Minute
	refreshLife = 12 * time.Hour
	// refreshGrace is how long a replaced refresh token is still honoured: the answer that replaced it may have been
	// lost on its way.
	refreshGrace = time.Minute
)

var errRefreshToken = errors.New("the refresh token is unknown, used up or expired")

// grant is what a refresh token stands for.
type grant struct {
	Family     string    `json:"family"`
	Subject    string    `json:"subject"`
	Client     string    `json:"client"`
	Scopes     []string  `json:"scopes"`
	AuthTime   time.Time `json:"authTime"`
	Expires    time.Time `json:"expires"`
	ReplacedAt time.Time `json:"replacedAt,omitzero"`
}

// refreshTokens are kept by their hash in a file, so that a restart signs nobody out.
type refreshTokens struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	grants map[string]grant
}

func loadRefreshTokens(dir string) (*refreshTokens, error) {
	r := &refreshTokens{path: filepath.Join(dir, "refresh-tokens.json"), now: time.Now, grants: map[string]grant{}}
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.grants)
	}
	if err != nil {
		return nil, fmt.Errorf("refresh tokens: %w", err)
	}
	return r, nil
}

// issue makes a token for the grant; replaced, if not empty, is used up by it.
func (r *refreshTokens) issue(g grant, replaced string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if replaced != "" {
		old, ok := r.grants[hash(replaced)]
		if !ok {
			return "", errRefreshToken
		}
		if old.ReplacedAt.IsZero() {
			old.ReplacedAt = now
			r.grants[hash(replaced)] = old
		}
		g.Family, g.AuthTime, g.Expires = old.Family, old.AuthTime, old.Expires
	} else {
		g.Family, g.Expires = rand.Text(), now.Add(refreshLife)
	}
	g.ReplacedAt = time.Time{}
	token := rand.Text() + rand.Text()
	r.grants[hash(token)] = g
	return token, r.save(now)
}

// find returns what the token stands for. A token that was replaced a while ago has been stolen, from us or from its
// thief: the whole family ends.
func (r *refreshTokens) find(token string) (grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.grants[hash(token)]
	now := r.now()
	if !ok || now.After(g.Expires) {
		return grant{}, errRefreshToken
	}
	if !g.ReplacedAt.IsZero() && now.After(g.ReplacedAt.Add(refreshGrace)) {
		r.drop(func(other grant) bool { return other.Family == g.Family })
		return grant{}, errors.Join(errRefreshToken, r.save(now))
	}
	return g, nil
}

// revoke ends the token and all that came from the same sign-in.
func (r *refreshTokens) revoke(token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.grants[hash(token)]
	if !ok {
		return nil
	}
	r.drop(func(other grant) bool { return other.Family == g.Family })
	return r.save(r.now())
}

// revokeAll ends every sign-in of a person at a client.
func (r *refreshTokens) revokeAll(subject, client string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(func(g grant) bool { return g.Subject == subject && g.Client == client })
	return r.save(r.now())
}

func (r *refreshTokens) drop(match func(grant) bool) {
	for k, g := range r.grants {
		if match(g) {
			delete(r.grants, k)
		}
	}
}

// save is called with the lock held.
func (r *refreshTokens) save(now time.Time) error {
	r.drop(func(g grant) bool {
		// A replaced token is remembered for a while, so that its reuse is noticed.
		return now.After(g.Expires) || !g.ReplacedAt.IsZero() && now.After(g.ReplacedAt.Add(time.Hour))
	})
	text, err := json.Marshal(r.grants)
	if err != nil {
		return err
	}
	return writeFile(r.path, text)
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
