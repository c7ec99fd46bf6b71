package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/forge"
)

// StatusContext is the name of the commit status.
const StatusContext = "catalyst/check"

// Branch is what is known of the branch of one Environment of one Application.
type Branch struct {
	Organization, Environment, EnvType string
	Application, Branch                string
	// SHA of the head, and whether the Application runs from it.
	SHA     string
	Present bool
	// Needs are the Applications that it stands on, as far as was read.
	Needs []string
	// ByCatalyst says that the head looks like a commit of Catalyst, which was checked before it was made: others come
	// first.
	ByCatalyst bool
	// At is when it was looked at.
	At time.Time
}

// Result is what a check of a head found.
type Result struct {
	Organization, Environment, Application, Branch string
	SHA                                            string
	Problems                                       []Problem
	At                                             time.Time
}

// Git is what is needed of the forge.
type Git interface {
	Head(ctx context.Context, repo forge.Repo, branch string) (forge.Commit, error)
	Tree(ctx context.Context, repo forge.Repo, commit string) ([]forge.Entry, error)
	File(ctx context.Context, repo forge.Repo, commit, path string) ([]byte, error)
}

// RefusedError says that a version of a Blueprint is not there, or must not run. Every other error may pass.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Blueprints are the versions that were signed.
type Blueprints interface {
	// Blueprint returns a verified version and its digest, or a *RefusedError.
	Blueprint(ctx context.Context, name, version string) (*blueprint.Blueprint, string, error)
}

// Announcer tells everybody what was found.
type Announcer interface {
	Announce(ctx context.Context, r Result) error
}

const (
	// workers is how many heads are checked at a time.
	workers = 2
	// settle is how long a head waits for a newer one; ownSettle is that of Catalyst's own, whose Operation goes on first.
	settle, ownSettle = 300 * time.Millisecond, 5 * time.Second
	// pace is the least time between two checks, and ownPace that between two of Catalyst's own commits: Gitea has better
	// things to do.
	pace, ownPace = 50 * time.Millisecond, 500 * time.Millisecond
	// within is how long a check may take.
	within = 30 * time.Second
	// statusTries is how often a commit status is tried to be set.
	statusTries = 8
	// soonest and latest bound the pause before a check that failed is tried again.
	soonest, latest = time.Second, 5 * time.Minute
)

// Runner checks every new head, one repository at a time and each for itself: what is wrong with one costs no other.
type Runner struct {
	Git        Git
	Blueprints Blueprints
	Statuses   forge.Statuses
	Announcer  Announcer
	Now        func() time.Time
	Log        *slog.Logger

	mu      sync.Mutex
	heads   map[key]*head
	wake    chan struct{}
	ownNext time.Time
}

type key struct{ environment, application string }

// head is the newest head of a branch, and what was found in it.
type head struct {
	Branch
	found *Result // nil until it was checked
	// since is when an Application that it stands on came or went: what was found before that does not count.
	since time.Time
	// due is when it is to be checked, zero for never.
	due     time.Time
	running bool
	failed  int
}

func (r *Runner) start() {
	if r.heads == nil {
		r.heads, r.wake = map[key]*head{}, make(chan struct{}, 1)
	}
}

// Observed takes in what was seen of a branch, in any order and any number of times.
func (r *Runner) Observed(b Branch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	k := key{b.Environment, b.Application}
	h := r.heads[k]
	if h != nil && b.At.Before(h.At) {
		return
	}
	before := h != nil && h.Present
	if h == nil {
		h = &head{}
		r.heads[k] = h
	}
	moved := h.SHA != b.SHA
	h.Branch = b
	switch {
	case !b.Present || b.SHA == "":
		h.due, h.failed = time.Time{}, 0
	case (h.found == nil || h.found.SHA != b.SHA) && (moved || h.due.IsZero() && !h.running):
		r.plan(h)
	}
	if before != b.Present {
		r.others(b)
	}
	r.nudge()
}

// plan has a head checked soon.
func (r *Runner) plan(h *head) {
	wait := settle
	if h.ByCatalyst {
		wait = ownSettle
	}
	h.due, h.failed = r.Now().Add(wait), 0
}

// others has those checked anew whose result differs because an Application came or went.
func (r *Runner) others(b Branch) {
	for k, h := range r.heads {
		if k.environment != b.Environment || h.found == nil || !h.Present || !slices.Contains(h.Needs, b.Application) || misses(h.found.Problems, b.Application) != b.Present {
			continue
		}
		h.found, h.since = nil, r.Now()
		r.plan(h)
	}
}

// misses tells whether it was found that an Application is not there.
func misses(problems []Problem, application string) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool {
		return p.Code == CodeDependencyMissing && strings.Contains(p.Message, fmt.Sprintf("%q", shorten(application)))
	})
}

// Known takes in what was found before, by an earlier process or another replica.
func (r *Runner) Known(found Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	k := key{found.Environment, found.Application}
	h := r.heads[k]
	if h == nil {
		h = &head{}
		r.heads[k] = h
	}
	if h.found != nil && !h.found.At.Before(found.At) || found.At.Before(h.since) {
		return
	}
	h.found = &found
	if h.SHA == found.SHA && !h.running {
		h.due = time.Time{}
	}
}

// Run checks until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	r.mu.Lock()
	r.start()
	r.mu.Unlock()
	free := make(chan struct{}, workers)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		h, b, wait := r.next()
		if h == nil {
			<-free
			if !r.rest(ctx, wait) {
				return ctx.Err()
			}
			continue
		}
		running.Go(func() {
			defer func() { <-free; r.nudge() }()
			r.done(h, b, r.check(ctx, b))
		})
		if !r.rest(ctx, pace) {
			return ctx.Err()
		}
	}
}

// next is a head that is due, people's before Catalyst's own, or how long until one is.
func (r *Runner) next() (*head, Branch, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, wait := r.Now(), time.Minute
	var best *head
	for _, h := range r.heads {
		if h.due.IsZero() || h.running {
			continue
		}
		due := h.due
		if h.ByCatalyst && due.Before(r.ownNext) {
			due = r.ownNext
		}
		if due.After(now) {
			wait = min(wait, due.Sub(now))
			continue
		}
		if best == nil || best.ByCatalyst && !h.ByCatalyst || best.ByCatalyst == h.ByCatalyst && h.due.Before(best.due) {
			best = h
		}
	}
	if best == nil {
		return nil, Branch{}, wait
	}
	if best.ByCatalyst {
		r.ownNext = now.Add(ownPace)
	}
	best.running, best.due = true, time.Time{}
	return best, best.Branch, 0
}

func (r *Runner) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-r.wake:
	}
	return true
}

// nudge has Run look again.
func (r *Runner) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// done notes how a check went; one that failed is tried again later, unless there is a newer head.
func (r *Runner) done(h *head, b Branch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.running = false
	if err == nil || h.SHA != b.SHA || !h.Present || errors.Is(err, context.Canceled) {
		return
	}
	pause := min(soonest<<min(h.failed, 16), latest)
	h.failed++
	var missing *statusError
	if errors.As(err, &missing) && h.failed >= statusTries {
		r.Log.Info("a commit status could not be set; the card says the same", "application", b.Application, "error", err)
		return
	}
	h.due = r.Now().Add(pause)
	level := slog.LevelDebug
	if h.failed == 3 {
		level = slog.LevelInfo
	}
	r.Log.Log(context.Background(), level, "a branch could not be checked; it is tried again", "application", b.Application, "environment", b.Environment, "error", err)
}

// check looks at one head, and tells what it found. What breaks the check itself is told as a problem of that head.
func (r *Runner) check(ctx context.Context, b Branch) (err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	problems, err := r.look(ctx, b)
	if errors.Is(err, forge.ErrNotFound) {
		return nil // the commit went with its repository; whoever comes next is observed
	}
	if err != nil {
		return err
	}
	if !r.newest(b) {
		return nil
	}
	found := Result{Organization: b.Organization, Environment: b.Environment, Application: b.Application, Branch: b.Branch, SHA: b.SHA, Problems: problems, At: r.Now()}
	if !r.said(found) {
		if err := r.Announcer.Announce(ctx, found); err != nil {
			return err
		}
		r.Known(found)
	}
	err = r.Statuses.SetStatus(ctx, forge.Repo{Organization: b.Organization, Name: b.Application}, b.SHA, status(problems))
	switch {
	case err == nil, errors.Is(err, forge.ErrNotFound):
		return nil
	case errors.Is(err, forge.ErrUnavailable), ctx.Err() != nil:
		return &statusError{err}
	}
	r.Log.Info("a commit status could not be set; the card says the same", "application", b.Application, "error", err)
	return nil
}

// statusError says that only the commit status is missing.
type statusError struct{ error }

// said tells whether the same was announced of the same head.
func (r *Runner) said(found Result) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.heads[key{found.Environment, found.Application}]
	return h != nil && h.found != nil && h.found.SHA == found.SHA && slices.Equal(h.found.Problems, found.Problems)
}

// newest tells whether a head is still that of its branch.
func (r *Runner) newest(b Branch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.heads[key{b.Environment, b.Application}]
	return h != nil && h.Present && h.SHA == b.SHA
}

func status(problems []Problem) forge.Status {
	s := forge.Status{Context: StatusContext, Description: "Nothing is wrong with the files."}
	if len(problems) == 0 {
		return s
	}
	s.Failed, s.Description = problems[0].Severity == Error, problems[0].String()
	if more := len(problems) - 1; more > 0 {
		s.Description = fmt.Sprintf("%d problems. %s", more+1, s.Description)
	}
	return s
}

// TellAgain announces what was found in every head that is still the newest, to those who lost what they were told.
func (r *Runner) TellAgain(ctx context.Context) error {
	r.mu.Lock()
	var all []Result
	for _, h := range r.heads {
		if h.found != nil && h.Present && h.SHA == h.found.SHA {
			all = append(all, *h.found)
		}
	}
	r.mu.Unlock()
	var errs []error
	deaf := map[string]bool{} // Organizations whose account does not take events now
	for _, found := range all {
		if deaf[found.Organization] {
			continue
		}
		if err := r.Announcer.Announce(ctx, found); err != nil {
			deaf[found.Organization] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}
