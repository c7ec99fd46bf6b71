package operation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// Planner turns requests into plans. It reads, and changes nothing.
type Planner struct {
	Forge     Forge
	Catalog   Catalog
	Directory Directory
	Records   Records
	Now       func() time.Time
}

// Plan returns the Operation that a request would start, under an id.
func (p *Planner) Plan(ctx context.Context, r Request, id string) (*Operation, error) {
	environments, err := p.Directory.Environments(ctx, r.Organization)
	if err != nil {
		return nil, err
	}
	env, err := find(environments, r)
	if err != nil {
		return nil, err
	}
	plan := Plan{
		Repo: forge.Repo{Organization: r.Organization, Name: r.Application}, Author: r.Person.author(),
		At: p.Now().UTC().Truncate(time.Second),
	}
	o := Operation{
		ID: id, Organization: r.Organization, Environment: r.Environment, Application: r.Application,
		Action: r.Action, Requester: r.Person, Environments: []string{r.Environment},
	}
	names := environmentBranches(environments)
	switch {
	case r.Action == Install:
		err = p.install(ctx, r, env, names, &plan, id)
	case r.Action == Configure:
		err = p.configure(ctx, r, env, &plan)
	case r.Environment != "":
		err = p.uninstallFrom(ctx, r, env, environments, names, &plan)
	default:
		o.Environments, err = p.uninstallAll(ctx, r, environments, names, &plan)
	}
	if err != nil {
		return nil, explain(err)
	}
	plan.Message = withTrailers(plan.Message, id, r.Key)
	return newOperation(o, plan), nil
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

func (p *Planner) install(ctx context.Context, r Request, env Environment, names []string, plan *Plan, id string) error {
	if err := CheckName(r.Application); err != nil {
		return err
	}
	repo, err := look(ctx, p.Forge, plan.Repo, names)
	if err != nil {
		return err
	}
	if repo.exists && len(repo.branches) == 0 && !repo.foreign {
		if plan.Adopt, err = p.abandoned(ctx, repo.description); err != nil {
			return err
		}
	}
	pin, err := repo.free(r.Application, r.Blueprint, env, names, plan.Adopt != "")
	if err != nil {
		return p.suggest(ctx, r, err)
	}
	version := r.Version
	if pin != nil && version == "" {
		version = pin.Version
	}
	bp, err := p.Catalog.Blueprint(ctx, r.Blueprint, version)
	if err != nil {
		return err
	}
	if pin != nil && pin.Version != bp.Version {
		return refuse(CodeVersionRefused, fmt.Sprintf("%s is pinned to version %s of %s where it is installed already. Leave the version out, or upgrade it there first.",
			r.Application, pin.Version, pin.Name))
	}
	app := application(r, env, bp)
	if app.Values, err = settings(bp, r.Values); err != nil {
		return err
	}
	if plan.Create, plan.Write, plan.Commits, err = planInstall(installation{app: app, branch: env.Branch, branches: names, repo: repo}); err != nil {
		return err
	}
	plan.Message = fmt.Sprintf("Install %s (%s %s) into %s", r.Application, bp.Name, bp.Version, env.Name)
	plan.Description = description(app, id)
	plan.Values, plan.Notes = app.Values, notes(env)
	return nil
}

func (p *Planner) configure(ctx context.Context, r Request, env Environment, plan *Plan) error {
	here, err := p.running(ctx, r, env, plan.Repo)
	if err != nil {
		return err
	}
	if r.Head != "" && r.Head != here.head {
		return moved(ctx, p.Forge, &forge.MovedError{Repo: plan.Repo, Branch: env.Branch, Expect: r.Head, Actual: here.head})
	}
	bp, err := p.Catalog.Blueprint(ctx, here.pin.Name, here.pin.Version)
	if err != nil {
		return err
	}
	app := application(r, env, bp)
	if app.Values, err = settings(bp, r.Values); err != nil {
		return err
	}
	path := gitlayout.OverlayValues(env.EnvType, bp.Engine)
	var old []byte
	if slices.Contains(here.files, path) {
		if old, err = p.Forge.File(ctx, plan.Repo, here.head, path); err != nil {
			return err
		}
	}
	edited, err := gitlayout.EditValues(app, old)
	if err != nil {
		return err
	}
	plan.Values, plan.Notes = app.Values, notes(env)
	plan.Message = fmt.Sprintf("Configure %s in %s", r.Application, env.Name)
	if string(edited) != string(old) {
		plan.Write = map[string][]byte{path: edited}
		plan.Commits = []Commit{{Parent: here.head, Refs: []Ref{{env.Branch, here.head}}}}
	}
	return nil
}

// uninstallFrom takes the Application out of one Environment. Where that was the last one, nothing is left to keep the
// repo's content for, and all of it goes.
func (p *Planner) uninstallFrom(ctx context.Context, r Request, env Environment, environments []Environment, names []string, plan *Plan) error {
	here, err := p.running(ctx, r, env, plan.Repo)
	if err != nil {
		return err
	}
	repo, err := look(ctx, p.Forge, plan.Repo, names)
	if err != nil {
		return err
	}
	last := !slices.ContainsFunc(environments, func(e Environment) bool {
		return e.Name != env.Name && repo.branches[e.Branch].runsIn(e.EnvType)
	})
	if last {
		_, err := p.uninstallAll(ctx, r, environments, names, plan)
		return err
	}
	var remove []string
	for _, f := range here.files {
		if strings.HasPrefix(f, gitlayout.OverlayDir(env.EnvType)) {
			remove = append(remove, f)
		}
	}
	plan.Message = fmt.Sprintf("Uninstall %s from %s", r.Application, env.Name)
	plan.Commits = []Commit{{Parent: here.head, Remove: remove, Refs: []Ref{{env.Branch, here.head}}}}
	return nil
}

func (p *Planner) uninstallAll(ctx context.Context, r Request, environments []Environment, names []string, plan *Plan) ([]string, error) {
	if CheckName(r.Application) != nil {
		return nil, notInstalled(r)
	}
	repo, err := look(ctx, p.Forge, plan.Repo, names)
	if err != nil {
		return nil, err
	}
	plan.Write = map[string][]byte{gitlayout.ReadmeFile: gitlayout.Tombstone(r.Application, r.Organization)}
	plan.Message = fmt.Sprintf("Uninstall %s everywhere", r.Application)
	byHead := map[string]int{}
	for _, name := range names {
		b := repo.branches[name]
		if b.pin == nil {
			continue
		}
		i, ok := byHead[b.head]
		if !ok {
			i = len(plan.Commits)
			byHead[b.head] = i
			plan.Commits = append(plan.Commits, Commit{Parent: b.head, Remove: others(b.files, plan.Write)})
		}
		plan.Commits[i].Refs = append(plan.Commits[i].Refs, Ref{name, b.head})
	}
	if len(plan.Commits) == 0 {
		return nil, notInstalled(r)
	}
	var where []string
	for _, e := range environments {
		if repo.branches[e.Branch].runsIn(e.EnvType) {
			where = append(where, e.Name)
		}
	}
	if len(where) == 0 { // it is said somewhere
		for _, e := range environments {
			where = append(where, e.Name)
		}
	}
	return where, nil
}

// running is the Environment's branch of an Application that runs there.
func (p *Planner) running(ctx context.Context, r Request, env Environment, repo forge.Repo) (branch, error) {
	if CheckName(r.Application) != nil {
		return branch{}, notInstalled(r)
	}
	state, err := look(ctx, p.Forge, repo, []string{env.Branch})
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
	if err != nil || o.State != view.OperationFailed {
		return "", err
	}
	return o.ID, nil
}

// suggest puts a free name into a refusal.
func (p *Planner) suggest(ctx context.Context, r Request, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeNameTaken {
		return err
	}
	repos, listErr := p.Forge.Repos(ctx, r.Organization)
	if listErr != nil {
		e.Suggestion = "" // the refusal stands without one
		return err
	}
	names := []string{r.Application}
	for _, repo := range repos {
		names = append(names, repo.Name)
	}
	e.Suggestion = SuggestName(r.Application, names)
	return err
}

func application(r Request, env Environment, bp Blueprint) gitlayout.Application {
	return gitlayout.Application{Name: r.Application, Organization: r.Organization, Environment: env.Name, EnvType: env.EnvType, Blueprint: bp.Blueprint}
}

// settings checks values against the configSchema and fills in its defaults.
func settings(bp Blueprint, values map[string]any) (map[string]any, error) {
	full, wrong := bp.Document.Settings(values)
	if len(wrong) == 0 {
		return full, nil
	}
	e := refuse(CodeInvalidValues, "")
	for _, w := range wrong {
		e.Fields = append(e.Fields, Field{Pointer: "/values" + w.Pointer, Message: w.Message})
	}
	e.Message = fmt.Sprintf("The settings do not fit %s %s: %s %s.", bp.Name, bp.Version, strings.TrimPrefix(wrong[0].Pointer, "/"), wrong[0].Message)
	return nil, e
}

func notes(env Environment) []string {
	if env.Ready {
		return nil
	}
	return []string{strings.TrimSpace(fmt.Sprintf("%s is not ready yet, so it will start there later. %s", env.Name, env.Message))}
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
	switch {
	case errors.Is(err, context.Canceled), CodeOf(err) != "":
		return err
	case errors.Is(err, forge.ErrUnavailable):
		return &Error{Code: CodeForgeUnavailable, Message: "Git does not answer now, so nothing can be planned. Nothing was changed; try again in a moment.", cause: err}
	case errors.Is(err, forge.ErrForbidden):
		return &Error{Code: CodeForgeUnavailable, Message: "Catalyst may not read this Organization's repositories in Git. An administrator of the Sovereign has to look at its credentials.", cause: err}
	default:
		return err
	}
}
