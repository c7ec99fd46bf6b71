// Package spine is the adapter that turns what the spine says of branches into triggers.
package spine

import (
	"context"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// Listen calls trigger for each branch that somebody observed, until ctx ends. It waits for NATS, and it reads from
// now on: what happened before is found by listing.
func Listen(ctx context.Context, s *spine.Spine, trigger func(context.Context, environment.Trigger) error) error {
	return s.Consume(ctx, spine.Consumer{Subjects: []string{spine.Class("git")}}, func(ctx context.Context, e spine.Event) error {
		b, ok := e.Data.(*spinev1.BranchObserved)
		if !ok || b.GetOrganization() == "" || b.GetEnvironment() == "" || b.GetApplication() == "" {
			return nil
		}
		return trigger(ctx, environment.Trigger{
			Organization: b.GetOrganization(), Environment: b.GetEnvironment(), Application: b.GetApplication(),
		})
	})
}
