package operation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// rollback brings back what an earlier commit of the Environment's branch says, by a new commit.
func (g *planning) rollback(ctx context.Context) error {
	here, err := g.running(ctx, g.r, g.env)
	if err != nil {
		return err
	}
	repo := g.repo(g.r.Application)
	target, err := g.earlier(ctx, repo)
	if err != nil {
		return err
	}
	then, err := lookAt(ctx, g.Forge, repo, target.SHA)
	if err != nil {
		return err
	}
	if !then.runsIn(g.env.EnvType) || then.broken != nil {
		return refuse(CodeCommitNotFound, fmt.Sprintf("At the commit %s %s did not run in %s, so there is nothing to go back to. Choose another one.", short(target.SHA), g.r.Application, g.env.Name))
	}
	changed, err := g.back(ctx, repo, here.head, target.SHA)
	if err != nil {
		return err
	}
	if err := g.tellBack(ctx, repo, here, then); err != nil {
		return err
	}
	subject, _, _ := strings.Cut(target.Message, "\n")
	g.edit(Change{Application: g.r.Application, Message: fmt.Sprintf("Roll back %s in %s to %s\n\nIt is again as of “%s”.", g.r.Application, g.env.Name, short(target.SHA), subject)}, here, changed)
	return nil
}

// earlier finds a commit in the history of the Environment's branch.
func (g *planning) earlier(ctx context.Context, repo forge.Repo) (forge.Commit, error) {
	const least = 7
	commits, err := g.Forge.Log(ctx, repo, g.env.Branch, 50)
	if err != nil {
		return forge.Commit{}, err
	}
	i := slices.IndexFunc(commits, func(c forge.Commit) bool { return len(g.r.Commit) >= least && strings.HasPrefix(c.SHA, g.r.Commit) })
	if i < 0 {
		return forge.Commit{}, &Error{Code: CodeCommitNotFound, Fields: []Field{{Pointer: "/commit", Message: "is not in the history"}},
			Message: fmt.Sprintf("The commit %q is not among the last %d of the branch %s of %s.", g.r.Commit, len(commits), g.env.Branch, repo)}
	}
	return commits[i], nil
}

// back are the files that differ between two commits, as the earlier one has them. The overlays of other Environments are
// left alone.
func (g *planning) back(ctx context.Context, repo forge.Repo, now, then string) (map[string][]byte, error) {
	entries := map[string]string{}
	head, err := g.Forge.Tree(ctx, repo, now)
	if err != nil {
		return nil, err
	}
	for _, e := range head {
		entries[e.Path] = e.SHA
	}
	tree, err := g.Forge.Tree(ctx, repo, then)
	if err != nil {
		return nil, err
	}
	var want []string
	for _, e := range tree {
		if entries[e.Path] != e.SHA {
			want = append(want, e.Path)
		}
		delete(entries, e.Path)
	}
	foreign := func(path string) bool {
		return strings.HasPrefix(path, "overlays/") && !strings.HasPrefix(path, gitlayout.OverlayDir(g.env.EnvType))
	}
	changed, err := open(ctx, g.Forge, repo, then, slices.DeleteFunc(want, foreign))
	if err != nil {
		return nil, err
	}
	for path := range entries {
		if !foreign(path) {
			changed[path] = nil
		}
	}
	return changed, nil
}

// tellBack says which version and settings come back, and what is missing for them.
func (g *planning) tellBack(ctx context.Context, repo forge.Repo, here, then branch) error {
	g.proposal.Version, g.proposal.Size = then.app.Pin.Version, then.app.Size
	if was, now := then.app.Pin, here.app.Pin; was.Name != now.Name || was.Version != now.Version {
		g.warn("%s %s comes back in place of %s %s. What the newer one did to its data is not undone.", was.Name, was.Version, now.Name, now.Version)
	}
	now, err := g.valuesAt(ctx, repo, here)
	if err != nil {
		return err
	}
	if g.proposal.Values, err = g.valuesAt(ctx, repo, then); err != nil {
		return err
	}
	var differ []string
	both := maps.Clone(now)
	maps.Copy(both, g.proposal.Values)
	for _, k := range slices.Sorted(maps.Keys(both)) {
		if !gitlayout.SameValues(map[string]any{k: now[k]}, map[string]any{k: g.proposal.Values[k]}) {
			differ = append(differ, k)
		}
	}
	if len(differ) > 0 {
		g.warn("These settings become what they were: %s.", strings.Join(differ, ", "))
	}
	for _, d := range then.app.Dependencies {
		if !wellFormed(d.Application) {
			continue
		}
		needed, err := g.inspect(ctx, d.Application)
		if err != nil {
			return err
		}
		if !needed.branches[g.env.Branch].runsIn(g.env.EnvType) {
			g.warn("It needs %s (%s), which does not run in %s any more. Install that too.", d.Application, d.Alias, g.env.Name)
		}
	}
	return nil
}

func (g *planning) valuesAt(ctx context.Context, repo forge.Repo, b branch) (map[string]any, error) {
	engine, types, err := g.shape(ctx, b)
	if err != nil {
		return nil, err
	}
	files, err := open(ctx, g.Forge, repo, b.head, present(b.files, gitlayout.BaseValues(engine), gitlayout.OverlayValues(g.env.EnvType, engine)))
	if err != nil {
		return nil, err
	}
	values, err := says(files, g.env, engine, types)
	if CodeOf(err) != "" || errors.Is(err, forge.ErrNotFound) { // it is shown as unknown, and comes back as it was
		return map[string]any{}, nil
	}
	return values, err
}

// pause has Flux leave an Application as it is in one Environment, or no longer.
func (g *planning) pause(ctx context.Context) error {
	here, err := g.running(ctx, g.r, g.env)
	if err != nil {
		return err
	}
	files, err := open(ctx, g.Forge, g.repo(g.r.Application), here.head, concerns(here.files, g.env.EnvType))
	if err != nil {
		return err
	}
	changed, err := gitlayout.SetPaused(files, g.env.EnvType, g.r.Action == Pause)
	if err != nil {
		return err
	}
	word := "Pause"
	if g.r.Action == Resume {
		word = "Resume"
	}
	g.proposal.Version, g.proposal.Size = here.app.Pin.Version, here.app.Size
	g.edit(Change{Application: g.r.Application, Message: fmt.Sprintf("%s %s in %s", word, g.r.Application, g.env.Name)}, here, changed)
	return nil
}
