package operation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pmezard/go-difflib/difflib"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// previewWithin is how long the renderer and the cluster may take for a plan that is shown.
const previewWithin = 10 * time.Second

// illustrate adds what people want to see before they agree: differences of files and objects, and who is touched.
func (g *planning) illustrate(ctx context.Context) error {
	var previews []manifest.Request
	for _, c := range g.op.Plan.Changes {
		for i, commit := range c.Commits {
			before, err := g.before(ctx, c, commit)
			if err != nil {
				return err
			}
			g.diffs(c, i, commit, before)
			for _, env := range g.environments {
				if slices.ContainsFunc(commit.Refs, func(r Ref) bool { return r.Branch == env.Branch }) && (g.env.Name == "" || env.Name == g.env.Name) {
					previews = append(previews, manifest.Request{Organization: g.r.Organization, Environment: env.Name, EnvType: env.EnvType,
						Application: c.Application, Before: before, After: g.after(commit, before)})
				}
			}
		}
	}
	g.preview(ctx, previews)
	return g.affected(ctx)
}

// before are the files that a commit builds on, as far as they matter: nil where there is none.
func (g *planning) before(ctx context.Context, c Change, commit Commit) (map[string][]byte, error) {
	if commit.Parent == "" {
		return nil, nil
	}
	entries, err := g.Forge.Tree(ctx, c.Repo, commit.Parent)
	if err != nil {
		return nil, err
	}
	var want []string
	for _, e := range entries {
		const large = 256 << 10
		if e.Size <= large {
			want = append(want, e.Path)
		}
	}
	return open(ctx, g.Forge, c.Repo, commit.Parent, want)
}

func (g *planning) after(commit Commit, before map[string][]byte) map[string][]byte {
	after := map[string][]byte{}
	maps.Copy(after, before)
	maps.Copy(after, g.op.Plan.Files(commit))
	for _, path := range commit.Remove {
		delete(after, path)
	}
	return after
}

func (g *planning) diffs(c Change, i int, commit Commit, before map[string][]byte) {
	for path, b := range g.op.Plan.Files(commit) {
		old, ok := before[path]
		if !ok {
			continue
		}
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: difflib.SplitLines(string(old)), B: difflib.SplitLines(string(b)),
			FromFile: "a/" + path, ToFile: "b/" + path, Context: 3})
		if err != nil {
			continue // the content is shown
		}
		if g.proposal.Diffs == nil {
			g.proposal.Diffs = map[string]string{}
		}
		g.proposal.Diffs[DiffKey(c.Repo, i, path)] = text
	}
}

// preview asks what happens in the cluster, for all at a time.
func (g *planning) preview(ctx context.Context, requests []manifest.Request) {
	if g.Previewer == nil || len(requests) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, previewWithin)
	defer cancel()
	g.proposal.Manifests = make([]Manifest, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() {
			p, err := g.Previewer.Preview(ctx, r)
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				p.Incomplete = fmt.Sprintf("Rendering and asking the cluster took longer than %s.", previewWithin)
			case err != nil:
				p.Incomplete = "It could not be rendered: " + sentence(err)
			}
			g.proposal.Manifests[i] = Manifest{Application: r.Application, Preview: p}
		})
	}
	all.Wait()
}

// affected names who is touched although its repository is not.
func (g *planning) affected(ctx context.Context) error {
	if g.proposal.Tree != nil {
		g.used(*g.proposal.Tree, g.r.Application)
	}
	if g.r.Action == Install || g.r.Action == Uninstall || g.op.Plan.empty() {
		return nil
	}
	needed, err := g.dependents(ctx, g.r.Application, g.env, nil)
	if CodeOf(err) == CodeUnavailable {
		g.warn("It cannot be told now who else depends on %s.", g.r.Application)
		return nil
	}
	for _, n := range needed {
		g.affect(n, g.env.Name, "depends on "+g.r.Application)
	}
	return err
}

func (g *planning) used(n Node, by string) {
	for _, d := range n.Depends {
		if d.Use == "existing" && !slices.ContainsFunc(g.recordedNames(), func(s string) bool { return s == d.Application }) {
			g.affect(d.Application, g.env.Name, by+" will depend on it")
		}
		g.used(d, d.Application)
	}
}

func (g *planning) recordedNames() []string {
	var out []string
	for _, d := range g.recorded {
		out = append(out, d.Application)
	}
	return out
}
