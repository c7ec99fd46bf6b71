package rest

import (
	"context"
	"time"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/services/provisioning/internal/manifest"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// Choices are ways to satisfy dependencies, by their path in the tree: aliases joined by a slash.
type Choices map[string]Choice

// Choice is how one dependency is satisfied.
type Choice struct {
	Use         string `json:"use" enum:"new,existing"`
	Application string `json:"application,omitempty" maxLength:"253" doc:"with existing: the one to use"`
	Name        string `json:"name,omitempty" maxLength:"253" doc:"with new: how it is called; a name is made up if empty"`
}

func (c Choices) domain() map[string]operation.Choice {
	if len(c) == 0 {
		return nil
	}
	out := make(map[string]operation.Choice, len(c))
	for path, choice := range c {
		name := choice.Application
		if choice.Use == "new" {
			name = choice.Name
		}
		out[path] = operation.Choice{Use: choice.Use, Application: name}
	}
	return out
}

// PlanRequest is a change to plan.
type PlanRequest struct {
	Action           string         `json:"action,omitempty" enum:"install,configure,upgrade,downgrade,rollback,pause,resume,uninstall" default:"install"`
	Environment      string         `json:"environment,omitempty" maxLength:"253" doc:"may be empty with uninstall, which means everywhere" example:"acme-dev"`
	Application      string         `json:"application" maxLength:"1000" example:"shop"`
	Blueprint        string         `json:"blueprint,omitempty" maxLength:"63" doc:"with install" example:"bp-podinfo"`
	Version          string         `json:"version,omitempty" maxLength:"128" doc:"with install and upgrade; with install the newest that can be installed if empty"`
	Size             string         `json:"size,omitempty" maxLength:"63" doc:"one of the Blueprint's ready-made sets of settings"`
	Values           map[string]any `json:"values,omitempty" doc:"with install, configure and upgrade: settings, as the configSchema describes them"`
	Choices          Choices        `json:"choices,omitempty" doc:"how dependencies are satisfied, by their path in the tree"`
	Commit           string         `json:"commit,omitempty" maxLength:"40" doc:"with rollback: an earlier commit of the Environment's branch"`
	WithDependencies bool           `json:"withDependencies,omitempty" doc:"with uninstall: also what was installed for this Application alone, with its data"`
}

// InstallPlan is what a change would do. It can be carried out as it is until it expires, or until somebody changes what
// it was planned on.
type InstallPlan struct {
	ID          string             `json:"id" example:"plan-k3m5tq7x2a4b6c8d2e4f"`
	ExpiresAt   time.Time          `json:"expiresAt"`
	Action      operation.Action   `json:"action" enum:"install,configure,upgrade,downgrade,rollback,pause,resume,uninstall"`
	Application string             `json:"application"`
	Environment string             `json:"environment" doc:"empty where it is about all of them"`
	Version     string             `json:"version,omitempty" doc:"of the Blueprint, after the change"`
	Size        string             `json:"size,omitempty"`
	Values      map[string]any     `json:"values" doc:"the settings after the change, with their defaults"`
	Tree        *PlanNode          `json:"tree,omitempty" doc:"what the Application needs; absent where the change does not touch that"`
	Changes     []PlannedChange    `json:"changes" nullable:"false" doc:"one a repository, those that others need first; empty where Git says it already"`
	Manifests   []PlannedManifests `json:"manifests" nullable:"false" doc:"what happens to the objects in the cluster"`
	Affected    []Affected         `json:"affected" nullable:"false" doc:"Applications that it touches without changing their repository"`
	Warnings    []string           `json:"warnings" nullable:"false"`
}

// PlanNode is one Application in the tree of dependencies.
type PlanNode struct {
	Path        string         `json:"path" doc:"aliases joined by a slash; empty for the Application itself" example:"db/backup"`
	Alias       string         `json:"alias" doc:"the name by which the Blueprint above knows it; empty for the Application itself"`
	Application string         `json:"application" doc:"its name; empty where it is off"`
	Use         string         `json:"use" enum:"new,existing,shared,off"`
	Blueprint   string         `json:"blueprint"`
	Version     string         `json:"version,omitempty"`
	Range       string         `json:"range,omitempty" doc:"the versions that the Blueprint above allows"`
	Size        string         `json:"size,omitempty"`
	Values      map[string]any `json:"values,omitempty" doc:"its settings, with their defaults and what the Blueprint above passes down"`
	Reason      string         `json:"reason,omitempty" doc:"why this, or why it is off"`
	SharedWith  string         `json:"sharedWith,omitempty" doc:"path of the one that satisfies it too"`
	Offers      []Offer        `json:"offers" nullable:"false" doc:"Applications of the Environment that could satisfy it"`
	Depends     []PlanNode     `json:"depends" nullable:"false"`
}

// Offer is an Application that is there and may satisfy a dependency.
type Offer struct {
	Application string `json:"application"`
	Version     string `json:"version"`
	Phase       string `json:"phase"`
	Fits        bool   `json:"fits"`
	Reason      string `json:"reason,omitempty" doc:"why it does not fit"`
}

// PlannedChange is what would be done to one repository.
type PlannedChange struct {
	Application string          `json:"application"`
	Repository  string          `json:"repository" example:"acme/shop"`
	Create      bool            `json:"create" doc:"the repository is made first"`
	Commits     []PlannedCommit `json:"commits" nullable:"false"`
}

// PlannedCommit is one commit that would be made.
type PlannedCommit struct {
	Branches []string      `json:"branches" nullable:"false"`
	Message  string        `json:"message"`
	Files    []PlannedFile `json:"files" nullable:"false"`
	Removed  []string      `json:"removed" nullable:"false" doc:"files that would be deleted"`
}

// PlannedFile is one file as it would be.
type PlannedFile struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	Diff    string `json:"diff,omitempty" doc:"against what the branch holds now; absent for a new file"`
}

// PlannedManifests is what would happen to the objects of one Application.
type PlannedManifests struct {
	Application string           `json:"application"`
	Changes     []ManifestChange `json:"changes" nullable:"false"`
	Incomplete  string           `json:"incomplete,omitempty" doc:"why not everything could be seen"`
}

// ManifestChange is what would happen to one object.
type ManifestChange struct {
	Kind       string          `json:"kind"`
	APIVersion string          `json:"apiVersion"`
	Namespace  string          `json:"namespace,omitempty"`
	Name       string          `json:"name"`
	Action     manifest.Action `json:"action" enum:"create,update,delete,none"`
	Diff       string          `json:"diff,omitempty" doc:"unified, in YAML"`
	Drift      string          `json:"drift,omitempty" doc:"how what runs differs from what Git says now"`
	Problem    string          `json:"problem,omitempty" doc:"what the API server has against it"`
}

// Affected is an Application that a change touches without writing to its repository.
type Affected struct {
	Application string `json:"application"`
	Environment string `json:"environment"`
	Why         string `json:"why"`
}

type planInput struct {
	Org  string `path:"org" maxLength:"253"`
	Key  string `header:"Idempotency-Key" doc:"a repetition with the same key returns the first InstallPlan"`
	Body PlanRequest
}

type planOutput struct {
	Location string `header:"Location"`
	Body     InstallPlan
}

func (a *API) createPlan(ctx context.Context, in *planInput) (*planOutput, error) {
	p, err := authorize(ctx, in.Org, in.Body.Environment, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	b := in.Body
	plan, err := a.plans.Make(ctx, operation.Request{
		Action: operation.Action(b.Action), Organization: in.Org, Environment: b.Environment, Application: b.Application, Blueprint: b.Blueprint,
		Version: b.Version, Size: b.Size, Values: b.Values, Choices: b.Choices.domain(), Commit: b.Commit, WithDependencies: b.WithDependencies,
		Person: p, Key: in.Key,
	})
	if err != nil {
		return nil, problem(ctx, err)
	}
	return &planOutput{Location: "/api/v1/organizations/" + in.Org + "/install-plans/" + plan.ID, Body: show(plan)}, nil
}

// PlanPath names an InstallPlan.
type PlanPath struct {
	Org  string `path:"org" maxLength:"253"`
	Plan string `path:"plan" maxLength:"64"`
}

// find returns a plan that the person may carry out, and who asks.
func (a *API) find(ctx context.Context, in PlanPath) (*operation.InstallPlan, operation.Person, error) {
	if _, err := authorize(ctx, in.Org, "", identity.PermSeeOrganization); err != nil {
		return nil, operation.Person{}, err
	}
	plan, err := a.plans.Get(ctx, in.Org, in.Plan)
	if err != nil {
		return nil, operation.Person{}, problem(ctx, err)
	}
	p, err := authorize(ctx, in.Org, plan.Request.Environment, identity.PermWriteApplication)
	return plan, p, err
}

type getPlanOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         InstallPlan
}

func (a *API) getPlan(ctx context.Context, in *PlanPath) (*getPlanOutput, error) {
	plan, _, err := a.find(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &getPlanOutput{CacheControl: "private, no-cache", Body: show(plan)}, nil
}

type applyInput struct {
	PlanPath
	Key string `header:"Idempotency-Key" doc:"accepted and not needed: a plan becomes one Operation, however often it is asked for"`
}

func (a *API) applyPlan(ctx context.Context, in *applyInput) (*operationOutput, error) {
	plan, p, err := a.find(ctx, in.PlanPath)
	if err != nil {
		return nil, err
	}
	o, err := a.plans.Apply(ctx, plan, p)
	return answer(ctx, o, err)
}

// show is an InstallPlan as people read it.
func show(p *operation.InstallPlan) InstallPlan {
	out := InstallPlan{
		ID: p.ID, ExpiresAt: p.ExpiresAt, Action: p.Proposal.Action, Application: p.Request.Application, Environment: p.Request.Environment,
		Version: p.Proposal.Version, Size: p.Proposal.Size, Values: p.Proposal.Values, Changes: []PlannedChange{},
		Manifests: []PlannedManifests{}, Affected: []Affected{}, Warnings: append([]string{}, p.Proposal.Warnings...),
	}
	if p.Proposal.Tree != nil {
		tree := node(*p.Proposal.Tree)
		out.Tree = &tree
	}
	for _, c := range p.Operation.Plan.Changes {
		if len(c.Commits) > 0 {
			out.Changes = append(out.Changes, change(p, c))
		}
	}
	for _, m := range p.Proposal.Manifests {
		planned := PlannedManifests{Application: m.Application, Changes: []ManifestChange{}, Incomplete: m.Incomplete}
		for _, c := range m.Changes {
			planned.Changes = append(planned.Changes, ManifestChange(c))
		}
		out.Manifests = append(out.Manifests, planned)
	}
	for _, a := range p.Proposal.Affected {
		out.Affected = append(out.Affected, Affected(a))
	}
	return out
}

func change(p *operation.InstallPlan, c operation.Change) PlannedChange {
	out := PlannedChange{Application: c.Application, Repository: c.Repo.String(), Create: c.Create, Commits: []PlannedCommit{}}
	for i, commit := range c.Commits {
		planned := PlannedCommit{Branches: []string{}, Message: c.Message, Files: []PlannedFile{}, Removed: append([]string{}, commit.Remove...)}
		for _, ref := range commit.Refs {
			planned.Branches = append(planned.Branches, ref.Branch)
		}
		files := p.Operation.Plan.Files(commit)
		for _, path := range commit.Paths() {
			planned.Files = append(planned.Files, PlannedFile{Path: path, Content: string(files[path]),
				Diff: p.Proposal.Diffs[operation.DiffKey(c.Repo, i, path)]})
		}
		out.Commits = append(out.Commits, planned)
	}
	return out
}

func node(n operation.Node) PlanNode {
	out := PlanNode{
		Path: n.Path, Alias: n.Alias, Application: n.Application, Use: n.Use, Blueprint: n.Blueprint, Version: n.Version, Range: n.Range, Size: n.Size,
		Values: n.Values, Reason: n.Reason, SharedWith: n.SharedWith, Offers: []Offer{}, Depends: []PlanNode{},
	}
	for _, o := range n.Offers {
		out.Offers = append(out.Offers, Offer(o))
	}
	for _, d := range n.Depends {
		out.Depends = append(out.Depends, node(d))
	}
	return out
}
