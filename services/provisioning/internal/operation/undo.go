package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// heed decides whether an Operation that somebody asked to end still can: as long as no commit of it is in Git. It
// returns false when that cannot be told yet.
func (r *Runner) heed(ctx context.Context, o *Operation) (decided bool, err error) {
	for _, c := range o.Plan.Changes {
		s := o.step(StepPush, c)
		if s == nil || s.State == view.OperationPending {
			continue
		}
		sha, err := r.landed(ctx, o, c)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil && !errors.Is(err, forge.ErrNotFound):
			o.wait(s, "It is not known whether a commit was made before it was cancelled ("+sentence(err)+").", r.Now())
			return false, r.save(ctx, o)
		case sha != "":
			o.TooLate = true
			return true, nil
		}
	}
	r.abandon(o, &Undo{Cancelled: true, Why: "Cancelled by " + o.CancelBy + "."}, "")
	return true, nil
}

// abandon ends an Operation, or begins to take back what it may have made, the last first.
func (r *Runner) abandon(o *Operation, u *Undo, hint string) {
	u.Begun = r.Now()
	o.Undo, o.Hint, o.Tries = u, hint, 0
	for _, c := range slices.Backward(o.Plan.Changes) {
		if o.touched(c) {
			o.Steps = append(o.Steps, view.Step{Name: StepTakeBack, Application: c.Application, State: view.OperationPending})
		}
	}
	o.State, o.Message = view.OperationRunning, u.Why
	o.Sequence++
}

// touched is true for a change of which something may be in Git.
func (o *Operation) touched(c Change) bool {
	begun := func(name string) bool {
		s := o.step(name, c)
		return s != nil && s.State != view.OperationPending && s.State != view.OperationFailed
	}
	if s := o.step(StepCreate, c); s != nil && s.State == view.OperationSucceeded {
		return true
	}
	return begun(StepCreate) || begun(StepPush)
}

// takeBack undoes what the Operation has made alone, and ends it.
func (r *Runner) takeBack(ctx context.Context, o *Operation) error {
	for i := range o.Steps {
		s := &o.Steps[i]
		if s.Name != StepTakeBack || s.State == view.OperationSucceeded || s.State == view.OperationFailed {
			continue
		}
		j := slices.IndexFunc(o.Plan.Changes, func(c Change) bool { return c.Application == s.Application })
		o.begin(s)
		o.Message = o.Undo.Why + " " + s.Application + " is being taken back."
		if err := r.save(ctx, o); err != nil {
			return err
		}
		left, err := r.undo(ctx, o, o.Plan.Changes[j])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, forge.ErrUnavailable) && r.Now().Sub(o.Undo.Begun) < giveUp:
			o.wait(s, "Git does not answer ("+sentence(err)+").", r.Now())
			return r.save(ctx, o)
		case err != nil:
			left = sentence(err)
		}
		o.done(s)
		if left != "" {
			s.State, s.Message = view.OperationFailed, left
		}
	}
	r.ended(o)
	return r.save(ctx, o)
}

// ended is the last word of an Operation that was taken back.
func (r *Runner) ended(o *Operation) {
	var back, left []string
	message, hint := o.Undo.Why, o.Hint
	for _, s := range o.Steps {
		switch {
		case s.Name != StepTakeBack:
		case s.State == view.OperationFailed:
			left = append(left, s.Application)
			message += " " + s.Application + " was not taken back: " + s.Message
		default:
			back = append(back, s.Application)
		}
	}
	switch {
	case len(left) > 0:
		hint = "Look at " + and(left) + " in Git: uninstall it there, or keep it. " + hint
	case len(back) > 0:
		message += " Nothing of it is left: what it had made of " + and(back) + " was taken back."
	default:
		message += " Nothing was written."
	}
	state := view.OperationFailed
	if o.Undo.Cancelled {
		state = view.OperationCancelled
	}
	o.end(state, message, hint, r.Now())
}

// undo takes one change back, unless somebody has built on it: then it returns why it was left.
func (r *Runner) undo(ctx context.Context, o *Operation, c Change) (left string, err error) {
	const attempts = 3
	for range attempts {
		refs, left, err := r.inverse(ctx, o, c)
		if err != nil || left != "" || len(refs) == 0 {
			return left, err
		}
		_, err = r.Forge.Push(ctx, c.Repo, refs)
		var m *forge.MovedError
		if !errors.As(err, &m) { // a commit may have come from a process that was thought dead
			return "", err
		}
	}
	return "its branches keep moving.", nil
}

// inverse is the push that takes a change back; none if there is nothing to take back.
func (r *Runner) inverse(ctx context.Context, o *Operation, c Change) (refs []forge.RefUpdate, left string, err error) {
	heads, err := r.Forge.Branches(ctx, c.Repo)
	if errors.Is(err, forge.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	if len(heads) == 0 && c.Create {
		description, err := r.Forge.Description(ctx, c.Repo)
		if err != nil || !mine(o, c, description) {
			return nil, "", err
		}
		d := r.draft(o, c, "", tombstone(c))
		for _, b := range c.Branches() {
			refs = append(refs, forge.RefUpdate{Branch: b, Draft: d})
		}
		return refs, "", nil
	}
	for _, commit := range c.Commits {
		var d *forge.Draft
		for _, ref := range commit.Refs {
			at := heads[ref.Branch]
			back, err := landed(ctx, r.Forge, c.Repo, ref.Branch, takenBack(o.ID))
			if err != nil {
				return nil, "", err
			}
			made, err := landed(ctx, r.Forge, c.Repo, ref.Branch, marker(o.ID))
			switch {
			case err != nil:
				return nil, "", err
			case back != "" || made == "":
				continue
			case made != at:
				return nil, "somebody has changed the branch " + ref.Branch + " since.", nil
			}
			if d == nil {
				change, err := r.restore(ctx, c, commit)
				if err != nil {
					return nil, "", err
				}
				d = r.draft(o, c, made, change)
			}
			refs = append(refs, forge.RefUpdate{Branch: ref.Branch, Expect: at, Draft: d})
		}
	}
	return refs, "", nil
}

// restore is the change from what a commit says to what was there before it.
func (r *Runner) restore(ctx context.Context, c Change, commit Commit) (forge.Change, error) {
	if commit.Parent == "" {
		change := tombstone(c)
		for _, path := range commit.Paths() {
			if _, stays := change.Write[path]; !stays {
				change.Remove = append(change.Remove, path)
			}
		}
		return change, nil
	}
	change := forge.Change{Write: map[string][]byte{}}
	for _, path := range append(commit.Paths(), commit.Remove...) {
		was, err := r.Forge.File(ctx, c.Repo, commit.Parent, path)
		switch {
		case errors.Is(err, forge.ErrNotFound):
			change.Remove = append(change.Remove, path)
		case err != nil:
			return change, err
		default:
			change.Write[path] = was
		}
	}
	return change, nil
}

func tombstone(c Change) forge.Change {
	return forge.Change{Write: map[string][]byte{gitlayout.ReadmeFile: gitlayout.Tombstone(c.Application, c.Repo.Organization)}}
}

func (r *Runner) draft(o *Operation, c Change, parent string, change forge.Change) *forge.Draft {
	why := "an Operation that failed"
	if o.Undo.Cancelled {
		why = "an Operation that was cancelled"
	}
	return &forge.Draft{Parent: parent, Author: o.Plan.Author, At: o.Plan.At, Change: change,
		Message: fmt.Sprintf("Take back %s: it is part of %s\n\n%s\n", c.Application, why, takenBack(o.ID))}
}

// takenBack is the trailer of a commit that undoes those of an Operation.
func takenBack(id string) string { return "Catalyst-Taken-Back: " + id }
