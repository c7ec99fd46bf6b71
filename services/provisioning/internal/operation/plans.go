package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
)

// Shelf keeps InstallPlans for a while.
type Shelf interface {
	// Put stores a new one, or returns ErrConflict if there is one of its id.
	Put(ctx context.Context, p *InstallPlan) error
	// Take returns one, or ErrNoRecord.
	Take(ctx context.Context, id string) (*InstallPlan, error)
}

// Plans makes InstallPlans and has them carried out.
type Plans struct {
	Service *Service
	Shelf   Shelf
}

// Make plans a request and keeps the plan. A request that repeats an Idempotency-Key gets the first plan.
func (p *Plans) Make(ctx context.Context, r Request) (*InstallPlan, error) {
	if err := checkKey(r.Key); err != nil {
		return nil, err
	}
	print, err := r.fingerprint()
	if err != nil {
		return nil, err
	}
	plan := &InstallPlan{ID: r.planID(), Fingerprint: print, Request: r}
	if r.Key != "" {
		if first, err := p.first(ctx, plan); first != nil || err != nil {
			return first, err
		}
	}
	planned, err := p.Service.Planner.Plan(ctx, r, operationOf(plan.ID), true)
	if err != nil {
		return nil, err
	}
	plan.Operation, plan.Proposal = *planned.Operation, planned.Proposal
	plan.Operation.Fingerprint, plan.Operation.PlanID = print, plan.ID
	plan.CreatedAt = p.Service.Planner.Now().UTC().Truncate(time.Second)
	plan.ExpiresAt = plan.CreatedAt.Add(lifetime)
	if err := plan.fit(); err != nil {
		return nil, err
	}
	if err := p.Shelf.Put(ctx, plan); errors.Is(err, ErrConflict) {
		return p.first(ctx, plan)
	} else if err != nil {
		return nil, fmt.Errorf("keep %s: %w", plan.ID, err)
	}
	return plan, nil
}

// operationOf is the id of the Operation that a plan becomes, so that it becomes one only.
func operationOf(plan string) string { return derive("op-", "plan", plan) }

func (p *Plans) first(ctx context.Context, plan *InstallPlan) (*InstallPlan, error) {
	first, err := p.Shelf.Take(ctx, plan.ID)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil //nolint:nilnil // none is a good answer
	}
	if err != nil {
		return nil, err
	}
	if first.Fingerprint != plan.Fingerprint {
		return nil, refuse(CodeKeyReused, "This Idempotency-Key was used for another request, which became "+first.ID+". Use a new key for a new request.")
	}
	return first, nil
}

// fit leaves out what a plan can be carried out without, if it is too large to keep.
func (p *InstallPlan) fit() error {
	for _, leaveOut := range []func(){func() {}, p.withoutDiffs, func() { p.Proposal.Diffs = nil }} {
		leaveOut()
		b, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if len(b) <= maxRecord {
			return nil
		}
	}
	return &Error{Code: CodePlanTooLarge, Message: fmt.Sprintf("This changes %d Applications, which is more than one InstallPlan can hold.", len(p.Operation.Plan.Changes)),
		Hint: "Install some of the dependencies first, one by one, then choose them as existing ones."}
}

func (p *InstallPlan) withoutDiffs() {
	for i := range p.Proposal.Manifests {
		m := &p.Proposal.Manifests[i]
		for j := range m.Changes {
			m.Changes[j].Diff, m.Changes[j].Drift = "", ""
		}
		m.Incomplete = strings.TrimSpace("The differences are too large to be kept. " + m.Incomplete)
	}
}

// Get returns a plan of an Organization.
func (p *Plans) Get(ctx context.Context, organization, id string) (*InstallPlan, error) {
	plan, err := p.Shelf.Take(ctx, id)
	if errors.Is(err, ErrNoRecord) || err == nil && plan.Request.Organization != organization {
		return nil, refuse(CodePlanNotFound, fmt.Sprintf("There is no InstallPlan %q in %s. Plan again.", id, organization))
	}
	return plan, err
}

// Apply carries out exactly what a plan shows. Asked again it answers with the same Operation.
func (p *Plans) Apply(ctx context.Context, plan *InstallPlan, by Person) (*Operation, error) {
	o := plan.Operation
	if begun, err := p.Service.Records.Get(ctx, o.ID); !errors.Is(err, ErrNoRecord) {
		return begun, err
	}
	now := p.Service.Planner.Now()
	if now.After(plan.ExpiresAt) {
		return nil, &Error{Code: CodePlanExpired, Hint: "Plan again.",
			Message: fmt.Sprintf("This InstallPlan expired at %s. Nothing was changed; plan again.", plan.ExpiresAt.Format(time.RFC3339))}
	}
	for _, c := range o.Plan.Changes {
		if err := p.unmoved(ctx, c); err != nil {
			return nil, explain(err)
		}
	}
	o.Requester, o.Plan.Author, o.Plan.At = by, by.author(), now.UTC().Truncate(time.Second)
	o.ready()
	return p.Service.accept(ctx, &o)
}

// unmoved refuses a change whose repository is not what it was when it was planned.
func (p *Plans) unmoved(ctx context.Context, c Change) error {
	f := p.Service.Planner.Forge
	heads, err := f.Branches(ctx, c.Repo)
	switch {
	case errors.Is(err, forge.ErrNotFound) && c.Create:
		return nil
	case errors.Is(err, forge.ErrNotFound):
		return refuse(CodeApplicationNotFound, "The repository "+c.Repo.String()+" is gone. Plan again.")
	case err != nil:
		return err
	case c.Create && c.Adopt == "":
		return taken(c.Application, "Somebody else took the name "+c.Application+" in the meantime. Plan again under another name.")
	}
	for _, commit := range c.Commits {
		for _, r := range commit.Refs {
			if heads[r.Branch] != r.Expect {
				return moved(ctx, f, &forge.MovedError{Repo: c.Repo, Branch: r.Branch, Expect: r.Expect, Actual: heads[r.Branch]})
			}
		}
	}
	return nil
}

// DiffKey names the difference of one file of a plan.
func DiffKey(repo forge.Repo, commit int, path string) string {
	return fmt.Sprintf("%s %d %s", repo.Name, commit, path)
}
