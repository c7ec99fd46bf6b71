package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// install plans an Application and those that it needs, each in a repository of its own. One that runs in another
// Environment is brought here with what it needs there.
func (g *planning) install(ctx context.Context) error {
	if err := CheckName(g.r.Application); err != nil {
		return err
	}
	repo, err := g.inspect(ctx, g.r.Application)
	if err != nil {
		return err
	}
	pin, err := repo.free(g.r.Application, g.r.Blueprint, g.env, g.branches, g.adopt[g.r.Application] != "")
	if err != nil {
		return g.suggest(ctx, err)
	}
	in := g.input(g.r.Blueprint, g.r.Version, g.r.Values)
	c := carriage{names: map[string]bool{}, pins: map[string]string{}}
	if pin != nil {
		if g.r.Version != "" && g.r.Version != pin.Version {
			return refuse(CodeVersionRefused, fmt.Sprintf("%s is pinned to version %s of %s where it is installed already. Leave the version out, or upgrade it there first.",
				g.r.Application, pin.Version, pin.Name))
		}
		in.Version = pin.Version
		b, _ := installation{branch: g.env.Branch, branches: g.branches, repo: repo}.base()
		if b.app != nil {
			g.recorded = b.app.Dependencies
			if err := g.carry(ctx, &in, b.app.Dependencies, "", c); err != nil {
				return err
			}
		}
	}
	tree, err := g.resolve(ctx, in, c)
	if err != nil {
		return err
	}
	for _, n := range tree.Order {
		if err := g.place(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// place plans one new Application of a tree.
func (g *planning) place(ctx context.Context, n *resolve.Node) error {
	app, err := g.application(n)
	if err != nil {
		return err
	}
	repo, err := g.inspect(ctx, n.Application)
	if err != nil {
		return err
	}
	in := installation{app: app, branch: g.env.Branch, branches: g.branches, repo: repo}
	create, drafts, err := planInstall(in)
	if err != nil {
		return err
	}
	if base, ok := in.base(); ok && !sameNeeds(*base.app, app) {
		files, err := open(ctx, g.Forge, g.repo(n.Application), base.head, concerns(base.files, g.env.EnvType))
		if err != nil {
			return err
		}
		changed, err := gitlayout.Upgrade(files, app)
		if err != nil {
			return err
		}
		drafts[0].set(changed)
	}
	subject := fmt.Sprintf("Install %s (%s %s) into %s", n.Application, app.Blueprint.Name, app.Blueprint.Version, g.env.Name)
	if n.Path != "" {
		subject += " for " + g.r.Application
	}
	c := Change{Application: n.Application, Message: subject, Create: create}
	if create {
		c.Description, c.Adopt = description(app, g.op.ID), g.adopt[n.Application]
	}
	g.change(c, drafts...)
	return nil
}

// sameNeeds is true where application.yaml says already what it would say.
func sameNeeds(now gitlayout.Spec, app gitlayout.Application) bool {
	return now.Size == app.Size && now.Pin.Version == app.Blueprint.Version && now.Pin.Digest == app.Blueprint.Digest &&
		slices.EqualFunc(now.Dependencies, app.Dependencies, func(a, b gitlayout.Dependency) bool { return a == b })
}

// suggest puts a free name into a refusal.
func (g *planning) suggest(ctx context.Context, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeNameTaken {
		return err
	}
	repos, listErr := g.Forge.Repos(ctx, g.r.Organization)
	if listErr != nil {
		e.Suggestion = "" // the refusal stands without one
		return err
	}
	names := []string{g.r.Application}
	for _, repo := range repos {
		names = append(names, repo.Name)
	}
	e.Suggestion = SuggestName(g.r.Application, names)
	return err
}

// installation is everything that a plan to install depends on.
type installation struct {
	app      gitlayout.Application
	branch   string // of the Environment
	branches []string
	repo     repository
}

// installed returns the branch of the lowest Environment that holds the Application.
func (r repository) installed(names []string) (branch, bool) {
	for _, n := range names {
		if b, ok := r.branches[n]; ok && b.app != nil {
			return b, true
		}
	}
	return branch{}, false
}

// free tells whether a name may be installed, and from which version it is pinned already.
func (r repository) free(name, blueprint string, env Environment, names []string, adoptable bool) (*gitlayout.Pin, error) {
	switch {
	case !r.exists, len(r.branches) == 0 && !r.foreign && adoptable:
		return nil, nil //nolint:nilnil // no pin is a good answer
	case r.foreign, len(r.branches) == 0:
		return nil, taken(name, "There is a repository of that name which is no Application.")
	}
	for _, n := range names {
		b, ok := r.branches[n]
		switch {
		case !ok, b.tombstone:
		case b.app == nil:
			return nil, taken(name, "There is a repository of that name which is no Application: its branch "+n+" holds no "+gitlayout.ApplicationFile+".")
		case b.broken != nil:
			return nil, taken(name, "There is an Application of that name which cannot be read: on the branch "+n+" "+b.broken.Error()+".")
		case b.app.Pin.Name != blueprint:
			return nil, taken(name, "There is an Application of that name, from the Blueprint "+b.app.Pin.Name+".")
		}
	}
	if r.branches[env.Branch].runsIn(env.EnvType) {
		return nil, taken(name, name+" is installed in "+env.Name+" already. Change its settings instead.")
	}
	if b := r.branches[env.Branch]; b.app != nil {
		return &b.app.Pin, nil
	}
	if b, ok := r.installed(names); ok {
		return &b.app.Pin, nil
	}
	return nil, nil //nolint:nilnil // no pin is a good answer
}

func taken(name, why string) *Error {
	return &Error{Code: CodeNameTaken, Message: why, Fields: []Field{{Pointer: "/name", Message: why}}, Suggestion: name}
}

// base is the branch whose content an overlay is added to; ok is false where all files are written anew.
func (in installation) base() (branch, bool) {
	here := in.repo.branches[in.branch]
	if here.app != nil {
		return here, true
	}
	other, elsewhere := in.repo.installed(in.branches)
	return other, elsewhere && here.head == ""
}

// draft is the files of one commit on some branches.
type draft struct {
	parent string
	write  map[string][]byte
	remove []string
	refs   []Ref
}

// planInstall decides the files and the branches.
func planInstall(in installation) (create bool, drafts []draft, err error) {
	here, there := in.repo.branches[in.branch], in.repo.branches
	_, elsewhere := in.repo.installed(in.branches)
	if base, ok := in.base(); ok { // one more Environment on a branch that has it, or the first on a branch of its own
		write, err := gitlayout.Overlay(in.app)
		return false, []draft{{parent: base.head, write: write, refs: []Ref{{in.branch, here.head}}}}, err
	}
	write, err := gitlayout.Files(in.app)
	switch {
	case err != nil:
		return false, nil, err
	case elsewhere: // back on the branch that it was removed from
		return false, []draft{{parent: here.head, write: write, remove: others(here.files, write), refs: []Ref{{in.branch, here.head}}}}, nil
	case len(there) > 0: // back after it was removed everywhere
		return false, revive(in, write), nil
	}
	d := draft{write: write}
	for _, name := range in.newBranches() {
		d.refs = append(d.refs, Ref{Branch: name})
	}
	return true, []draft{d}, nil
}

// newBranches are those that an Application begins with.
func (in installation) newBranches() []string {
	if slices.Contains(defaultBranches, in.branch) {
		return defaultBranches
	}
	return append(slices.Clone(defaultBranches), in.branch)
}

func revive(in installation, write map[string][]byte) []draft {
	var drafts []draft
	byHead := map[string]int{}
	var missing []Ref
	for _, name := range in.branches {
		b, ok := in.repo.branches[name]
		if !ok {
			if slices.Contains(in.newBranches(), name) {
				missing = append(missing, Ref{Branch: name})
			}
			continue
		}
		i, ok := byHead[b.head]
		if !ok {
			i = len(drafts)
			byHead[b.head] = i
			drafts = append(drafts, draft{parent: b.head, write: write, remove: others(b.files, write)})
		}
		drafts[i].refs = append(drafts[i].refs, Ref{name, b.head})
	}
	drafts[0].refs = append(drafts[0].refs, missing...)
	return drafts
}

// others are the files that a commit of the files in write would leave behind.
func others(files []string, write map[string][]byte) []string {
	var out []string
	for _, f := range files {
		if _, ok := write[f]; !ok {
			out = append(out, f)
		}
	}
	return out
}

func marker(id string) string { return "Catalyst-Operation: " + id }

func description(app gitlayout.Application, id string) string {
	return fmt.Sprintf("Application %s of %s, from %s (%s)", app.Name, app.Organization, app.Blueprint.Name, marker(id))
}
