package environment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// Keeper brings the Applications of Environments into the cluster, and keeps them there as Git says.
type Keeper struct {
	survey  surveyor
	cluster Cluster
	log     *slog.Logger

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by Environment and Application
	known map[string]*knowledge  // by Environment
}

// NewKeeper makes a Keeper.
func NewKeeper(git Git, cluster Cluster, log *slog.Logger) *Keeper {
	return &Keeper{
		survey:  surveyor{git: git, seen: map[string]verdict{}},
		cluster: cluster, log: log,
		locks: map[string]*sync.Mutex{}, known: map[string]*knowledge{},
	}
}

// Report is the outcome of a look at a whole Environment.
type Report struct {
	// Unclear is what could not be read or decided, in words; what it concerns was left as it is.
	Unclear []error
	// Failed is what the cluster refused.
	Failed []error
}

// SyncAll looks at every repository of the Organization and at everything that runs. It fails only if it could not
// begin: the forge or the cluster does not list.
func (k *Keeper) SyncAll(ctx context.Context, env Environment) (Report, error) {
	listed, err := k.survey.list(ctx, env.Organization)
	if err != nil {
		return Report{}, fmt.Errorf("list the repositories of %s: %w", env.Organization, err)
	}
	running, err := k.cluster.Applications(ctx, env)
	if err != nil {
		return Report{}, err
	}
	all := slices.Clone(listed)
	for _, r := range running {
		all = append(all, r.Name)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	k.foresee(ctx, env, all, listed)
	var r Report
	for _, app := range all {
		if err := CheckName(app); err != nil {
			k.log.Debug("repository passed over", "organization", env.Organization, "repository", app, "reason", err)
			continue
		}
		f, err := k.sync(ctx, env, app, listed)
		if err != nil {
			r.Failed = append(r.Failed, err)
		}
		if f.Why != nil && (f.Evidence != NoBranch || contains(running, app)) {
			r.Unclear = append(r.Unclear, f.Why)
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
	k.with(env.Name, func(n *knowledge) { n.whole = true })
	if err := k.reorder(ctx, env, ""); err != nil {
		r.Failed = append(r.Failed, err)
	}
	return r, nil
}

// foresee reads what all Applications declare before the first of them is set up, so that none is set up twice because
// of one that comes later in the alphabet. It is needed once: after that, what is known is kept.
func (k *Keeper) foresee(ctx context.Context, env Environment, all, listed []string) {
	if _, whole := k.Count(env.Name); whole {
		return
	}
	for _, app := range all {
		if CheckName(app) != nil || ctx.Err() != nil {
			continue
		}
		if f := k.survey.look(ctx, env, app, listed); f.Evidence == Present {
			k.with(env.Name, func(n *knowledge) { n.declared[app] = f.Declaration })
		}
	}
}

// Sync looks at one Application, and at those whose dependencies on it changed by that. An error means that it should
// be looked at again soon.
func (k *Keeper) Sync(ctx context.Context, env Environment, app string) error {
	if err := CheckName(app); err != nil {
		k.log.Debug("repository passed over", "organization", env.Organization, "repository", app, "reason", err)
		return nil
	}
	f, err := k.sync(ctx, env, app, nil)
	if err != nil {
		return err
	}
	if f.Evidence == Unknown {
		return fmt.Errorf("application %s in %s: %w", app, env.Name, f.Why)
	}
	return k.reorder(ctx, env, app)
}

// reorder sets those Applications up anew that wait for others than they should, or are awaited and do not know it.
func (k *Keeper) reorder(ctx context.Context, env Environment, except string) error {
	running, err := k.cluster.Applications(ctx, env)
	if err != nil {
		return err
	}
	var order Order
	k.with(env.Name, func(n *knowledge) {
		order = n.order(running)
		n.left = order.Left
	})
	var failed []error
	for _, r := range running {
		if r.Name == except || slices.Equal(r.Waits, order.Waits[r.Name]) && r.Awaited == order.Awaited(r.Name) {
			continue
		}
		if _, err := k.sync(ctx, env, r.Name, nil); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// sync reads Git and acts, with the Application locked from before the reading until after the acting: a decision
// never overtakes one that was made on newer facts. With listed, it is part of a look at the whole Environment, which
// also makes up for webhooks that were lost: who sent the event has told Flux already.
func (k *Keeper) sync(ctx context.Context, env Environment, app string, listed []string) (Finding, error) {
	unlock := k.lock(key(env, app))
	defer unlock()
	running, err := k.cluster.Applications(ctx, env)
	if err != nil {
		return Finding{}, err
	}
	f := k.survey.look(ctx, env, app, listed)
	var names []string
	for _, r := range running {
		names = append(names, r.Name)
	}
	plan := MakePlan(map[string]Finding{app: f}, names)
	switch {
	case len(plan.Apply) > 0:
		return f, k.apply(ctx, env, app, f, running, listed != nil)
	case len(plan.Remove) > 0:
		return f, k.remove(ctx, env, app, &f)
	case len(plan.Held) > 0:
		k.log.Info("application left as it is", "environment", env.Name, "application", app, "reason", f.Why)
		k.with(env.Name, func(n *knowledge) { n.running[app] = true })
	default:
		k.with(env.Name, func(n *knowledge) { n.gone(app) })
	}
	return f, nil
}

func (k *Keeper) apply(ctx context.Context, env Environment, app string, f Finding, running []Running, fetch bool) error {
	var order Order
	k.with(env.Name, func(n *knowledge) {
		n.running[app], n.declared[app] = true, f.Declaration
		order = n.order(running)
	})
	changed, err := k.cluster.Apply(ctx, env, Application{
		Name: app, Head: f.Head, Fetch: fetch, Declaration: f.Declaration,
		Waits: order.Waits[app], Left: order.Of(app), Awaited: order.Awaited(app),
	})
	if err != nil {
		return fmt.Errorf("set up %s in %s: %w", app, env.Name, err)
	}
	if changed {
		k.log.Info("application set up", "environment", env.Name, "application", app, "head", f.Head, "waits", order.Waits[app])
	}
	return nil
}

// remove takes an Application away after a second, fresh look at Git that agrees with the first.
func (k *Keeper) remove(ctx context.Context, env Environment, app string, f *Finding) error {
	k.survey.forget(env, app)
	again := k.survey.look(ctx, env, app, nil)
	if again.Evidence != f.Evidence || again.Head != f.Head {
		why := again.Why
		if why == nil {
			why = errors.New("it has just changed")
		}
		*f = Finding{Why: fmt.Errorf("%s in %s: Git does not say twice that it is gone, so it stays: %w", app, env.Name, why)}
		return nil
	}
	if err := k.cluster.Remove(ctx, env, app); err != nil {
		return fmt.Errorf("remove %s from %s: %w", app, env.Name, err)
	}
	k.log.Info("application removed", "environment", env.Name, "application", app, "evidence", f.Evidence.String(), "head", f.Head)
	k.with(env.Name, func(n *knowledge) { n.gone(app) })
	return nil
}

func (k *Keeper) lock(name string) func() {
	k.mu.Lock()
	l := k.locks[name]
	if l == nil {
		l = &sync.Mutex{}
		k.locks[name] = l
	}
	k.mu.Unlock()
	l.Lock()
	return l.Unlock
}

func contains(all []Running, app string) bool {
	return slices.ContainsFunc(all, func(r Running) bool { return r.Name == app })
}
