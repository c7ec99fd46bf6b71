package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// announceWithin is how long an account may take to store an event before the Operation goes on without it.
const announceWithin = 2 * time.Second

// errLater says that an account has not answered, so that its Operations are announced when it does.
var errLater = errors.New("its account does not take events now; it is announced as soon as it does")

// announcer tells on the spine how far Operations have come, each in the account of its Organization. An account that is
// not there yet, is full or does not answer costs one Operation a moment, and those of other Organizations nothing: what
// could not be told is told later.
type announcer struct {
	of  func(ctx context.Context, env string) (*spine.Spine, error)
	log *slog.Logger

	mu    sync.Mutex
	later map[string]map[string]int64 // by Organization and Operation, how far it had come
}

// Announce implements operation.Records: one event for each Environment in which the Operation shows.
func (a *announcer) Announce(ctx context.Context, o *operation.Operation) error {
	if a.waits(o) {
		return errLater
	}
	err := a.announce(ctx, o)
	if err != nil {
		a.postpone(o)
	}
	return err
}

func (a *announcer) announce(ctx context.Context, o *operation.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	for _, env := range o.Environments {
		account, err := a.of(ctx, env)
		if err != nil {
			return err
		}
		e := spine.Event{
			ID: fmt.Sprintf("%s/%s/%d", o.ID, env, o.Sequence), Source: "/provisioning",
			Subject: spine.Operation(env, o.ID), Time: time.Now(), Data: progress(o, env),
		}
		err = account.Publish(ctx, e)
		if errors.Is(err, jetstream.ErrNoStreamResponse) { // its log was deleted, and nobody else has had anything to tell since
			if err = account.EnsureStream(ctx); err == nil {
				err = account.Publish(ctx, e)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// waits puts the Operation behind those of its Organization that could not be announced, if there are any.
func (a *announcer) waits(o *operation.Operation) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := a.later[o.Organization]
	if len(ids) == 0 {
		return false
	}
	ids[o.ID] = max(ids[o.ID], o.Sequence)
	return true
}

func (a *announcer) postpone(o *operation.Operation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.later[o.Organization] == nil {
		a.later[o.Organization] = map[string]int64{}
	}
	a.later[o.Organization][o.ID] = max(a.later[o.Organization][o.ID], o.Sequence)
}

// catchUp announces what could not be announced before, all Organizations at a time, each until it fails again.
func (a *announcer) catchUp(ctx context.Context, get func(context.Context, string) (*operation.Operation, error)) {
	a.mu.Lock()
	waiting := map[string][]string{}
	for organization, ids := range a.later {
		for id := range ids {
			waiting[organization] = append(waiting[organization], id)
		}
	}
	a.mu.Unlock()
	var all sync.WaitGroup
	for organization, ids := range waiting {
		all.Go(func() {
			for _, id := range ids {
				o, err := get(ctx, id)
				if err == nil {
					err = a.announce(ctx, o)
				}
				if err != nil && !errors.Is(err, operation.ErrNoRecord) {
					a.log.Debug("the progress of Operations waits", "organization", organization, "error", err)
					return
				}
				a.told(organization, id, o)
			}
		})
	}
	all.Wait()
}

// told forgets an Operation unless it has gone on meanwhile; o is nil for one whose record is gone.
func (a *announcer) told(organization, id string, o *operation.Operation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if o != nil && o.Sequence < a.later[organization][id] {
		return
	}
	delete(a.later[organization], id)
	if len(a.later[organization]) == 0 {
		delete(a.later, organization)
	}
}

// TellAgain announces every Operation as it is, to those who lost what they were told. Those that ended before the log
// began are not told: nobody would remember them.
func (r *Records) TellAgain(ctx context.Context) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	keys, err := kv.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", Bucket, err)
	}
	defer keys.Stop() //nolint:errcheck // it ends with ctx in any case
	var errs []error
	for id := range keys.Keys() {
		o, err := r.Get(ctx, id)
		if errors.Is(err, operation.ErrNoRecord) || err == nil && !o.EndedAt.IsZero() && time.Since(o.EndedAt) > spine.KeptFor {
			continue
		}
		if err == nil {
			err = r.announce(ctx, o)
		}
		if errors.Is(err, spine.ErrNoAccount) {
			continue // its Organization has gone
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, ctx.Err())...)
}

func progress(o *operation.Operation, env string) *spinev1.OperationProgressed {
	p := &spinev1.OperationProgressed{
		Id: o.ID, Organization: o.Organization, Environment: env, Application: o.Application, Action: string(o.Action),
		Applications: o.Applications(), Requester: o.Requester.Email, State: string(o.State), Message: o.Message, Hint: o.Hint, Commit: o.Commit,
		Plan: o.PlanID, RetryOf: o.RetryOf, Cancellable: o.Cancellable(), CreatedAt: timestamppb.New(o.CreatedAt), Sequence: o.Sequence,
	}
	if !o.NextTryAt.IsZero() {
		p.NextTryAt = timestamppb.New(o.NextTryAt)
	}
	if !o.EndedAt.IsZero() {
		p.EndedAt = timestamppb.New(o.EndedAt)
	}
	for _, s := range o.Steps {
		p.Steps = append(p.Steps, &spinev1.OperationProgressed_Step{Name: s.Name, Application: s.Application, State: string(s.State), Message: s.Message})
	}
	return p
}
