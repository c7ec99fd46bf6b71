// Package spine is the adapter that turns what the spine says of branches into triggers.
package spine

import (
	"context"
	"log/slog"
	"time"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// again is the pause before what has failed is tried again.
const again = time.Second

// patience is how long the server may take to answer.
const patience = 10 * time.Second

// Listener hears in the account of every Organization of the branches that somebody observed. It hears from now on: what
// happened before is found by listing.
type Listener struct {
	Accounts *spine.Accounts
	// Trigger is called for each branch.
	Trigger func(context.Context, environment.Trigger) error
	// Gone is called when an account is no longer announced.
	Gone func()
	Log  *slog.Logger
}

// Listen listens until ctx ends, through whatever happens to the server.
func (l Listener) Listen(ctx context.Context) error {
	for ctx.Err() == nil {
		err := l.prepare(ctx)
		if err == nil {
			err = l.Accounts.Each(ctx, l.follow)
		}
		l.Log.Debug("the accounts of the spine are looked for again", "error", err)
		pause(ctx)
	}
	return ctx.Err()
}

// prepare gives the Sovereign's own stream the settings of today; those of Organizations come with their accounts.
func (l Listener) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.Accounts.Sovereign().UpdateStream(ctx, -1)
}

func (l Listener) follow(ctx context.Context, organization string, s *spine.Spine) {
	for ctx.Err() == nil {
		err := s.Read(ctx, spine.Reading{Subjects: []string{spine.Class("git")}, New: true}, func(ctx context.Context, b spine.Batch) error {
			for _, e := range b.Events {
				if err := l.hear(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if ctx.Err() == nil {
			l.Log.Debug("the events of branches are read again", "organization", organization, "error", err)
		}
		pause(ctx)
	}
	l.Gone()
}

func (l Listener) hear(ctx context.Context, e spine.Event) error {
	b, ok := e.Data.(*spinev1.BranchObserved)
	if !ok || b.GetOrganization() == "" || b.GetEnvironment() == "" || b.GetApplication() == "" {
		return nil
	}
	return l.Trigger(ctx, environment.Trigger{
		Organization: b.GetOrganization(), Environment: b.GetEnvironment(), Application: b.GetApplication(),
	})
}

func pause(ctx context.Context) {
	t := time.NewTimer(again)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
