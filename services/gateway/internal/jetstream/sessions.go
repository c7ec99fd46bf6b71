package jetstream

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
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

// NewSessions makes a store in the Sovereign's own account; the bucket is made when it is first needed.
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

// do works with the bucket. Where it does not answer as it was known, it is looked up, and if need be made, anew: once,
// so that whoever asks after the bucket was lost is not the one who has to ask again.
func (s *Sessions) do(ctx context.Context, f func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for again := true; ; again = false {
		kv, err := s.bucket(ctx)
		if err != nil {
			return err
		}
		if err = f(ctx, kv); err == nil || errors.Is(err, jetstream.ErrKeyNotFound) {
			return err
		}
		s.mu.Lock()
		s.kv = nil
		s.mu.Unlock()
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

// awaitConnection waits until NATS is connected, but not for long.
func (s *Sessions) awaitConnection(ctx context.Context, patience time.Duration) {
	conn := s.spine.JetStream().Conn()
	changed := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(changed)
	if conn.IsConnected() {
		return
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

// FindCtx returns a session's data, unless it has expired or was not written by us.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var value []byte
	err := s.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		entry, err := kv.Get(ctx, sessionKey(token))
		if err == nil {
			value = entry.Value()
		}
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	plain, ok := unseal(token, value)
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
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(expiry.Unix())), b...) //nolint:gosec // read by FindCtx
	sealed, err := seal(token, plain)
	if err != nil {
		return err
	}
	// Who has just signed in cannot simply ask again: it is worth a moment.
	s.awaitConnection(ctx, 3*time.Second)
	return s.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, sessionKey(token), sealed)
		return err
	})
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error { return kv.Purge(ctx, sessionKey(token)) })
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
