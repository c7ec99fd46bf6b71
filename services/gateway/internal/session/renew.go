package session

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
)

// patience is how long the issuer may take for an answer.
const patience = 10 * time.Second

var client = &http.Client{Timeout: patience}

// renew exchanges the refresh token for new ones. One request of a session does it, those that come meanwhile wait and
// find it done, since a refresh token works once. An issuer that does not answer signs nobody out: a token that still
// holds is used up first.
func (m *Manager) renew(ctx context.Context, session string) (tokens, *server.Problem) {
	// Whoever asked may go away. The exchange is not broken off for that: its outcome would be lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	defer m.locks.lock(session)()
	ctx, t, ok, problem := m.load(ctx, session)
	if problem != nil {
		return t, problem
	}
	if !ok {
		return t, ended()
	}
	if t.Expires.Sub(m.now()) >= refreshBefore {
		return t, nil
	}
	fresh, err := m.exchangeRefresh(ctx, t.Refresh)
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		m.log.Info("session: the issuer ends it", "error", refused.ErrorDescription)
		if err := m.sessions.Destroy(ctx); err != nil {
			return t, m.unavailable(err)
		}
		return t, ended()
	case m.now().Before(t.Expires):
		m.log.Info("session: a token cannot be renewed yet", "error", err)
		return t, nil
	default:
		m.log.Info("session: a token cannot be renewed", "error", err)
		return t, identity.Problem(identity.ErrUnavailable)
	}
	if problem := m.keep(ctx, fresh); problem != nil {
		return t, problem
	}
	if _, _, err := m.sessions.Commit(ctx); err != nil {
		return t, m.unavailable(err)
	}
	return fresh, nil
}

func (m *Manager) exchangeRefresh(ctx context.Context, refresh string) (tokens, error) {
	cfg, err := m.oauth(ctx)
	if err != nil {
		return tokens{}, err
	}
	got, err := cfg.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return tokens{}, err
	}
	return tokens{Access: got.AccessToken, Refresh: got.RefreshToken, Expires: got.Expiry}, nil
}

// stripes are locks by name; two names may share one.
type stripes struct {
	once sync.Once
	seed maphash.Seed
	mu   [64]sync.Mutex
}

// lock returns what unlocks.
func (s *stripes) lock(name string) func() {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	mu := &s.mu[maphash.String(s.seed, name)%uint64(len(s.mu))]
	mu.Lock()
	return mu.Unlock
}
