// Package jetstream is the observer's side of NATS: the accounts that events go to, the memory that outlives a restart,
// and the request to tell everything again.
package jetstream

import (
	"context"
	"errors"
	"fmt"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/observer/internal/observation"
)

// Accounts are the accounts of the spine as the queue sees them.
type Accounts struct{ spine *spine.Accounts }

// NewAccounts makes Accounts.
func NewAccounts(accounts *spine.Accounts) Accounts { return Accounts{accounts} }

// Account implements observation.Accounts.
func (a Accounts) Account(ctx context.Context, organization string) (observation.Account, error) {
	if organization == "" {
		return account{a.spine.Sovereign()}, nil
	}
	sp, err := a.spine.Organization(ctx, organization)
	if err != nil {
		return nil, err
	}
	return account{sp}, nil
}

type account struct{ *spine.Spine }

var errAway = errors.New("NATS is not connected")

// PublishBatch publishes while there is a connection: without one, what is published waits in the client, beside the
// queue that it would come from again.
func (a account) PublishBatch(ctx context.Context, events []spine.Event) []error {
	if !a.JetStream().Conn().IsConnected() {
		errs := make([]error, len(events))
		for i := range errs {
			errs[i] = errAway
		}
		return errs
	}
	return a.Spine.PublishBatch(ctx, events)
}

// Stream implements observation.Account.
func (a account) Stream(ctx context.Context) (observation.Stream, error) {
	conn := a.JetStream().Conn()
	if !conn.IsConnected() {
		return observation.Stream{}, errAway
	}
	server := conn.ConnectedServerId()
	if err := a.EnsureStream(ctx); err != nil {
		return observation.Stream{}, err
	}
	stream, err := a.JetStream().Stream(ctx, spine.Stream)
	if err != nil {
		return observation.Stream{}, fmt.Errorf("stream %s: %w", spine.Stream, err)
	}
	info := stream.CachedInfo()
	return observation.Stream{Made: info.Created, First: info.State.FirstSeq, Last: info.State.LastSeq, Server: server}, nil
}
