package nats

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/environment-controller/internal/account"
)

// Board implements account.Board with the bucket of announcements in the Sovereign's own account.
type Board struct{ spine *spine.Accounts }

var _ account.Board = (*Board)(nil)

// NewBoard makes a Board.
func NewBoard(s *spine.Accounts) *Board { return &Board{spine: s} }

// Announced implements account.Board.
func (b *Board) Announced(ctx context.Context, organization string) (spine.Announcement, error) {
	var a spine.Announcement
	err := b.with(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		e, err := kv.Get(ctx, spine.Encode(organization))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if json.Unmarshal(e.Value(), &a) != nil {
			a = spine.Announcement{} // whatever that is, it is replaced
		}
		return nil
	})
	return a, err
}

// Announce implements account.Board.
func (b *Board) Announce(ctx context.Context, organization string, a spine.Announcement) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return b.with(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, spine.Encode(organization), text)
		return err
	})
}

// Withdraw implements account.Board.
func (b *Board) Withdraw(ctx context.Context, organization string) error {
	return b.with(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		return kv.Delete(ctx, spine.Encode(organization))
	})
}

func (b *Board) with(ctx context.Context, f func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	kv, err := b.spine.Sovereign().Open(ctx, spine.AccountsBucket)
	if err == nil {
		err = f(ctx, kv)
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Prepare implements account.Board. A connection to an account that is new may take a moment.
func (b *Board) Prepare(ctx context.Context, organization string, maxBytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := b.spine.Organization(ctx, organization)
	for err == nil {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err = s.UpdateStream(attempt, maxBytes)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
		err = nil
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}
