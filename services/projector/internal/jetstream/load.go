package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/projector/internal/projection"
)

// load fences off whoever worked on the part before, and reads what is known and shown.
func (pt *part) load(ctx context.Context, careful bool) error {
	pt.state = projection.NewState(pt.scope())
	pt.aside = newAside(pt.p.accounts.Sovereign(), pt.env)
	if pt.env == spine.System {
		pt.silence = newSilence(pt.p.accounts, pt.p.pace.quiet, pt.p.log)
	}
	if err := ensureLog(ctx, pt.sp); err != nil {
		return err
	}
	if err := pt.loadFacts(ctx, careful); err != nil {
		return err
	}
	if err := pt.loadViews(ctx, careful); err != nil {
		return err
	}
	info, err := pt.log(ctx)
	if err != nil {
		return err
	}
	pt.target, pt.inspected = info.State.LastSeq, time.Now()
	if lost(pt.now, info, time.Now()) {
		pt.now.Untold = true
	}
	if pt.now.Untold {
		pt.number = pt.p.tell.ask()
	}
	return nil
}

// ensureLog makes the log if it is not there.
func ensureLog(ctx context.Context, sp *spine.Spine) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return sp.EnsureStream(ctx)
}

// lost tells whether the log may lack events that came after a place: those before its first are gone, and its first
// came after everything was last seen. Of a log that is empty only its age can tell.
func lost(at place, info *jetstream.StreamInfo, now time.Time) bool {
	s := info.State
	if !at.Made.IsZero() && !at.Made.Equal(info.Created) || s.FirstSeq <= at.Sequence+1 {
		return false
	}
	if s.Msgs == 0 {
		return now.Sub(at.Seen) > spine.KeptFor-2*time.Hour
	}
	return s.FirstTime.After(at.Seen.Add(-time.Minute))
}

func (pt *part) loadFacts(ctx context.Context, careful bool) (err error) {
	if pt.facts, err = openBucket(ctx, pt.sp, spine.Facts(pt.env)); err != nil {
		return err
	}
	pt.facts.careful = careful
	if b, err := pt.facts.get(ctx, placeKey); err != nil {
		return err
	} else if b != nil {
		if err := json.Unmarshal(b, &pt.now); err != nil {
			pt.p.log.Info("projector: the place in the log cannot be read; it is read from the beginning", "part", pt.env, "error", err)
			pt.now = place{Untold: true}
		}
	}
	pt.stored = pt.now
	b, err := json.Marshal(pt.now)
	if err != nil {
		return err
	}
	// From here on, nothing is taken from who wrote before.
	if err := errors.Join(pt.facts.put(ctx, placeKey, b), pt.facts.drain(ctx)); err != nil {
		return err
	}
	return each(ctx, pt.facts.kv, func(entry jetstream.KeyValueEntry) error {
		if entry.Key() == placeKey {
			return nil
		}
		if err := pt.state.Load(entry.Value()); err != nil {
			pt.p.log.Error("projector: a fact cannot be read; everything is read and told again", "part", pt.env, "key", entry.Key(), "error", err)
			pt.now = place{Untold: true}
		}
		return nil
	})
}

func (pt *part) loadViews(ctx context.Context, careful bool) (err error) {
	if pt.views, err = openBucket(ctx, pt.sp, spine.Bucket(pt.env)); err != nil {
		return err
	}
	pt.views.careful = careful
	anchor := pt.state.Anchor()
	key := spine.Key(string(anchor.Kind), anchor.Name)
	b, err := pt.views.get(ctx, key)
	if err == nil && b == nil {
		b, err = pt.state.View(anchor)
	}
	if err != nil {
		return fmt.Errorf("view %s: %w", key, err)
	}
	if err := errors.Join(pt.views.put(ctx, key, b), pt.views.drain(ctx)); err != nil {
		return err
	}
	err = each(ctx, pt.views.kv, func(entry jetstream.KeyValueEntry) error {
		pt.shown[entry.Key()] = maphash.Bytes(pt.seed, entry.Value())
		return nil
	})
	pt.fresh = len(pt.shown) == 1
	return err
}
