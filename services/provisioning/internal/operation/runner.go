package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// Run takes an Operation as far as it can. It returns true when the Operation has ended, and false when it has to be
// tried again. It may be called again at any time, also for one that was cut off anywhere: what is done is not done twice.
func (r *Runner) Run(ctx context.Context, id string) (ended bool, err error) {
	o, err := r.Records.Get(ctx, id)
	if errors.Is(err, ErrNoRecord) {
		r.Log.Error("an Operation in the queue has no record", "operation", id)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !o.Final() {
		if err := r.run(ctx, o); err != nil {
			return false, err
		}
		return o.Final(), nil
	}
	// Whoever ended it may have died before saying so.
	return true, r.Records.Announce(ctx, o)
}

func (r *Runner) run(ctx context.Context, o *Operation) error {
	if len(o.Plan.Commits) == 0 {
		o.done(StepPush)
		o.done(StepVerify)
		o.succeed("Nothing had to be changed: Git says this already.", r.Now())
		return r.save(ctx, o)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *Operation) error
	}{{StepCreate, r.create}, {StepPush, r.push}, {StepVerify, r.verify}} {
		s := o.step(step.name)
		if s == nil || s.State == view.OperationSucceeded {
			continue
		}
		o.begin(step.name)
		if err := r.save(ctx, o); err != nil {
			return err
		}
		if err := step.do(ctx, o); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.judge(o, step.name, err)
			return r.save(ctx, o)
		}
		o.done(step.name) // stored with what comes next
	}
	o.succeed(success(o), r.Now())
	return r.save(ctx, o)
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
func (r *Runner) judge(o *Operation, step string, err error) {
	why := sentence(err)
	switch {
	case CodeOf(err) != "":
		o.fail(step, err.Error(), r.Now())
	case r.Now().Sub(o.CreatedAt) > giveUp:
		o.fail(step, "It was tried for a day. Last: "+why, r.Now())
	case errors.Is(err, forge.ErrUnavailable):
		o.wait(step, "Git does not answer ("+why+").")
	case step == StepCreate && errors.Is(err, forge.ErrNotFound):
		o.wait(step, "Git has no organization "+o.Organization+" yet.")
	case step == StepCreate && errors.Is(err, forge.ErrForbidden):
		o.wait(step, "Catalyst may not create repositories for "+o.Organization+" in Git yet.")
	case errors.Is(err, forge.ErrNotFound) && o.Plan.Create && o.Commit == "":
		// The forge took it away again, as Gitea does when it is cut off while it makes one. Nothing was written to it.
		o.wait(step, "The new repository is gone again; it is made once more.")
		o.step(StepCreate).State = view.OperationPending
	case errors.Is(err, forge.ErrForbidden):
		o.fail(step, "Git refused the commit: "+why, r.Now())
	case errors.Is(err, forge.ErrNotFound):
		o.fail(step, "The repository "+o.Plan.Repo.String()+" is gone.", r.Now())
	default:
		o.fail(step, why, r.Now())
	}
	if o.State == view.OperationFailed {
		r.Log.Info("an Operation failed", "operation", o.ID, "step", step, "error", err)
	}
}

func sentence(err error) string {
	const most = 300
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:min(len(s), most)]
}

func (r *Runner) create(ctx context.Context, o *Operation) error {
	err := r.Forge.CreateRepo(ctx, o.Plan.Repo, o.Plan.Description)
	if !errors.Is(err, forge.ErrExists) {
		return err
	}
	// Somebody's, or made by this very Operation before it was cut off?
	found, err := r.Forge.Description(ctx, o.Plan.Repo)
	if errors.Is(err, forge.ErrNotFound) {
		return fmt.Errorf("%w: %s comes and goes", forge.ErrUnavailable, o.Plan.Repo)
	}
	if err != nil {
		return err
	}
	if strings.Contains(found, marker(o.ID)) || o.Plan.Adopt != "" && strings.Contains(found, marker(o.Plan.Adopt)) {
		return nil
	}
	return refuse(CodeNameTaken, "Somebody else took the name "+o.Application+" in the meantime. Nothing was written; install it under another name.")
}

func (r *Runner) push(ctx context.Context, o *Operation) error {
	heads, err := r.Forge.Push(ctx, o.Plan.Repo, o.Plan.updates())
	var m *forge.MovedError
	switch {
	case err == nil:
		o.Commit = heads[o.Plan.Branches()[0]]
		return nil
	case !errors.As(err, &m):
		return err
	}
	// The push may have landed before this process was cut off, and somebody may have gone on from there.
	for _, b := range o.Plan.Branches() {
		sha, err := landed(ctx, r.Forge, o.Plan.Repo, b, o.ID)
		if err != nil {
			return err
		}
		if sha != "" {
			o.Commit = sha
			return nil
		}
	}
	return moved(ctx, r.Forge, m)
}

// verify reads back what is in Git now.
func (r *Runner) verify(ctx context.Context, o *Operation) error {
	heads, err := r.Forge.Branches(ctx, o.Plan.Repo)
	if err != nil {
		return err
	}
	for _, b := range o.Plan.Branches() {
		if heads[b] == o.Commit {
			continue
		}
		sha, err := landed(ctx, r.Forge, o.Plan.Repo, b, o.ID)
		if err != nil {
			return err
		}
		if sha == "" {
			return refuse(CodeBranchMoved, fmt.Sprintf("The commit %s was written, but the branch %s does not hold it now: somebody set it back.", short(o.Commit), b))
		}
	}
	return nil
}

func success(o *Operation) string {
	branches := o.Plan.Branches()
	where := branches[0]
	if n := len(branches); n > 1 {
		where = strings.Join(branches[:n-1], ", ") + " and " + branches[n-1]
	}
	return fmt.Sprintf("Committed %s to %s. Flux applies it now.", short(o.Commit), where)
}

// Paths of the files that a plan writes, sorted.
func (p Plan) Paths() []string { return slices.Sorted(maps.Keys(p.Write)) }
