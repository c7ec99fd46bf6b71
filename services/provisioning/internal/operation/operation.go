package operation

import (
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
)

// Action is what an Operation does.
type Action string

// The actions.
const (
	Install   Action = "install"
	Configure Action = "configure"
	Uninstall Action = "uninstall"
)

// The names of the steps, in words for people.
const (
	StepCreate = "Create the repository"
	StepPush   = "Commit and push"
	StepVerify = "Verify the branches"
)

// Plan is everything that will be written, fixed before anything is.
type Plan struct {
	Repo forge.Repo `json:"repo"`
	// Create the repository first, with this description.
	Create      bool   `json:"create,omitempty"`
	Description string `json:"description,omitempty"`
	// Adopt is an Operation that failed after it had made the repository, and left it empty.
	Adopt   string            `json:"adopt,omitempty"`
	Message string            `json:"message"`
	Author  forge.Person      `json:"author"`
	At      time.Time         `json:"at"`
	Write   map[string][]byte `json:"write"`
	Commits []Commit          `json:"commits"`

	// For a preview only: the settings with their defaults, and what the person should know.
	Values map[string]any `json:"-"`
	Notes  []string       `json:"-"`
}

// Commit is one new commit and the branches that it becomes the head of. Several are needed where branches differ.
type Commit struct {
	Parent string   `json:"parent,omitempty"`
	Remove []string `json:"remove,omitempty"`
	Refs   []Ref    `json:"refs"`
}

// Ref is a branch, and the head that the plan was made on.
type Ref struct {
	Branch string `json:"branch"`
	Expect string `json:"expect,omitempty"`
}

// updates are the plan as one push.
func (p Plan) updates() []forge.RefUpdate {
	var out []forge.RefUpdate
	for _, c := range p.Commits {
		d := &forge.Draft{Parent: c.Parent, Author: p.Author, Message: p.Message, At: p.At,
			Change: forge.Change{Write: p.Write, Remove: c.Remove}}
		for _, r := range c.Refs {
			out = append(out, forge.RefUpdate{Branch: r.Branch, Expect: r.Expect, Draft: d})
		}
	}
	return out
}

// Branches of the plan, in order.
func (p Plan) Branches() []string {
	var out []string
	for _, c := range p.Commits {
		for _, r := range c.Refs {
			out = append(out, r.Branch)
		}
	}
	return out
}

// Operation is a plan that is being carried out, or was.
type Operation struct {
	ID string `json:"id"`
	// Fingerprint of the request, to tell a repetition from a key that is used for something else.
	Fingerprint  string `json:"fingerprint"`
	Organization string `json:"organization"`
	Environment  string `json:"environment,omitempty"`
	// Environments in which people see it.
	Environments []string            `json:"environments"`
	Application  string              `json:"application"`
	Action       Action              `json:"action"`
	Requester    Person              `json:"requester"`
	Plan         Plan                `json:"plan"`
	State        view.OperationState `json:"state"`
	Message      string              `json:"message"`
	Steps        []view.Step         `json:"steps"`
	Commit       string              `json:"commit,omitempty"`
	CreatedAt    time.Time           `json:"createdAt"`
	EndedAt      time.Time           `json:"endedAt,omitzero"`
	// Sequence counts its changes.
	Sequence int64 `json:"sequence"`

	// Revision of the stored record, for the adapter.
	Revision uint64 `json:"-"`
}

// Final is true when nothing more will happen.
func (o *Operation) Final() bool {
	return o.State == view.OperationSucceeded || o.State == view.OperationFailed || o.State == view.OperationCancelled
}

// View is what people read of it.
func (o *Operation) View() view.Operation {
	return view.Operation{
		Header: view.Header{Kind: view.KindOperation, Organization: o.Organization, Environment: o.Environment, Name: o.ID, ChangedAt: o.changedAt()},
		Action: string(o.Action), Application: o.Application, Applications: []string{o.Application}, Requester: o.Requester.Email, State: o.State, Message: o.Message,
		Steps: o.Steps, Commit: o.Commit, CreatedAt: o.CreatedAt, EndedAt: o.EndedAt,
	}
}

func (o *Operation) changedAt() time.Time {
	if o.EndedAt.IsZero() {
		return o.CreatedAt
	}
	return o.EndedAt
}

// newOperation has a plan ready to run.
func newOperation(o Operation, plan Plan) *Operation {
	o.Plan, o.State, o.Message, o.CreatedAt, o.Sequence = plan, view.OperationPending, "Accepted; it begins in a moment.", plan.At, 1
	names := []string{StepPush, StepVerify}
	if plan.Create {
		names = append([]string{StepCreate}, names...)
	}
	for _, n := range names {
		o.Steps = append(o.Steps, view.Step{Name: n, State: view.OperationPending})
	}
	return &o
}

func (o *Operation) step(name string) *view.Step {
	for i := range o.Steps {
		if o.Steps[i].Name == name {
			return &o.Steps[i]
		}
	}
	return nil
}

// The transitions. Each is one change of the record.

func (o *Operation) begin(step string) {
	s := o.step(step)
	s.State, s.Message = view.OperationRunning, ""
	o.State, o.Message = view.OperationRunning, step+"."
	o.Sequence++
}

func (o *Operation) done(step string) {
	s := o.step(step)
	s.State, s.Message = view.OperationSucceeded, ""
}

func (o *Operation) wait(step, why string) {
	s := o.step(step)
	s.State, s.Message = view.OperationWaiting, why
	o.State, o.Message = view.OperationWaiting, "Waiting, and trying again: "+why
	o.Sequence++
}

func (o *Operation) fail(step, why string, now time.Time) {
	if s := o.step(step); s != nil {
		s.State, s.Message = view.OperationFailed, why
	}
	o.State, o.Message, o.EndedAt = view.OperationFailed, why, now
	o.Sequence++
}

func (o *Operation) succeed(message string, now time.Time) {
	o.State, o.Message, o.EndedAt = view.OperationSucceeded, message, now
	o.Sequence++
}
