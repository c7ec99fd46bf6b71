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

	mu      sync.Mutex
	locks   map[string]*sync.Mutex     // by Environment and Application
	running map[string]map[string]bool // by Environment, then Application
	whole   map[string]bool            // Environments that were looked at as a whole
}

// NewKeeper makes a Keeper.
func NewKeeper(git Git, cluster Cluster, log *slog.Logger) *Keeper {
	return &Keeper{
		survey:  surveyor{git: git, seen: map[string]verdict{}},
		cluster: cluster, log: log,
		locks: map[string]*sync.Mutex{}, running: map[string]map[string]bool{}, whole: map[string]bool{},
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
	var r Report
	all := slices.Concat(listed, running)
	slices.Sort(all)
	for _, app := range slices.Compact(all) {
		if err := CheckName(app); err != nil {
			k.log.Debug("repository passed over", "organization", env.Organization, "repository", app, "reason", err)
			continue
		}
		f, err := k.sync(ctx, env, app, listed)
		if err != nil {
			r.Failed = append(r.Failed, err)
		}
		if f.Why != nil && (f.Evidence != NoBranch || slices.Contains(running, app)) {
			r.Unclear = append(r.Unclear, f.Why)
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
	k.mu.Lock()
	k.whole[env.Name] = true
	k.mu.Unlock()
	return r, nil
}

// Sync looks at one Application. An error means that it should be looked at again soon.
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
	return nil
}

// Count is the number of Applications that run in an Environment; whole is false as long as this process has not
// looked at all of them.
func (k *Keeper) Count(env string) (n int32, whole bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int32(len(k.running[env])), k.whole[env] //nolint:gosec // never that many
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
	plan := MakePlan(map[string]Finding{app: f}, running)
	switch {
	case len(plan.Apply) > 0:
		newest := ""
		if listed != nil {
			newest = f.Head
		}
		changed, err := k.cluster.Apply(ctx, env, app, newest)
		if err != nil {
			return f, fmt.Errorf("set up %s in %s: %w", app, env.Name, err)
		}
		if changed {
			k.log.Info("application set up", "environment", env.Name, "application", app, "head", f.Head)
		}
		k.note(env.Name, app, true)
	case len(plan.Remove) > 0:
		return f, k.remove(ctx, env, app, &f)
	case len(plan.Held) > 0:
		k.log.Info("application left as it is", "environment", env.Name, "application", app, "reason", f.Why)
		k.note(env.Name, app, true)
	default:
		k.note(env.Name, app, false)
	}
	return f, nil
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
	k.note(env.Name, app, false)
	return nil
}

func (k *Keeper) note(env, app string, runs bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running[env] == nil {
		k.running[env] = map[string]bool{}
	}
	if runs {
		k.running[env][app] = true
	} else {
		delete(k.running[env], app)
	}
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
