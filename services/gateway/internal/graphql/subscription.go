package graphql

import (
	"context"
	"errors"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

type subscription struct{ *resolver }

// Changes follows the stream as the same client would that opens /api/v1/stream.
func (s subscription) Changes(ctx context.Context, organization, environment, application *string) (<-chan *Change, error) {
	reader, ok := session.ReaderOf(ctx)
	if !ok {
		return nil, errors.New("you are not signed in")
	}
	out := make(chan *Change)
	scope := stream.Scope{Organization: text(organization), Environment: text(environment), Application: text(application)}
	go func() {
		defer close(out)
		// An error means that the client is gone or may no longer read: both end the subscription.
		_ = s.hub.Follow(ctx, reader, scope, receiver{ctx, out})
	}()
	return out, nil
}

// receiver turns what the stream tells into changes.
type receiver struct {
	ctx context.Context //nolint:containedctx // that of the subscription, for which the receiver is made
	out chan<- *Change
}

func (r receiver) send(c *Change) error {
	select {
	case r.out <- c:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (r receiver) Put(v *readmodel.View, _ readmodel.Cursor) error {
	decoded, err := kinds[v.Kind](v)
	if err != nil {
		return err
	}
	return r.send(&Change{Type: ChangeTypePut, Key: &v.Key, Kind: kindOf(v), View: decoded})
}

func (r receiver) Delete(v *readmodel.View, _ readmodel.Cursor) error {
	return r.send(&Change{Type: ChangeTypeDelete, Key: &v.Key, Kind: kindOf(v)})
}

func (r receiver) Synced(readmodel.Cursor) error { return r.send(&Change{Type: ChangeTypeSynced}) }

func (r receiver) Resync(reason string) error {
	return r.send(&Change{Type: ChangeTypeResync, Reason: &reason})
}

func (receiver) Flush() error { return nil }

func kindOf(v *readmodel.View) *view.Kind { return &v.Kind }
