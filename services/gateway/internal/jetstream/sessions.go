package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
)

// sessionsBucket holds the sessions of signed-in people.
const sessionsBucket = "sessions"

// SessionLife is how long a session lasts at most.
const SessionLife = 12 * time.Hour

// Sessions keeps sessions in a key-value bucket, so that they outlive the process and are shared by its replicas. It is
// a store of github.com/alexedwards/scs. The key is a hash of the token, so that a list of keys opens no session.
type Sessions struct {
	spine *spine.Spine
	mu    sync.Mutex
	kv    jetstream.KeyValue
}

// NewSessions makes a store; the bucket is made when it is first needed.
func NewSessions(sp *spine.Spine) *Sessions { return &Sessions{spine: sp} }

func (s *Sessions) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kv != nil {
		return s.kv, nil
	}
	kv, err := s.spine.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: sessionsBucket, TTL: SessionLife, History: 1, Storage: jetstream.FileStorage,
	})
	if err == nil {
		s.kv = kv
	}
	return kv, err
}

func sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// FindCtx returns a session's data.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := s.bucket(ctx)
	if err != nil {
		return nil, false, err
	}
	entry, err := kv.Get(ctx, sessionKey(token))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return entry.Value(), true, nil
}

// CommitCtx stores a session's data; the bucket's own age limit ends it.
func (s *Sessions) CommitCtx(ctx context.Context, token string, b []byte, _ time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	_, err = kv.Put(ctx, sessionKey(token), b)
	return err
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	return kv.Purge(ctx, sessionKey(token))
}

// Find is FindCtx without a deadline of the caller's.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a deadline of the caller's.
func (s *Sessions) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete is DeleteCtx without a deadline of the caller's.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
