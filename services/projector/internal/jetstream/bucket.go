package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
)

const (
	// acknowledgeEvery is after how many writes, or how many bytes of them, one is acknowledged.
	acknowledgeEvery      = 256
	acknowledgeEveryBytes = 1 << 20
	// maxOpen is how many acknowledgements are waited for at a time.
	maxOpen = 8
	// answerWithin is how long the server may take for an answer.
	answerWithin = 10 * time.Second
)

var (
	errOther = errors.New("somebody else has written to it")
	errGone  = errors.New("it was deleted or made anew")
)

// bucket is a key-value bucket that has one writer. Each write says which write of the whole bucket it follows, and the
// server refuses one that does not follow the last. So who reads a bucket and then writes to it has fenced off whoever
// wrote before: of a process that was paused meanwhile, no write is taken any more. And because a write is taken only
// if all before it were, one acknowledgement stands for many writes.
type bucket struct {
	sp     *spine.Spine
	name   string
	kv     jetstream.KeyValue
	stream string
	made   time.Time
	last   uint64 // sequence of the last write that was sent

	held  *nats.Msg // the newest write, which is sent when it is known whether it is to be acknowledged
	plain int       // writes, and their bytes, since one was acknowledged
	bytes int
	open  []acknowledgement

	// careful has every write acknowledged, so that the first that is refused says why. Otherwise one that was refused
	// for want of room shows only in that the next does not follow it.
	careful bool
}

type acknowledgement struct {
	future   jetstream.PubAckFuture
	sequence uint64
}

// openBucket opens a bucket, and makes it if it is not there.
func openBucket(ctx context.Context, sp *spine.Spine, name string) (*bucket, error) {
	kv, err := sp.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	b := &bucket{sp: sp, name: name, kv: kv, stream: "KV_" + name}
	info, err := b.info(ctx)
	if err != nil {
		return nil, err
	}
	b.made, b.last = info.Created, info.State.LastSeq
	return b, nil
}

func (b *bucket) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := b.sp.JetStream().Stream(ctx, b.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("bucket %s: %w", b.name, errGone)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", b.name, err)
	}
	return s.CachedInfo(), nil
}

// put writes a value; nil deletes. The write is under way when put returns, and done when drain returns.
func (b *bucket) put(ctx context.Context, key string, value []byte) error {
	if b.held != nil {
		if err := b.send(ctx, b.careful || b.plain >= acknowledgeEvery || b.bytes >= acknowledgeEveryBytes); err != nil {
			return err
		}
	}
	h := nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(b.last, 10)}}
	if value == nil {
		h["KV-Operation"] = []string{"DEL"}
	}
	b.held = &nats.Msg{Subject: "$KV." + b.name + "." + key, Header: h, Data: value}
	b.last++
	return nil
}

func (b *bucket) send(ctx context.Context, acknowledged bool) error {
	m := b.held
	b.held = nil
	if !acknowledged {
		b.plain++
		b.bytes += len(m.Data)
		if err := b.sp.JetStream().Conn().PublishMsg(m); err != nil {
			return fmt.Errorf("bucket %s: %w", b.name, err)
		}
		return nil
	}
	b.plain, b.bytes = 0, 0
	future, err := b.sp.JetStream().PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("bucket %s: %w", b.name, err)
	}
	b.open = append(b.open, acknowledgement{future, b.last})
	for len(b.open) > maxOpen {
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// flush sends what is held, and does not wait.
func (b *bucket) flush(ctx context.Context) error {
	if b.held == nil {
		return nil
	}
	return b.send(ctx, true)
}

// drain returns when every write is stored.
func (b *bucket) drain(ctx context.Context) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	for len(b.open) > 0 {
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	a := b.open[0]
	b.open = b.open[1:]
	select {
	case ack := <-a.future.Ok():
		if ack.Sequence != a.sequence {
			return fmt.Errorf("bucket %s: %w", b.name, errOther)
		}
		return nil
	case err := <-a.future.Err():
		return b.refused(err)
	case <-ctx.Done():
		return fmt.Errorf("bucket %s: no answer: %w", b.name, ctx.Err())
	}
}

// refused says why a write was refused.
func (b *bucket) refused(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		err = errOther
	}
	return fmt.Errorf("bucket %s: %w", b.name, err)
}

// verify tells whether the bucket is what this writer left. Call it when everything is stored.
func (b *bucket) verify(ctx context.Context) error {
	info, err := b.info(ctx)
	switch {
	case err != nil:
		return err
	case !info.Created.Equal(b.made):
		return fmt.Errorf("bucket %s: %w", b.name, errGone)
	case info.State.LastSeq != b.last:
		return fmt.Errorf("bucket %s: %w", b.name, errOther)
	}
	return nil
}

// forget removes what a deleted key has left.
func (b *bucket) forget(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := b.sp.JetStream().Stream(ctx, b.stream)
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSubject("$KV."+b.name+"."+key))
	}
	if err != nil {
		return fmt.Errorf("bucket %s: %w", b.name, err)
	}
	return nil
}

// get returns a value, or nil.
func (b *bucket) get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	entry, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", b.name, err)
	}
	return entry.Value(), nil
}

// each calls f for every value of a bucket.
func each(ctx context.Context, kv jetstream.KeyValue, f func(jetstream.KeyValueEntry) error) error {
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("bucket %s: %w", kv.Bucket(), err)
	}
	defer w.Stop() //nolint:errcheck // the watcher ends with its context in any case
	quiet := time.NewTimer(answerWithin)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("bucket %s: %w", kv.Bucket(), ctx.Err())
		case <-quiet.C:
			return fmt.Errorf("bucket %s: the server does not go on telling what is in it", kv.Bucket())
		case entry, ok := <-w.Updates():
			if !ok {
				return fmt.Errorf("bucket %s: the server does not tell what is in it", kv.Bucket())
			}
			if entry == nil {
				return nil
			}
			if err := f(entry); err != nil {
				return err
			}
			quiet.Reset(answerWithin)
		}
	}
}
