package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// What is read of one head at most.
const (
	maxFile  = 256 << 10
	maxFiles = 40
)

// look reads a head and what it is compared with, and checks it.
func (r *Runner) look(ctx context.Context, b Branch) (problems []Problem, err error) {
	t, err := r.tree(ctx, b)
	if err != nil {
		return nil, err
	}
	k, err := r.known(ctx, b, t)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("a check broke", "application", b.Application, "environment", b.Environment, "commit", b.SHA, "cause", p)
			problems = []Problem{{Code: CodeUnchecked, File: gitlayout.ApplicationFile, Message: "its files could not be checked; Catalyst's log says why", Severity: Warning}}
		}
	}()
	return Check(t, k), nil
}

// tree reads the files that matter to an Environment.
func (r *Runner) tree(ctx context.Context, b Branch) (Tree, error) {
	repo := forge.Repo{Organization: b.Organization, Name: b.Application}
	entries, err := r.Git.Tree(ctx, repo, b.SHA)
	if err != nil {
		return Tree{}, err
	}
	t := Tree{Application: b.Application, EnvType: b.EnvType, Files: map[string][]byte{}, Other: map[string]bool{}}
	var wanted []string
	for _, e := range entries {
		switch {
		case e.Mode == "120000":
			t.Links = append(t.Links, e.Path)
		case matters(e.Path, b.EnvType) && e.Size <= maxFile:
			wanted = append(wanted, e.Path)
		default:
			t.Other[e.Path] = true
		}
	}
	slices.SortStableFunc(wanted, func(x, y string) int { return cmp.Compare(rank(x), rank(y)) })
	for i, name := range wanted {
		if i >= maxFiles {
			t.Other[name] = true
			continue
		}
		if t.Files[name], err = r.Git.File(ctx, repo, b.SHA, name); err != nil {
			return Tree{}, err
		}
	}
	return t, nil
}

// matters tells whether a file says something about what runs in an Environment.
func matters(name, envType string) bool {
	if strings.HasPrefix(name, "overlays/") && !strings.HasPrefix(name, gitlayout.OverlayDir(envType)) {
		return false
	}
	return manifest(name) || path.Ext(name) == ".env" || slices.Contains(kustomizations, path.Base(name))
}

// rank puts those first without which nothing can be said.
func rank(name string) int {
	switch {
	case name == gitlayout.ApplicationFile:
		return 0
	case strings.HasPrefix(name, "overlays/"):
		return 1
	case strings.HasPrefix(name, gitlayout.BaseDir):
		return 2
	}
	return 3
}

// known finds out what the tree is compared with.
func (r *Runner) known(ctx context.Context, b Branch, t Tree) (Known, error) {
	pin, needs := Pin(t.Files)
	k := Known{Applications: map[string]bool{}}
	if pin.Name != "" {
		var err error
		k.Blueprint, k.Digest, err = r.Blueprints.Blueprint(ctx, pin.Name, pin.Version)
		var refused *RefusedError
		if errors.As(err, &refused) {
			k.Blueprint, k.Refused = nil, refused.Reason
		} else if err != nil {
			return Known{}, fmt.Errorf("blueprint %s %s: %w", pin.Name, pin.Version, err)
		}
	}
	slices.Sort(needs)
	for _, need := range slices.Compact(needs)[:min(len(slices.Compact(needs)), most)] {
		there, err := r.runs(ctx, b, need)
		if err != nil {
			return Known{}, err
		}
		k.Applications[need] = there
	}
	r.remember(b, slices.Collect(maps.Keys(k.Applications)))
	return k, nil
}

// runs tells whether an Application is in the Environment. Git knows of those that nobody has observed yet.
func (r *Runner) runs(ctx context.Context, b Branch, application string) (bool, error) {
	r.mu.Lock()
	h := r.heads[key{b.Environment, application}]
	seen := h != nil && h.Present
	r.mu.Unlock()
	if seen || strings.ContainsAny(application, "/ ") {
		return seen, nil
	}
	repo := forge.Repo{Organization: b.Organization, Name: application}
	head, err := r.Git.Head(ctx, repo, b.Branch)
	if errors.Is(err, forge.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entries, err := r.Git.Tree(ctx, repo, head.SHA)
	if errors.Is(err, forge.ErrNotFound) {
		return false, nil
	}
	return slices.ContainsFunc(entries, func(e forge.Entry) bool {
		return e.Path == gitlayout.OverlayDir(b.EnvType)+"kustomization.yaml"
	}), err
}

// remember notes on which Applications a head stands, so that it is checked anew when one of them comes or goes.
func (r *Runner) remember(b Branch, needs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.heads[key{b.Environment, b.Application}]; h != nil && h.SHA == b.SHA {
		h.Needs = needs
	}
}
