package operation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// defaultBranches are those of a new Application: the Environments dev, stg and prod, unless one names another.
var defaultBranches = []string{"develop", "staging", "main"}

// repository is what the forge holds under a name, as far as a plan depends on it.
type repository struct {
	exists bool
	// foreign is true for branches of which none is one of an Environment.
	foreign     bool
	description string
	branches    map[string]branch
}

// branch is the head of one Environment's branch.
type branch struct {
	head      string
	files     []string
	app       *gitlayout.Spec // nil if it holds no Application
	broken    error           // why its application.yaml cannot be read
	tombstone bool
}

func (b branch) runsIn(envType string) bool {
	return b.app != nil && slices.ContainsFunc(b.files, func(f string) bool { return strings.HasPrefix(f, gitlayout.OverlayDir(envType)) })
}

// environmentBranches are the branches that matter, the lowest Environment first.
func environmentBranches(environments []Environment) []string {
	out := slices.Clone(defaultBranches)
	for _, e := range environments {
		if !slices.Contains(out, e.Branch) {
			out = append(out, e.Branch)
		}
	}
	return out
}

// look reads the state of a repository.
func look(ctx context.Context, f Forge, repo forge.Repo, names []string) (repository, error) {
	heads, err := f.Branches(ctx, repo)
	if errors.Is(err, forge.ErrNotFound) {
		return repository{}, nil
	}
	if err != nil {
		return repository{}, err
	}
	r := repository{exists: true, branches: map[string]branch{}}
	if len(heads) == 0 {
		r.description, err = f.Description(ctx, repo)
		return r, err
	}
	seen := map[string]branch{}
	for _, name := range names {
		head, ok := heads[name]
		if !ok {
			continue
		}
		b, ok := seen[head]
		if !ok {
			if b, err = lookAt(ctx, f, repo, head); err != nil {
				return repository{}, err
			}
			seen[head] = b
		}
		r.branches[name] = b
	}
	r.foreign = len(r.branches) == 0
	return r, nil
}

func lookAt(ctx context.Context, f Forge, repo forge.Repo, head string) (branch, error) {
	b := branch{head: head}
	entries, err := f.Tree(ctx, repo, head)
	if err != nil {
		return b, err
	}
	for _, e := range entries {
		b.files = append(b.files, e.Path)
	}
	switch {
	case slices.Contains(b.files, gitlayout.ApplicationFile):
		content, err := f.File(ctx, repo, head, gitlayout.ApplicationFile)
		if err != nil {
			return b, err
		}
		app, err := gitlayout.ReadApplication(content)
		b.app, b.broken = &app, err
	case slices.Contains(b.files, gitlayout.ReadmeFile):
		content, err := f.File(ctx, repo, head, gitlayout.ReadmeFile)
		if err != nil {
			return b, err
		}
		b.tombstone = gitlayout.IsTombstone(content)
	}
	return b, nil
}

// open reads files of a commit: what makes the Application and what concerns one Environment.
func open(ctx context.Context, f forge.Reader, repo forge.Repo, head string, paths []string) (map[string][]byte, error) {
	const parallel = 4
	out := make(map[string][]byte, len(paths))
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		errs  []error
		slots = make(chan struct{}, parallel)
	)
	for _, path := range paths {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			b, err := f.File(ctx, repo, head, path)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			out[path] = b
		})
	}
	all.Wait()
	return out, errors.Join(errs...)
}

// concerns picks the files that make an Application in one Environment.
func concerns(files []string, envType string) []string {
	var out []string
	for _, f := range files {
		if f == gitlayout.ApplicationFile || strings.HasPrefix(f, gitlayout.BaseDir) || strings.HasPrefix(f, gitlayout.OverlayDir(envType)) {
			out = append(out, f)
		}
	}
	return out
}
