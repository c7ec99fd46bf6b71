package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
)

// giveUp is how long an Operation may wait for the forge.
const giveUp = 24 * time.Hour

// Runner carries plans out.
type Runner struct {
	Forge   Forge
	Records Records
	Now     func() time.Time
	Log     *slog.Logger
}

// Outcome says what is left to do.
type Outcome struct {
	Ended bool
	// After is when it is to be tried again, if it has not ended.
	After time.Duration
}

// Run takes an Operation as far as it can. It may be called again at any time, also for one that was cut off anywhere:
// what is done is not done twice.
func (r *Runner) Run(ctx context.Context, id string) (Outcome, error) {
	o, err := r.Records.Get(ctx, id)
	if errors.Is(err, ErrNoRecord) {
		r.Log.Error("an Operation in the queue has no record", "operation", id)
		return Outcome{Ended: true}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	if o.Final() { // whoever ended it may have died before saying so
		return Outcome{Ended: true}, r.Records.Announce(ctx, o)
	}
	if err := r.run(ctx, o); err != nil {
		return Outcome{}, err
	}
	return Outcome{Ended: o.Final(), After: max(o.NextTryAt.Sub(r.Now()), 0)}, nil
}

func (r *Runner) run(ctx context.Context, o *Operation) error {
	if o.CancelBy != "" && !o.TooLate && o.Undo == nil {
		if decided, err := r.heed(ctx, o); err != nil || !decided {
			return err
		}
	}
	if o.Undo != nil {
		return r.takeBack(ctx, o)
	}
	return r.carryOut(ctx, o)
}

type work func(context.Context, *Operation, Change) error

// carryOut does what is not done yet, repository by repository.
func (r *Runner) carryOut(ctx context.Context, o *Operation) error {
	for _, c := range o.Plan.Changes {
		for _, step := range []struct {
			name string
			do   work
		}{{StepCreate, r.create}, {StepPush, r.push}, {StepVerify, r.verify}} {
			s := o.step(step.name, c)
			if s == nil || s.State == view.OperationSucceeded {
				continue
			}
			if err := r.try(ctx, o, c, s, step.do); err != nil || s.State != view.OperationSucceeded {
				return err
			}
		}
	}
	o.end(view.OperationSucceeded, success(o), "", r.Now())
	return r.save(ctx, o)
}

// try does one step. What it has done is stored with what comes next.
func (r *Runner) try(ctx context.Context, o *Operation, c Change, s *view.Step, do work) error {
	if len(c.Commits) == 0 {
		o.done(s)
		return nil
	}
	o.begin(s)
	if err := r.save(ctx, o); err != nil {
		return err
	}
	err := do(ctx, o, c)
	switch {
	case err == nil:
		o.done(s)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	r.judge(o, c, s, err)
	if err := r.save(ctx, o); err != nil || o.Undo == nil {
		return err
	}
	return r.takeBack(ctx, o)
}

func (r *Runner) save(ctx context.Context, o *Operation) error {
	if err := r.Records.Update(ctx, o); err != nil {
		return err
	}
	if err := r.Records.Announce(ctx, o); err != nil {
		r.Log.Info("the progress of an Operation was not announced", "operation", o.ID, "error", err)
	}
	return nil
}

// judge decides whether a failed step is tried again.
func (r *Runner) judge(o *Operation, c Change, s *view.Step, err error) {
	why, hint := sentence(err), ""
	var e *Error
	switch {
	case errors.As(err, &e):
		why, hint = e.Message, e.Hint
	case r.Now().Sub(o.CreatedAt) > giveUp:
		why, hint = "It was tried for a day. Last: "+why, "Ask again once Git works."
	case errors.Is(err, forge.ErrUnavailable):
		o.wait(s, "Git does not answer ("+why+").", r.Now())
		return
	case s.Name == StepCreate && errors.Is(err, forge.ErrNotFound):
		o.wait(s, "Git has no organization "+o.Organization+" yet.", r.Now())
		return
	case s.Name == StepCreate && errors.Is(err, forge.ErrForbidden):
		o.wait(s, "Catalyst may not create repositories for "+o.Organization+" in Git yet.", r.Now())
		return
	case errors.Is(err, forge.ErrNotFound) && c.Create && o.Made[c.Application] == "":
		// The forge took it away again, as Gitea does when it is cut off while it makes one. Nothing was written to it.
		o.step(StepCreate, c).State = view.OperationPending
		o.wait(s, "The new repository is gone again; it is made once more.", r.Now())
		return
	case errors.Is(err, forge.ErrForbidden):
		why, hint = "Git refused the commit: "+why, "Ask an administrator of the Sovereign why Catalyst may not write to "+c.Repo.String()+", then try again."
	case errors.Is(err, forge.ErrNotFound):
		why, hint = "The repository "+c.Repo.String()+" is gone.", "Plan again: it may have been renamed or deleted in Git."
	default:
		hint = "Tell an administrator of the Sovereign; the log of provisioning says more."
	}
	s.State, s.Message = view.OperationFailed, why
	r.abandon(o, &Undo{Why: why}, hint)
	r.Log.Info("an Operation failed", "operation", o.ID, "application", c.Application, "step", s.Name, "error", err)
}

func sentence(err error) string {
	const most = 300
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:min(len(s), most)]
}

func (r *Runner) create(ctx context.Context, o *Operation, c Change) error {
	err := r.Forge.CreateRepo(ctx, c.Repo, c.Description)
	if !errors.Is(err, forge.ErrExists) {
		return err
	}
	// Somebody's, or made by this very Operation before it was cut off?
	found, err := r.Forge.Description(ctx, c.Repo)
	if errors.Is(err, forge.ErrNotFound) {
		return fmt.Errorf("%w: %s comes and goes", forge.ErrUnavailable, c.Repo)
	}
	if err != nil {
		return err
	}
	if mine(o, c, found) {
		return nil
	}
	return &Error{Code: CodeNameTaken, Message: "Somebody else took the name " + c.Application + " in the meantime.",
		Hint: "Install it under another name."}
}

// mine tells from its description whether the Operation made a repository.
func mine(o *Operation, c Change, description string) bool {
	return strings.Contains(description, marker(o.ID)) || c.Adopt != "" && strings.Contains(description, marker(c.Adopt))
}

func (r *Runner) push(ctx context.Context, o *Operation, c Change) error {
	heads, err := r.Forge.Push(ctx, c.Repo, o.Plan.updates(c))
	var m *forge.MovedError
	switch {
	case err == nil:
		o.made(c, heads[c.Branches()[0]])
		return nil
	case !errors.As(err, &m):
		return err
	}
	// The push may have landed before this process was cut off, and somebody may have gone on from there.
	sha, err := r.landed(ctx, o, c)
	if err != nil {
		return err
	}
	if sha != "" {
		o.made(c, sha)
		return nil
	}
	return moved(ctx, r.Forge, m)
}

// landed returns a commit of the Operation on a branch of a change, or "".
func (r *Runner) landed(ctx context.Context, o *Operation, c Change) (string, error) {
	for _, b := range c.Branches() {
		if sha, err := landed(ctx, r.Forge, c.Repo, b, marker(o.ID)); err != nil || sha != "" {
			return sha, err
		}
	}
	return "", nil
}

// verify reads back what is in Git now.
func (r *Runner) verify(ctx context.Context, o *Operation, c Change) error {
	heads, err := r.Forge.Branches(ctx, c.Repo)
	if err != nil {
		return err
	}
	commit := o.Made[c.Application]
	if commit == "" {
		commit = o.Commit // of an earlier version
	}
	for _, b := range c.Branches() {
		if heads[b] == commit {
			continue
		}
		sha, err := landed(ctx, r.Forge, c.Repo, b, marker(o.ID))
		if err != nil {
			return err
		}
		if sha == "" {
			return &Error{Code: CodeBranchMoved, Hint: "Look at the branch, then ask again.",
				Message: fmt.Sprintf("The commit %s was written, but the branch %s of %s does not hold it now: somebody set it back.", short(commit), b, c.Repo)}
		}
	}
	return nil
}

func success(o *Operation) string {
	late := ""
	if o.TooLate {
		late = " It was too late to cancel it."
	}
	if o.Plan.empty() {
		return "Nothing had to be changed: Git says this already." + late
	}
	if n := len(o.Plan.Changes); n > 1 {
		return fmt.Sprintf("Committed to %d repositories: %s. Flux applies it now.%s", n, and(o.Plan.Applications()), late)
	}
	c := o.Plan.Changes[0]
	return fmt.Sprintf("Committed %s to %s. Flux applies it now.%s", short(o.Made[c.Application]), and(c.Branches()), late)
}

// and joins names as people do.
func and(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
