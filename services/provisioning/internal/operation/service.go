package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// Service accepts requests.
type Service struct {
	Planner *Planner
	Records Records
	Log     *slog.Logger
}

// Submit plans a request and has it carried out. A request that repeats an Idempotency-Key gets the first Operation.
func (s *Service) Submit(ctx context.Context, r Request) (*Operation, error) {
	if err := checkKey(r.Key); err != nil {
		return nil, err
	}
	print, err := r.fingerprint()
	if err != nil {
		return nil, err
	}
	id := r.id()
	if r.Key != "" {
		if first, err := s.first(ctx, id, print); first != nil || err != nil {
			return first, err
		}
	}
	planned, err := s.Planner.Plan(ctx, r, id, false)
	if err != nil {
		if r.Key != "" { // the first one may have been accepted, and even have ended, while this one was planned
			if first, firstErr := s.first(ctx, id, print); first != nil || CodeOf(firstErr) == CodeKeyReused {
				return first, firstErr
			}
		}
		return nil, err
	}
	planned.Operation.Fingerprint = print
	return s.accept(ctx, planned.Operation)
}

// maxRecord bounds a record, so that it fits into a message with room for what its steps will say.
const maxRecord = 900 << 10

// accept has an Operation carried out. If there is one of its id already, that is the answer.
func (s *Service) accept(ctx context.Context, o *Operation) (*Operation, error) {
	if err := o.Plan.Contents.pack(); err != nil {
		return nil, fmt.Errorf("accept %s: %w", o.ID, err)
	}
	if b, err := json.Marshal(o); err != nil {
		return nil, fmt.Errorf("accept %s: %w", o.ID, err)
	} else if len(b) > maxRecord {
		return nil, &Error{Code: CodePlanTooLarge, Message: fmt.Sprintf("This changes %d Applications with %d KiB of files, which is more than one Operation may: %d KiB.",
			len(o.Plan.Changes), len(b)>>10, maxRecord>>10), Hint: "Install some of the dependencies first, one by one, then choose them as existing ones."}
	}
	if err := s.Records.Create(ctx, o); err != nil {
		if errors.Is(err, ErrConflict) {
			return s.first(ctx, o.ID, o.Fingerprint)
		}
		return nil, fmt.Errorf("accept %s: %w", o.ID, err)
	}
	// It is accepted. What fails from here on is made good by the sweep.
	if err := s.Records.Announce(ctx, o); err != nil {
		s.Log.Info("an Operation will be announced later", "operation", o.ID, "error", err)
	}
	if err := s.Records.Enqueue(ctx, o.ID); err != nil {
		s.Log.Info("an Operation will be queued later", "operation", o.ID, "error", err)
	}
	return o, nil
}

// first returns the Operation of an id, nil if there is none.
func (s *Service) first(ctx context.Context, id, print string) (*Operation, error) {
	o, err := s.Records.Get(ctx, id)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil //nolint:nilnil // none is a good answer
	}
	if err != nil {
		return nil, err
	}
	if o.Fingerprint != print {
		return nil, refuse(CodeKeyReused, "This Idempotency-Key was used for another request, which became "+o.ID+". Use a new key for a new request.")
	}
	return o, nil
}

// Settings are what Git holds for one Application in one Environment.
type Settings struct {
	Values    map[string]any
	Commit    string
	Blueprint gitlayout.Pin
	Size      string
}

// Settings reads them.
func (s *Service) Settings(ctx context.Context, r Request) (Settings, error) {
	settings, err := s.Planner.settings(ctx, r)
	if err != nil {
		return Settings{}, explain(err)
	}
	return settings, nil
}
