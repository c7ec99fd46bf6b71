package operation

import (
	"context"
	"errors"
	"fmt"

	"catalyst.openova.io/pkg/view"
)

// Operation returns one of an Organization.
func (s *Service) Operation(ctx context.Context, organization, id string) (*Operation, error) {
	o, err := s.Records.Get(ctx, id)
	if err == nil && o.Organization == organization {
		return o, nil
	}
	if err == nil || errors.Is(err, ErrNoRecord) {
		return nil, refuse(CodeOperationNotFound, fmt.Sprintf("There is no Operation %q in %s. Those that ended more than 30 days ago are forgotten.", id, organization))
	}
	return nil, err
}

// Cancel asks for the end of an Operation. It ends as soon as whoever runs it hears of it, unless a commit was faster.
func (s *Service) Cancel(ctx context.Context, id string, p Person) (*Operation, error) {
	const attempts = 5 // somebody may be taking it forward
	for range attempts {
		o, err := s.Records.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if o.CancelBy != "" || o.State == view.OperationCancelled {
			return o, nil
		}
		if !o.Cancellable() {
			why := "it has ended already."
			if !o.Final() {
				why = "commits of it are in Git already, so it is carried through."
			}
			return nil, &Error{Code: CodeNotCancellable, Message: "This Operation cannot be cancelled: " + why, Hint: "Uninstall or roll back what it made, once it has ended."}
		}
		o.CancelBy, o.Message = p.Email, "Being cancelled by "+p.Email+"."
		o.Sequence++
		err = s.Records.Update(ctx, o)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cancel %s: %w", id, err)
		}
		if err := s.Records.Announce(ctx, o); err != nil {
			s.Log.Info("an Operation will be announced later", "operation", id, "error", err)
		}
		if err := s.Records.Enqueue(ctx, id); err != nil { // it may be waiting
			s.Log.Info("an Operation will be queued later", "operation", id, "error", err)
		}
		return o, nil
	}
	return nil, refuse(CodeUnavailable, "The Operation is moving fast. Look at it again, and cancel it if it still runs.")
}

// Retry asks again for what an Operation failed to do. It is planned anew; asked twice, it is the same new Operation.
func (s *Service) Retry(ctx context.Context, id string, p Person, key string) (*Operation, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	again := derive("op-", "retry", id)
	if o, err := s.Records.Get(ctx, again); err == nil || !errors.Is(err, ErrNoRecord) {
		return o, err
	}
	failed, err := s.Records.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case failed.State != view.OperationFailed && failed.State != view.OperationCancelled:
		return nil, refuse(CodeNotRetryable, "Only an Operation that failed or was cancelled can be tried again; this one is "+string(failed.State)+".")
	case failed.Request == nil:
		return nil, refuse(CodeNotRetryable, "This Operation does not say any more what was asked. Ask for it anew.")
	}
	r := *failed.Request
	r.Person, r.Key, r.Head = p, key, ""
	planned, err := s.Planner.Plan(ctx, r, again, false)
	if err != nil {
		return nil, err
	}
	planned.Operation.Fingerprint, planned.Operation.RetryOf = failed.Fingerprint, id
	return s.accept(ctx, planned.Operation)
}
