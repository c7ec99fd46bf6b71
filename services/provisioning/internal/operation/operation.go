package operation

import (
	"encoding/json"
	"time"

	"catalyst.openova.io/pkg/view"
)

// Action is what an Operation does.
type Action string

// The actions.
const (
	Install   Action = "install"
	Configure Action = "configure"
	Upgrade   Action = "upgrade"
	Downgrade Action = "downgrade"
	Rollback  Action = "rollback"
	Pause     Action = "pause"
	Resume    Action = "resume"
	Uninstall Action = "uninstall"
)

// The names of the steps, in words for people.
const (
	StepCreate   = "Create the repository"
	StepPush     = "Commit and push"
	StepVerify   = "Verify the branches"
	StepTakeBack = "Take it back"
)

// Operation is a plan that is being carried out, or was.
type Operation struct {
	ID string `json:"id"`
	// Fingerprint of the request, to tell a repetition from a key that is used for something else.
	Fingerprint  string `json:"fingerprint"`
	Organization string `json:"organization"`
	Environment  string `json:"environment,omitempty"`
	// Environments in which people see it.
	Environments []string `json:"environments"`
	Application  string   `json:"application"`
	Action       Action   `json:"action"`
	Requester    Person   `json:"requester"`
	// Request is what was asked, to plan it anew; absent in records of earlier versions.
	Request *Request `json:"request,omitempty"`
	Plan    Plan     `json:"plan"`
	// PlanID is the InstallPlan that it carries out, RetryOf the Operation that failed before it.
	PlanID  string              `json:"planId,omitempty"`
	RetryOf string              `json:"retryOf,omitempty"`
	State   view.OperationState `json:"state"`
	Message string              `json:"message"`
	Hint    string              `json:"hint,omitempty"`
	Steps   []view.Step         `json:"steps"`
	// Made has a commit that it made in each repository, by Application; Commit is that of its own.
	Made   map[string]string `json:"made,omitempty"`
	Commit string            `json:"commit,omitempty"`
	// CancelBy is who asked to end it, by e-mail; TooLate that this came after the first commit.
	CancelBy string `json:"cancelBy,omitempty"`
	TooLate  bool   `json:"tooLate,omitempty"`
	// Undo is set once it will not be carried out, and what it has made is being taken back.
	Undo *Undo `json:"undo,omitempty"`
	// Tries of the step that waits, and when it is tried next.
	Tries     int       `json:"tries,omitempty"`
	NextTryAt time.Time `json:"nextTryAt,omitzero"`
	CreatedAt time.Time `json:"createdAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Sequence counts its changes.
	Sequence int64 `json:"sequence"`

	// Revision of the stored record, for the adapter.
	Revision uint64 `json:"-"`
}

// Undo is why an Operation is taken back.
type Undo struct {
	Cancelled bool   `json:"cancelled,omitempty"`
	Why       string `json:"why"`
	// Begun is when; after a day it is given up.
	Begun time.Time `json:"begun"`
}

// UnmarshalJSON implements json.Unmarshaler. The steps of an Operation that an earlier version stored name no Application.
func (o *Operation) UnmarshalJSON(b []byte) error {
	type plain Operation
	if err := json.Unmarshal(b, (*plain)(o)); err != nil {
		return err
	}
	for i := range o.Steps {
		if o.Steps[i].Application == "" {
			o.Steps[i].Application = o.Application
		}
	}
	return nil
}

// Final is true when nothing more will happen.
func (o *Operation) Final() bool {
	return o.State == view.OperationSucceeded || o.State == view.OperationFailed || o.State == view.OperationCancelled
}

// Cancellable is true as long as nothing that stays was written.
func (o *Operation) Cancellable() bool {
	if o.Final() || o.Undo != nil || o.CancelBy != "" {
		return false
	}
	for _, s := range o.Steps {
		if s.Name == StepPush && s.State == view.OperationSucceeded {
			return false
		}
	}
	return true
}

// Applications are all that it changes, those that others need first.
func (o *Operation) Applications() []string {
	if all := o.Plan.Applications(); len(all) > 0 {
		return all
	}
	return []string{o.Application}
}

// View is what people read of it.
func (o *Operation) View() view.Operation {
	return view.Operation{
		Header: view.Header{Kind: view.KindOperation, Organization: o.Organization, Environment: o.Environment, Name: o.ID, ChangedAt: o.changedAt()},
		Action: string(o.Action), Application: o.Application, Applications: o.Applications(), Requester: o.Requester.Email, State: o.State,
		Message: o.Message, Hint: o.Hint, Steps: o.Steps, Commit: o.Commit, Plan: o.PlanID, RetryOf: o.RetryOf, Cancellable: o.Cancellable(),
		CreatedAt: o.CreatedAt, NextTryAt: o.NextTryAt, EndedAt: o.EndedAt,
	}
}

func (o *Operation) changedAt() time.Time {
	if o.EndedAt.IsZero() {
		return o.CreatedAt
	}
	return o.EndedAt
}

// ready has a planned Operation begin.
func (o *Operation) ready() {
	o.State, o.Message, o.CreatedAt, o.Sequence = view.OperationPending, "Accepted; it begins in a moment.", o.Plan.At, 1
	o.Steps = []view.Step{}
	for _, c := range o.Plan.Changes {
		names := []string{StepPush, StepVerify}
		if c.Create {
			names = append([]string{StepCreate}, names...)
		}
		for _, n := range names {
			o.Steps = append(o.Steps, view.Step{Name: n, Application: c.Application, State: view.OperationPending})
		}
	}
}

// made notes a commit of the Operation.
func (o *Operation) made(c Change, sha string) {
	if o.Made == nil {
		o.Made = map[string]string{}
	}
	o.Made[c.Application] = sha
	if c.Application == o.Application {
		o.Commit = sha
	}
}

func (o *Operation) step(name string, c Change) *view.Step {
	for i := range o.Steps {
		if o.Steps[i].Name == name && o.Steps[i].Application == c.Application {
			return &o.Steps[i]
		}
	}
	return nil
}

// The transitions. Each is one change of the record.

func (o *Operation) begin(s *view.Step) {
	s.State, s.Message = view.OperationRunning, ""
	o.State, o.Message, o.NextTryAt = view.OperationRunning, s.Name+".", time.Time{}
	if len(o.Plan.Changes) > 1 {
		o.Message = s.Name + " of " + s.Application + "."
	}
	o.Sequence++
}

func (o *Operation) done(s *view.Step) {
	s.State, s.Message = view.OperationSucceeded, ""
	o.Tries = 0
}

// backoff before a step is tried again, by how often it was.
var backoff = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}

func (o *Operation) wait(s *view.Step, why string, now time.Time) {
	s.State, s.Message = view.OperationWaiting, why
	o.State, o.Message = view.OperationWaiting, "Waiting, and trying again: "+why
	o.NextTryAt = now.Add(backoff[min(o.Tries, len(backoff)-1)])
	o.Tries++
	o.Sequence++
}

func (o *Operation) end(state view.OperationState, message, hint string, now time.Time) {
	o.State, o.Message, o.Hint, o.EndedAt, o.NextTryAt = state, message, hint, now, time.Time{}
	o.Sequence++
}
