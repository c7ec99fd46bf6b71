// Package forgetest holds an in-memory forge for tests and the conformance suite that every forge passes.
package forgetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/internal/object"
)

// Committer of every commit of a Fake.
var Committer = forge.Person{Name: "Catalyst", Email: "catalyst@catalyst.invalid"}

// Call is one call of a Fake, for its hooks.
type Call struct {
	Method string // of the port, such as Push
	Repo   forge.Repo
}

// Fake is a forge in memory. Its commits have the SHAs that Git gives them.
type Fake struct {
	// Before and After run around each call, if set. An error of Before is the answer and nothing is done; an error
	// of After is the answer although it was done, as when a connection breaks. Set them before the first call.
	Before, After func(Call) error

	quiet bool
	*store
}

// store is what several views of one forge share.
type store struct {
	mu    sync.Mutex
	orgs  map[string]map[string]*repository
	calls map[string]int
}

type repository struct {
	description string
	branches    map[string]string
	commits     map[string]snapshot
	blobs       map[string][]byte
}

type snapshot struct {
	commit forge.Commit
	files  []object.Node
}

var (
	_ forge.Reader  = (*Fake)(nil)
	_ forge.History = (*Fake)(nil)
	_ forge.Writer  = (*Fake)(nil)
)

// New returns a forge with the named organizations, empty.
func New(organizations ...string) *Fake {
	f := &Fake{store: &store{orgs: map[string]map[string]*repository{}, calls: map[string]int{}}}
	for _, o := range organizations {
		f.orgs[o] = map[string]*repository{}
	}
	return f
}

// Quiet is the same forge without hooks, of which no call is counted, for a test to look at what there is.
func (f *Fake) Quiet() *Fake { return &Fake{store: f.store, quiet: true} }

// Calls returns how often a method was called, refused calls included.
func (f *Fake) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// Commits returns how many commits a repository holds.
func (f *Fake) Commits(repo forge.Repo) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.repo(repo)
	if err != nil {
		return 0
	}
	return len(r.commits)
}

// do runs one call between its hooks, alone.
func (f *Fake) do(ctx context.Context, c Call, work func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !f.quiet {
		f.mu.Lock()
		f.calls[c.Method]++
		f.mu.Unlock()
	}
	if f.Before != nil {
		if err := f.Before(c); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := work()
	f.mu.Unlock()
	if err == nil && f.After != nil {
		err = f.After(c)
	}
	return err
}

func (f *Fake) repo(r forge.Repo) (*repository, error) {
	found, ok := f.orgs[r.Organization][r.Name]
	if !ok {
		return nil, fmt.Errorf("repository %s: %w", r, forge.ErrNotFound)
	}
	return found, nil
}

func (f *Fake) snapshot(r forge.Repo, commit string) (*repository, snapshot, error) {
	found, err := f.repo(r)
	if err != nil {
		return nil, snapshot{}, err
	}
	s, ok := found.commits[commit]
	if !ok {
		return nil, snapshot{}, fmt.Errorf("commit %q of %s: %w", commit, r, forge.ErrNotFound)
	}
	return found, s, nil
}

// Head implements forge.Reader.
func (f *Fake) Head(ctx context.Context, repo forge.Repo, branch string) (out forge.Commit, err error) {
	err = f.do(ctx, Call{"Head", repo}, func() error {
		r, err := f.repo(repo)
		if err != nil {
			return err
		}
		s, ok := r.commits[r.branches[branch]]
		if !ok {
			return fmt.Errorf("branch %s of %s: %w", branch, repo, forge.ErrNotFound)
		}
		out = s.commit
		return nil
	})
	return out, err
}

// Tree implements forge.Reader.
func (f *Fake) Tree(ctx context.Context, repo forge.Repo, commit string) (out []forge.Entry, err error) {
	err = f.do(ctx, Call{"Tree", repo}, func() error {
		r, s, err := f.snapshot(repo, commit)
		if err != nil {
			return err
		}
		out = make([]forge.Entry, 0, len(s.files))
		for _, n := range s.files {
			out = append(out, forge.Entry{Path: n.Path, Mode: n.Mode, SHA: n.SHA, Size: int64(len(r.blobs[n.SHA]))})
		}
		return nil
	})
	return out, err
}

// File implements forge.Reader.
func (f *Fake) File(ctx context.Context, repo forge.Repo, commit, path string) (out []byte, err error) {
	err = f.do(ctx, Call{"File", repo}, func() error {
		r, s, err := f.snapshot(repo, commit)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.files, func(n object.Node) bool { return n.Path == path })
		if i < 0 {
			return fmt.Errorf("%s at %s in %s: %w", path, commit, repo, forge.ErrNotFound)
		}
		out = slices.Clone(r.blobs[s.files[i].SHA])
		if len(out) > 1<<20 {
			return fmt.Errorf("%s at %s in %s is too large", path, commit, repo)
		}
		return nil
	})
	return out, err
}

// Branches implements forge.Reader.
func (f *Fake) Branches(ctx context.Context, repo forge.Repo) (out map[string]string, err error) {
	err = f.do(ctx, Call{"Branches", repo}, func() error {
		r, err := f.repo(repo)
		if err != nil {
			return err
		}
		out = maps.Clone(r.branches)
		return nil
	})
	return out, err
}

// Repos implements forge.Reader.
func (f *Fake) Repos(ctx context.Context, organization string) (out []forge.Repo, err error) {
	err = f.do(ctx, Call{"Repos", forge.Repo{Organization: organization}}, func() error {
		repos, ok := f.orgs[organization]
		if !ok {
			return fmt.Errorf("organization %s: %w", organization, forge.ErrNotFound)
		}
		for _, name := range slices.Sorted(maps.Keys(repos)) {
			out = append(out, forge.Repo{Organization: organization, Name: name})
		}
		return nil
	})
	return out, err
}

// CreateRepo implements forge.Writer.
func (f *Fake) CreateRepo(ctx context.Context, repo forge.Repo, description string) error {
	return f.do(ctx, Call{"CreateRepo", repo}, func() error {
		repos, ok := f.orgs[repo.Organization]
		if !ok {
			return fmt.Errorf("organization %s: %w", repo.Organization, forge.ErrNotFound)
		}
		for name := range repos {
			if strings.EqualFold(name, repo.Name) {
				return fmt.Errorf("repository %s: %w", repo, forge.ErrExists)
			}
		}
		repos[repo.Name] = &repository{description: description, branches: map[string]string{}, commits: map[string]snapshot{}, blobs: map[string][]byte{}}
		return nil
	})
}

// Description implements forge.Writer.
func (f *Fake) Description(ctx context.Context, repo forge.Repo) (out string, err error) {
	err = f.do(ctx, Call{"Description", repo}, func() error {
		r, err := f.repo(repo)
		if err != nil {
			return err
		}
		out = r.description
		return nil
	})
	return out, err
}

// Log implements forge.History, along first parents.
func (f *Fake) Log(ctx context.Context, repo forge.Repo, branch string, limit int) (out []forge.Commit, err error) {
	err = f.do(ctx, Call{"Log", repo}, func() error {
		r, err := f.repo(repo)
		if err != nil {
			return err
		}
		at, ok := r.branches[branch]
		if !ok {
			return fmt.Errorf("branch %s of %s: %w", branch, repo, forge.ErrNotFound)
		}
		for len(out) < min(limit, 50) {
			c := r.commits[at].commit
			out = append(out, c)
			if len(c.Parents) == 0 {
				break
			}
			at = c.Parents[0]
		}
		return nil
	})
	return out, err
}

// Push implements forge.Writer.
func (f *Fake) Push(ctx context.Context, repo forge.Repo, refs []forge.RefUpdate) (out map[string]string, err error) {
	err = f.do(ctx, Call{"Push", repo}, func() error {
		out, err = f.push(repo, refs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *Fake) push(repo forge.Repo, refs []forge.RefUpdate) (map[string]string, error) {
	r, err := f.repo(repo)
	if err != nil {
		return nil, err
	}
	heads, made := map[string]string{}, map[string]snapshot{}
	landed := len(refs) > 0
	for _, ref := range refs {
		if ref.Draft == nil || ref.Branch == "" || heads[ref.Branch] != "" {
			return nil, fmt.Errorf("branch %q: each ref needs a name of its own and a draft", ref.Branch)
		}
		s, err := r.build(*ref.Draft)
		if err != nil {
			return nil, fmt.Errorf("push to %s: %w", repo, err)
		}
		heads[ref.Branch], made[s.commit.SHA] = s.commit.SHA, s
		landed = landed && r.branches[ref.Branch] == s.commit.SHA
	}
	if landed {
		return heads, nil
	}
	for _, ref := range refs {
		if actual := r.branches[ref.Branch]; actual != ref.Expect {
			return nil, &forge.MovedError{Repo: repo, Branch: ref.Branch, Expect: ref.Expect, Actual: actual}
		}
	}
	for _, ref := range refs {
		r.branches[ref.Branch] = heads[ref.Branch]
		for _, b := range ref.Draft.Change.Write {
			r.blobs[plumbing.ComputeHash(plumbing.BlobObject, b).String()] = slices.Clone(b)
		}
	}
	maps.Copy(r.commits, made)
	return heads, nil
}

func (r *repository) build(d forge.Draft) (snapshot, error) {
	var base []object.Node
	c := forge.Commit{Author: d.Author, Message: strings.TrimRight(d.Message, "\n"), At: d.At.UTC().Truncate(1e9)}
	if d.Parent != "" {
		parent, ok := r.commits[d.Parent]
		if !ok {
			return snapshot{}, fmt.Errorf("parent %q: %w", d.Parent, forge.ErrNotFound)
		}
		base, c.Parents = parent.files, []string{d.Parent}
	}
	pack := object.NewPack()
	sha, err := pack.Commit(base, d, Committer)
	if err != nil {
		return snapshot{}, err
	}
	c.SHA = sha
	if c.Tree, err = pack.Tree(sha); err != nil {
		return snapshot{}, err
	}
	files, err := object.Apply(base, d.Change)
	return snapshot{commit: c, files: files}, err
}
