package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
)

// maxWrites is how many entries are written at a time.
const maxWrites = 1000

// Memory keeps across restarts what the observer has told of one source: a bucket in the Sovereign's own account. To
// remember what is remembered already costs nothing, and what is new is written beside the work, many at a time.
type Memory struct {
	spine  *spine.Spine
	bucket string
	log    *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	kept    map[string]string // what the bucket holds, or will when what is new has been written
	new     map[string]bool   // keys that are not written yet
	begun   uint64            // writes that have begun, each with everything that was new
	ended   uint64            // writes that have ended
	opened  bool
	moved   chan struct{} // closed and replaced when something was written or failed
	failure error
}

// NewMemory makes the memory of one source, such as a cluster.
func NewMemory(sp *spine.Spine, source string, log *slog.Logger) *Memory {
	return &Memory{
		spine: sp, bucket: "observer-" + spine.Encode(source), log: log, wake: make(chan struct{}, 1),
		kept: map[string]string{}, new: map[string]bool{}, moved: make(chan struct{}),
	}
}

// Load reads what an earlier process remembered, and waits for NATS as long as ctx allows. Call it once, first.
func (m *Memory) Load(ctx context.Context) (map[string]string, error) {
	err := spine.Retry(ctx, m.log, "the observer's memory", func(ctx context.Context) error {
		kv, err := m.spine.Open(ctx, m.bucket)
		if err != nil {
			return err
		}
		found, err := read(ctx, kv)
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.kept = found
		m.mu.Unlock()
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kept), err
}

func read(ctx context.Context, kv jetstream.KeyValue) (map[string]string, error) {
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	out := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				return nil, errors.New("the listing of the bucket was cut off")
			case entry == nil:
				return out, nil
			}
			out[entry.Key()] = string(entry.Value())
		}
	}
}

// Remember keeps a value under the key that some names make.
func (m *Memory) Remember(key, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.kept[key]; ok && before == value {
		return
	}
	m.kept[key] = value
	m.new[key] = true
	m.hurry()
}

// Forget drops a key.
func (m *Memory) Forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.kept[key]; !ok {
		return
	}
	delete(m.kept, key)
	m.new[key] = true
	m.hurry()
}

func (m *Memory) hurry() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Settle waits until everything that is to be remembered has been written, unless it cannot be written at the moment:
// what is told is not held back for that.
func (m *Memory) Settle(ctx context.Context) {
	m.mu.Lock()
	last := m.begun
	if len(m.new) > 0 {
		last++
	}
	m.mu.Unlock()
	for {
		m.mu.Lock()
		done, moved := m.ended >= last || m.failure != nil, m.moved
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}

// Ready tells whether what is to be remembered can be written.
func (m *Memory) Ready(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failure
}

// Run writes what is new until ctx ends.
func (m *Memory) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.write(ctx)
		m.mu.Lock()
		if err != nil && m.failure == nil {
			m.log.Info("observer: the memory cannot be written; it is tried again", "bucket", m.bucket, "error", err)
		}
		m.failure = err
		left := len(m.new) > 0
		close(m.moved)
		m.moved = make(chan struct{})
		m.mu.Unlock()
		var again <-chan time.Time
		switch {
		case err != nil:
			again = time.After(time.Second)
		case left:
			continue
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-again:
		}
	}
}

// write writes everything that is new.
func (m *Memory) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	m.mu.Lock()
	if len(m.new) == 0 {
		m.mu.Unlock()
		return nil
	}
	m.begun++
	var messages []*nats.Msg
	var keys []string
	for key := range m.new {
		keys, messages = append(keys, key), append(messages, m.message(key))
	}
	clear(m.new) // what is remembered meanwhile comes after it
	opened := m.opened
	m.mu.Unlock()
	var err error
	if !opened {
		_, err = m.spine.Open(ctx, m.bucket)
	}
	written := 0
	for err == nil && written < len(messages) {
		n := min(maxWrites, len(messages)-written)
		if err = m.publish(ctx, messages[written:written+n]); err == nil {
			written += n
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended, m.opened = m.begun, err == nil
	for _, key := range keys[written:] {
		m.new[key] = true
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		for key := range m.kept { // the bucket is gone, and with it what was in it
			m.new[key] = true
		}
	}
	return err
}

// message is what writes a key. The key is made of encoded tokens, so that the subject means this key alone.
func (m *Memory) message(key string) *nats.Msg {
	msg := &nats.Msg{Subject: "$KV." + m.bucket + "." + key}
	if value, ok := m.kept[key]; ok {
		msg.Data = []byte(value)
	} else {
		msg.Header = nats.Header{"KV-Operation": {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}
	}
	return msg
}

// publish writes some messages, all on their way at once.
func (m *Memory) publish(ctx context.Context, messages []*nats.Msg) error {
	var failure error
	acks := make([]jetstream.PubAckFuture, 0, len(messages))
	for _, msg := range messages {
		ack, err := m.spine.JetStream().PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
		if err != nil {
			failure = err
			break
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			failure = err
		case <-ctx.Done():
			failure = ctx.Err()
		}
	}
	if failure != nil {
		return fmt.Errorf("bucket %s: %w", m.bucket, failure)
	}
	return nil
}
