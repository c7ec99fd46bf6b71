package operation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// Planner turns requests into plans. It reads, and changes nothing.
type Planner struct {
	Forge     Forge
	Catalog   Catalog
	Directory Directory
	Records   Records
	// Previewer tells what a plan does to the cluster; without one a plan says that nobody looked.
	Previewer manifest.Previewer
	Now       func() time.Time
}

// Planned is what a request would start, and what people see of it.
type Planned struct {
	Operation *Operation
	Proposal  Proposal
}

// planning is one plan in the making. It remembers what it has read.
type planning struct {
	*Planner
	r            Request
	env          Environment // none where it is about all of them
	environments []Environment
	branches     []string

	repos     map[string]repository
	adopt     map[string]string
	versions  map[string][]Version
	installed map[string][]resolve.Installed // by Environment
	recorded  []gitlayout.Dependency         // what the Application has now

	op       Operation
	proposal Proposal
	show     bool
}

// Plan returns the Operation that a request would start, under an id. To be shown it is illustrated with what it changes
// in the files and in the cluster.
func (p *Planner) Plan(ctx context.Context, r Request, id string, show bool) (*Planned, error) {
	environments, err := p.Directory.Environments(ctx, r.Organization)
	if err != nil {
		return nil, err
	}
	env, err := find(environments, r)
	if err != nil {
		return nil, err
	}
	g := &planning{
		Planner: p, r: r, env: env, environments: environments, branches: environmentBranches(environments), show: show,
		repos: map[string]repository{}, adopt: map[string]string{}, versions: map[string][]Version{}, installed: map[string][]resolve.Installed{},
		op: Operation{ID: id, Organization: r.Organization, Environment: r.Environment, Application: r.Application, Action: r.Action, Requester: r.Person,
			Environments: []string{r.Environment}, Request: &r, Plan: Plan{Author: r.Person.author(), At: p.Now().UTC().Truncate(time.Second)}},
	}
	if err := g.plan(ctx); err != nil {
		return nil, explain(err)
	}
	if show {
		if err := g.illustrate(ctx); err != nil {
			return nil, explain(err)
		}
	}
	g.op.ready()
	g.proposal.Action, g.proposal.Environment = g.op.Action, r.Environment
	return &Planned{Operation: &g.op, Proposal: g.proposal}, nil
}

func (g *planning) plan(ctx context.Context) error {
	switch g.r.Action {
	case Install:
		return g.install(ctx)
	case Configure:
		return g.configure(ctx)
	case Upgrade, Downgrade:
		return g.upgrade(ctx)
	case Rollback:
		return g.rollback(ctx)
	case Pause, Resume:
		return g.pause(ctx)
	case Uninstall:
		return g.uninstall(ctx)
	}
	return refuse(CodeInvalidRequest, fmt.Sprintf("There is no action %q.", g.r.Action))
}

func find(environments []Environment, r Request) (Environment, error) {
	if r.Environment == "" && r.Action == Uninstall {
		return Environment{}, nil
	}
	i := slices.IndexFunc(environments, func(e Environment) bool { return e.Name == r.Environment })
	if i < 0 {
		names := make([]string, 0, len(environments))
		for _, e := range environments {
			names = append(names, e.Name)
		}
		detail := fmt.Sprintf("%s has no Environment %q.", r.Organization, r.Environment)
		if len(names) > 0 {
			detail += " There are: " + strings.Join(names, ", ") + "."
		}
		return Environment{}, refuse(CodeEnvironmentNotFound, detail)
	}
	return environments[i], nil
}

// repo is the repository of an Application.
func (g *planning) repo(application string) forge.Repo {
	return forge.Repo{Organization: g.r.Organization, Name: application}
}

// change adds what happens to one repository; nothing if nothing does.
func (g *planning) change(c Change, drafts ...draft) {
	if len(drafts) == 0 {
		return
	}
	c.Repo, c.Message = g.repo(c.Application), withTrailers(c.Message, g.op.ID, g.r.Key)
	for _, d := range drafts {
		c.Commits = append(c.Commits, Commit{Parent: d.parent, Write: g.op.Plan.Contents.add(d.write), Remove: d.remove, Refs: d.refs})
	}
	g.op.Plan.Changes = append(g.op.Plan.Changes, c)
}

// edit is a commit on the Environment's branch. Nil stands for a file that goes.
func (g *planning) edit(c Change, here branch, changed map[string][]byte) {
	d := draft{parent: here.head, write: map[string][]byte{}, refs: []Ref{{g.env.Branch, here.head}}}
	d.set(changed)
	if len(d.write)+len(d.remove) > 0 {
		g.change(c, d)
	}
}

// set takes changed files into a commit.
func (d *draft) set(changed map[string][]byte) {
	for path, b := range changed {
		if b == nil {
			d.remove = append(d.remove, path)
			continue
		}
		d.write[path] = b
	}
	slices.Sort(d.remove)
}

func (g *planning) warn(format string, args ...any) {
	if s := strings.TrimSpace(fmt.Sprintf(format, args...)); s != "" && !slices.Contains(g.proposal.Warnings, s) {
		g.proposal.Warnings = append(g.proposal.Warnings, s)
	}
}

// inspect reads the state of a repository, once.
func (g *planning) inspect(ctx context.Context, application string) (repository, error) {
	if r, ok := g.repos[application]; ok {
		return r, nil
	}
	r, err := look(ctx, g.Forge, g.repo(application), g.branches)
	if err != nil {
		return r, err
	}
	if r.exists && len(r.branches) == 0 && !r.foreign {
		if g.adopt[application], err = g.abandoned(ctx, r.description); err != nil {
			return r, err
		}
	}
	g.repos[application] = r
	return r, nil
}

// running is the Environment's branch of an Application that runs there.
func (p *Planner) running(ctx context.Context, r Request, env Environment) (branch, error) {
	if !wellFormed(r.Application) {
		return branch{}, notInstalled(r)
	}
	state, err := look(ctx, p.Forge, forge.Repo{Organization: r.Organization, Name: r.Application}, []string{env.Branch})
	if err != nil {
		return branch{}, err
	}
	here := state.branches[env.Branch]
	if !here.runsIn(env.EnvType) {
		return branch{}, notInstalled(r)
	}
	if here.broken != nil {
		return branch{}, refuse(CodeInvalidRequest, fmt.Sprintf("%s cannot be changed by a form: on the branch %s %s. Mend it in Git.", r.Application, env.Branch, here.broken))
	}
	return here, nil
}

func notInstalled(r Request) *Error {
	where := r.Environment
	if where == "" {
		where = r.Organization
	}
	return refuse(CodeApplicationNotFound, fmt.Sprintf("There is no Application %q in %s.", r.Application, where))
}

var operationID = regexp.MustCompile(`Catalyst-Operation: (op-[a-z2-7]{20})\b`)

// abandoned returns the Operation that made a repository and failed before it wrote to it.
func (p *Planner) abandoned(ctx context.Context, description string) (string, error) {
	m := operationID.FindStringSubmatch(description)
	if m == nil {
		return "", nil
	}
	o, err := p.Records.Get(ctx, m[1])
	if errors.Is(err, ErrNoRecord) {
		return "", nil
	}
	if err != nil || o.State != view.OperationFailed && o.State != view.OperationCancelled {
		return "", err
	}
	return o.ID, nil
}

func withTrailers(message, id, key string) string {
	message += "\n\n" + marker(id) + "\n"
	if key != "" {
		message += "Catalyst-Request: " + key + "\n"
	}
	return message
}

// explain turns an error of the forge into one for people.
func explain(err error) error {
	var hand *gitlayout.NotEditableError
	switch {
	case errors.Is(err, context.Canceled), CodeOf(err) != "":
		return err
	case errors.As(err, &hand):
		return &Error{Code: CodeInvalidRequest, Message: "What people wrote in Git cannot be edited by a form: " + hand.Error() + ".", cause: err}
	case errors.Is(err, forge.ErrUnavailable):
		return &Error{Code: CodeForgeUnavailable, Message: "Git does not answer now, so nothing can be planned. Nothing was changed; try again in a moment.", cause: err}
	case errors.Is(err, forge.ErrForbidden):
		return &Error{Code: CodeForgeUnavailable, Message: "Catalyst may not read this Organization's repositories in Git. An administrator of the Sovereign has to look at its credentials.", cause: err}
	default:
		return err
	}
}
