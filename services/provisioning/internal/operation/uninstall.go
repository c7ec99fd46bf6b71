package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// removal is what one Application is taken out of.
type removal struct {
	application string
	repo        repository
	from        []Environment
}

// uninstall takes an Application out of one Environment, or out of all. What was installed for it alone stays, with its
// data, unless the person asks for that too.
func (g *planning) uninstall(ctx context.Context) error {
	if !wellFormed(g.r.Application) {
		return notInstalled(g.r)
	}
	if g.r.Environment != "" { // says it better if its application.yaml cannot be read
		if _, err := g.running(ctx, g.r, g.env); err != nil {
			return err
		}
	}
	repo, err := g.inspect(ctx, g.r.Application)
	if err != nil {
		return err
	}
	from := []Environment{g.env}
	if g.r.Environment == "" {
		if from = g.runs(repo); len(from) == 0 && !slices.ContainsFunc(g.branches, func(b string) bool { return repo.branches[b].app != nil }) {
			return notInstalled(g.r)
		}
		g.op.Environments = g.places(from)
	}
	gone := []removal{{g.r.Application, repo, from}}
	if err := g.free(ctx, gone[0], gone); err != nil {
		return err
	}
	for i := 0; i < len(gone); i++ { // it grows by what each of them owns
		if gone, err = g.owned(ctx, gone, gone[i]); err != nil {
			return err
		}
	}
	for _, r := range gone {
		if err := g.remove(r); err != nil {
			return err
		}
	}
	return nil
}

// runs are the Environments in which an Application runs.
func (g *planning) runs(repo repository) []Environment {
	var out []Environment
	for _, e := range g.environments {
		if repo.branches[e.Branch].runsIn(e.EnvType) {
			out = append(out, e)
		}
	}
	return out
}

// places are the names of Environments; it has to be said somewhere, so all of them stand for none.
func (g *planning) places(where []Environment) []string {
	if len(where) == 0 {
		where = g.environments
	}
	var out []string
	for _, e := range where {
		out = append(out, e.Name)
	}
	return out
}

// dependents are the Applications of an Environment that need one, without those that go too.
func (g *planning) dependents(ctx context.Context, application string, env Environment, gone []removal) ([]string, error) {
	all, err := g.applications(ctx, env.Name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range all {
		if i.Application != application && slices.Contains(i.DependsOn, application) && !goes(gone, i.Application, env) {
			out = append(out, i.Application)
		}
	}
	return out, nil
}

func goes(gone []removal, application string, env Environment) bool {
	return slices.ContainsFunc(gone, func(r removal) bool {
		return r.application == application && slices.ContainsFunc(r.from, func(e Environment) bool { return e.Name == env.Name })
	})
}

// free refuses to take away what others need.
func (g *planning) free(ctx context.Context, r removal, gone []removal) error {
	for _, env := range r.from {
		needed, err := g.dependents(ctx, r.application, env, gone)
		if err != nil {
			return err
		}
		if len(needed) > 0 {
			verb := "needs"
			if len(needed) > 1 {
				verb = "need"
			}
			return &Error{Code: CodeInUse, Dependents: needed, Hint: "Uninstall " + and(needed) + " first, or give what needs it another one.",
				Message: fmt.Sprintf("%s cannot be uninstalled from %s: %s %s it. Nothing was changed.", r.application, env.Name, and(needed), verb)}
		}
	}
	return nil
}

// owned adds what was installed for one Application alone and may go with it, and names what stays.
func (g *planning) owned(ctx context.Context, gone []removal, r removal) ([]removal, error) {
	for _, env := range r.from {
		app := r.repo.branches[env.Branch].app
		if app == nil {
			continue
		}
		for _, d := range app.Dependencies {
			if !d.Owned || !wellFormed(d.Application) || goes(gone, d.Application, env) {
				continue
			}
			repo, err := g.inspect(ctx, d.Application)
			if err != nil {
				return nil, err
			}
			if b := repo.branches[env.Branch]; !b.runsIn(env.EnvType) || b.broken != nil {
				continue
			}
			needed, err := g.dependents(ctx, d.Application, env, gone)
			switch {
			case err != nil:
				return nil, err
			case len(needed) > 0:
				g.affect(d.Application, env.Name, "was installed for "+r.application+"; it stays because "+and(needed)+" needs it too")
			case !g.r.WithDependencies:
				g.affect(d.Application, env.Name, "was installed for "+r.application+"; it stays, with its data")
				g.warn("%s in %s was installed for %s. It stays, with its data; ask for the dependencies too to uninstall it.", d.Application, env.Name, r.application)
			default:
				gone = add(gone, removal{d.Application, repo, []Environment{env}})
			}
		}
	}
	return gone, nil
}

func add(gone []removal, r removal) []removal {
	i := slices.IndexFunc(gone, func(g removal) bool { return g.application == r.application })
	if i < 0 {
		return append(gone, r)
	}
	gone[i].from = append(gone[i].from, r.from...)
	return gone
}

func (g *planning) affect(application, environment, why string) {
	g.proposal.Affected = append(g.proposal.Affected, Affected{application, environment, why})
}

// remove plans the end of one Application in some Environments. Where these were the last, nothing is left to keep the
// repository's content for, and all of it goes.
func (g *planning) remove(r removal) error {
	stays := slices.ContainsFunc(g.runs(r.repo), func(e Environment) bool { return !goes([]removal{r}, r.application, e) })
	everywhere := r.application == g.r.Application && g.r.Environment == ""
	if everywhere || !stays {
		g.change(Change{Application: r.application, Message: fmt.Sprintf("Uninstall %s everywhere", r.application)}, g.tombstones(r)...)
		return nil
	}
	var drafts []draft
	for _, env := range r.from {
		b := r.repo.branches[env.Branch]
		d := draft{parent: b.head, refs: []Ref{{env.Branch, b.head}}}
		for _, f := range b.files {
			if strings.HasPrefix(f, gitlayout.OverlayDir(env.EnvType)) {
				d.remove = append(d.remove, f)
			}
		}
		drafts = append(drafts, d)
	}
	where := and(g.places(r.from))
	g.change(Change{Application: r.application, Message: fmt.Sprintf("Uninstall %s from %s", r.application, where)}, drafts...)
	return nil
}

func (g *planning) tombstones(r removal) []draft {
	write := map[string][]byte{gitlayout.ReadmeFile: gitlayout.Tombstone(r.application, g.r.Organization)}
	var drafts []draft
	byHead := map[string]int{}
	for _, name := range g.branches {
		b := r.repo.branches[name]
		if b.app == nil {
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
	return drafts
}
