package jetstream

import (
	"context"
	"encoding/binary"
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
// a store of github.com/alexedwards/scs. Who can read the bucket can use none of it: the key is a hash of the session's
// token, and the value is sealed with another.
type Sessions struct {
	spine *spine.Spine
	mu    sync.Mutex
	kv    jetstream.KeyValue
}

// NewSessions makes a store; the bucket is made when it is first needed.
func NewSessions(sp *spine.Spine) *Sessions { return &Sessions{spine: sp} }

// errDisconnected spares people a timeout for each click while NATS is away.
var errDisconnected = errors.New("NATS is not connected")

func (s *Sessions) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	if !s.spine.JetStream().Conn().IsConnected() {
		return nil, errDisconnected
	}
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

// forget makes the bucket be looked up, and if need be made, anew.
func (s *Sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kv = nil
}

// FindCtx returns a session's data, unless it has expired or was not written by us.
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
		s.forget()
		return nil, false, err
	}
	plain, ok := unseal(token, entry.Value())
	if !ok || len(plain) < 8 {
		return nil, false, nil
	}
	expiry := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // written by CommitCtx
	if time.Now().After(expiry) {
		return nil, false, nil
	}
	return plain[8:], true, nil
}

// CommitCtx stores a session's data until its expiry. The bucket's own age limit clears away what nobody asks for.
func (s *Sessions) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(expiry.Unix())), b...) //nolint:gosec // read by FindCtx
	sealed, err := seal(token, plain)
	if err != nil {
		return err
	}
	if _, err = kv.Put(ctx, sessionKey(token), sealed); err != nil {
		s.forget()
	}
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
	if err = kv.Purge(ctx, sessionKey(token)); err != nil {
		s.forget()
	}
	return err
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
