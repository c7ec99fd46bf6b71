// Package forge is the Git forge as a port: what Catalyst needs of the server that holds every desired state. The
// adapter for Gitea is in forge/gitea; forge/forgetest holds the conformance suite that every implementation passes,
// the in-memory one in forge/forgetest included.
//
// The shape follows one measurement: moving a ref is what costs, so a Push moves all refs of a repository at once.
package forge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Repo names a repository: {organization}/{name}.
type Repo struct{ Organization, Name string }

func (r Repo) String() string { return r.Organization + "/" + r.Name }

// Person is an author or committer as Git records one.
type Person struct{ Name, Email string }

// Commit is what Git says of one commit.
type Commit struct {
	SHA     string
	Tree    string
	Parents []string
	Author  Person
	Message string
	At      time.Time
}

// Entry is one file of a tree. Executable files and symlinks are reported by their mode and never followed.
type Entry struct {
	Path string // slash separated, relative to the root
	Mode string // 100644, 100755, 120000
	SHA  string // of the blob
	Size int64
}

// Change is what a new commit does to its parent's tree: files written by path, and files removed. Without a parent
// Write is the whole tree. To remove a file that the parent does not hold is an error: the plan was made on another tree.
type Change struct {
	Write  map[string][]byte
	Remove []string
}

// Draft is a commit that does not exist yet.
type Draft struct {
	// Parent is the commit it builds on; empty for the first commit of a repository.
	Parent  string
	Change  Change
	Author  Person
	Message string // with its trailers
	// At is the time of the commit. With it a Draft yields the same SHA however often it is pushed, which is what
	// makes a push that was cut off safe to repeat.
	At time.Time
}

// RefUpdate moves one branch. Expect is the head that the change was planned on ("" when the branch must not exist):
// if the branch is elsewhere, nothing at all is written and the push fails with *MovedError.
type RefUpdate struct {
	Branch string
	Expect string
	// Draft is committed and becomes the head. Refs of one push may share a Draft.
	Draft *Draft
}

// Reader reads repositories.
type Reader interface {
	// Head returns the commit at the head of a branch, or ErrNotFound for a repository or branch that is not there.
	Head(ctx context.Context, repo Repo, branch string) (Commit, error)
	// Tree lists every file of a commit.
	Tree(ctx context.Context, repo Repo, commit string) ([]Entry, error)
	// File returns one file at a commit, or ErrNotFound. Files above 1 MiB are refused.
	File(ctx context.Context, repo Repo, commit, path string) ([]byte, error)
	// Branches returns the head of every branch: none for an empty repository, ErrNotFound for one that is not there.
	Branches(ctx context.Context, repo Repo) (map[string]string, error)
	// Repos lists an organization's repositories, or ErrNotFound for an organization that is not there. An error
	// never comes with a partial list.
	Repos(ctx context.Context, organization string) ([]Repo, error)
}

// History reads what happened on a branch.
type History interface {
	// Log returns the newest commits of a branch, the head first, at most limit and never more than 50.
	Log(ctx context.Context, repo Repo, branch string, limit int) ([]Commit, error)
}

// Writer changes repositories.
type Writer interface {
	// CreateRepo makes an empty repository. ErrExists if there is one of that name.
	CreateRepo(ctx context.Context, repo Repo, description string) error
	// Description returns what CreateRepo was given, by which its maker knows a repository again.
	Description(ctx context.Context, repo Repo) (string, error)
	// Push commits and moves all refs in one atomic push, and returns the new head of each branch. To repeat a push
	// that has landed succeeds and changes nothing: a Draft is the same commit every time.
	Push(ctx context.Context, repo Repo, refs []RefUpdate) (map[string]string, error)
}

// The errors that callers act on.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	// ErrUnavailable marks a failure that may pass: the forge is down or overloaded.
	ErrUnavailable = errors.New("the forge is unavailable")
	ErrForbidden   = errors.New("forbidden")
)

// MovedError says that a branch is not where the plan expected it.
type MovedError struct {
	Repo           Repo
	Branch         string
	Expect, Actual string // "" stands for "does not exist"
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("branch %s of %s moved: planned on %s, found %s", e.Branch, e.Repo, orNone(e.Expect), orNone(e.Actual))
}

func orNone(sha string) string {
	if sha == "" {
		return "no branch"
	}
	return sha
}
