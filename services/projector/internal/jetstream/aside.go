package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// keptRefused is how many that were set aside wait at most to be told; as many as are ever shown.
const keptRefused = 200

// aside tells the Sovereign of what was set aside in a part. What it says of one event is always the same, so that
// telling it twice makes no difference.
type aside struct {
	own          *spine.Spine
	organization string
	waiting      []spine.Refused
}

func newAside(own *spine.Spine, env string) *aside {
	a := &aside{own: own}
	if env != spine.System {
		a.organization, _, _ = spine.ParseEnvironment(env)
	}
	return a
}

func (a *aside) refuse(r spine.Refused) {
	if len(a.waiting) == keptRefused {
		a.waiting = a.waiting[1:]
	}
	a.waiting = append(a.waiting, r)
}

// first is the place of the first that waits.
func (a *aside) first() (uint64, bool) {
	if len(a.waiting) == 0 {
		return 0, false
	}
	return a.waiting[0].Sequence, true
}

// publish tells of what waits. What cannot be told now waits on.
func (a *aside) publish(ctx context.Context) {
	if len(a.waiting) == 0 {
		return
	}
	events := make([]spine.Event, len(a.waiting))
	for i, r := range a.waiting {
		events[i] = asideEvent(&spinev1.EventSetAside{
			Organization: a.organization, Subject: printable(r.Subject), Sequence: r.Sequence, Reason: printable(r.Reason), SizeBytes: int64(r.Size),
			ObservedAt: timestamppb.New(r.Time),
		})
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var left []spine.Refused
	for i, err := range a.own.PublishBatch(ctx, events) {
		if err != nil {
			left = append(left, a.waiting[i])
		}
	}
	a.waiting = left
}

func asideEvent(e *spinev1.EventSetAside) spine.Event {
	at := e.GetObservedAt().AsTime()
	id := fmt.Sprintf("%d-%d", at.UnixNano(), e.GetSequence())
	return spine.Event{
		ID: "aside/" + spine.Encode(e.GetOrganization()) + "/" + id, Source: source, Subject: spine.SetAside(e.GetOrganization(), id), Time: at, Data: e,
	}
}

// again tells a new log what was set aside before it, which nobody else can tell.
func (a *aside) again(ctx context.Context, known []*spinev1.EventSetAside) error {
	events := make([]spine.Event, len(known))
	for i, e := range known {
		events[i] = asideEvent(e)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return errors.Join(a.own.PublishBatch(ctx, events)...)
}
