// Package spine is the checker's way to the spine: what is said of branches comes in, and what was found in them goes out.
package spine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/provisioning/internal/check"
)

// again is the pause before what has failed is tried again.
const again = time.Second

// ownTrailer marks the commits that Catalyst made.
const ownTrailer = "\nCatalyst-Operation: "

// longestMessage and longestName are how many characters of a text are told.
const longestMessage, longestName = 1000, 253

// Listener hears in the account of every Organization what is said of branches, and what was found in them before.
type Listener struct {
	Accounts *spine.Accounts
	Observed func(check.Branch)
	Known    func(check.Result)
	Log      *slog.Logger
}

// Listen listens until ctx ends, through whatever happens to the server.
func (l Listener) Listen(ctx context.Context) error {
	for ctx.Err() == nil {
		err := l.Accounts.Each(ctx, l.follow)
		l.Log.Debug("the accounts of the spine are looked for again", "error", err)
		pause(ctx)
	}
	return ctx.Err()
}

// follow reads an account from its beginning, and goes on where it was.
func (l Listener) follow(ctx context.Context, organization string, s *spine.Spine) {
	f := &follower{Listener: l}
	for ctx.Err() == nil {
		err := s.Read(ctx, spine.Reading{Subjects: []string{spine.Class("git"), spine.Class("check")}, After: f.at}, f.hear)
		if errors.Is(err, spine.ErrReplaced) {
			f.at, f.live = spine.Position{}, false
		}
		if ctx.Err() == nil {
			l.Log.Debug("what is said of branches is read again", "organization", organization, "error", err)
		}
		pause(ctx)
	}
}

// follower is at a place in the log of an account.
type follower struct {
	Listener

	at spine.Position
	// live says that the end of the log was reached once. Before that nothing is checked: what was found may stand further
	// on than what it was found in.
	live    bool
	waiting map[string]check.Branch
}

func (f *follower) hear(_ context.Context, b spine.Batch) error {
	for _, e := range b.Events {
		switch d := e.Data.(type) {
		case *spinev1.BranchChecked:
			f.Known(resultOf(d))
		case *spinev1.BranchObserved:
			branch, ok := branchOf(d)
			switch {
			case !ok:
			case f.live:
				f.Observed(branch)
			default:
				if f.waiting == nil {
					f.waiting = map[string]check.Branch{}
				}
				k := branch.Environment + "/" + branch.Application
				if was, there := f.waiting[k]; !there || !branch.At.Before(was.At) {
					f.waiting[k] = branch
				}
			}
		}
	}
	f.at = b.End
	if b.Pending == 0 && !f.live {
		for _, branch := range f.waiting {
			f.Observed(branch)
		}
		f.live, f.waiting = true, nil
	}
	return nil
}

func branchOf(b *spinev1.BranchObserved) (check.Branch, bool) {
	organization, envType, err := spine.ParseEnvironment(b.GetEnvironment())
	if err != nil || organization != b.GetOrganization() || b.GetApplication() == "" {
		return check.Branch{}, false
	}
	out := check.Branch{
		Organization: organization, Environment: b.GetEnvironment(), EnvType: envType, Application: b.GetApplication(), Branch: b.GetBranch(),
		SHA: b.GetHead().GetSha(), Present: b.GetPresent(), ByCatalyst: strings.Contains(b.GetHead().GetMessage(), ownTrailer), At: b.GetObservedAt().AsTime(),
	}
	for _, d := range b.GetDependencies() {
		out.Needs = append(out.Needs, d.GetApplication())
	}
	return out, true
}

func resultOf(c *spinev1.BranchChecked) check.Result {
	out := check.Result{
		Organization: c.GetOrganization(), Environment: c.GetEnvironment(), Application: c.GetApplication(), Branch: c.GetBranch(), SHA: c.GetSha(), At: c.GetObservedAt().AsTime(),
	}
	for _, p := range c.GetProblems() {
		out.Problems = append(out.Problems, check.Problem{
			Code: check.Code(p.GetCode()), File: p.GetFile(), Line: int(p.GetLine()), Pointer: p.GetPointer(), Message: p.GetMessage(), Severity: check.Severity(p.GetSeverity()),
		})
	}
	return out
}

// Announcer tells what was found, in the account of the Organization.
type Announcer struct{ Accounts *spine.Accounts }

var _ check.Announcer = Announcer{}

// patience is how long an account may take to store an event.
const patience = 5 * time.Second

// Announce implements check.Announcer. An Organization that has no account has gone, and nobody waits for word of it.
func (a Announcer) Announce(ctx context.Context, r check.Result) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	account, err := a.Accounts.Of(ctx, r.Environment)
	if errors.Is(err, spine.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	return account.Publish(ctx, spine.Event{
		ID:     fmt.Sprintf("check/%s/%s/%s/%d", r.Environment, r.Application, r.SHA, r.At.UnixNano()),
		Source: "/provisioning", Subject: spine.Checked(r.Environment, r.Application), Time: r.At, Data: eventOf(r),
	})
}

func eventOf(r check.Result) *spinev1.BranchChecked {
	out := &spinev1.BranchChecked{
		Organization: r.Organization, Environment: r.Environment, Application: r.Application, Branch: r.Branch, Sha: r.SHA, ObservedAt: timestamppb.New(r.At),
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, &spinev1.Problem{
			Code: string(p.Code), File: clip(p.File, longestName), Line: int32(min(p.Line, 1<<30)), Pointer: clip(p.Pointer, longestName),
			Message: clip(p.Message, longestMessage), Severity: string(p.Severity),
		})
	}
	return out
}

// clip cuts what others wrote, and makes it valid UTF-8.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return s
}

func pause(ctx context.Context) {
	t := time.NewTimer(again)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
