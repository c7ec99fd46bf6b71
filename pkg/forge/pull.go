package forge

import (
	"context"
	"time"
)

// PullState is how far a pull request has come.
type PullState string

// The states of a pull request; a merged one is not opened again.
const (
	PullOpen   PullState = "open"
	PullMerged PullState = "merged"
	PullClosed PullState = "closed"
)

// Pull is a pull request.
type Pull struct {
	Number      int64
	Title, Body string
	// Author is the account that opened it.
	Author Account
	// Source and Target are its branches, and Head the commit at the head of the source, as the pull request has it. While
	// it is open that can lag behind the branch itself.
	Source, Target, Head string
	// Foreign is true when the source is in another repository.
	Foreign bool
	State   PullState
	// Merge is the commit that merged it.
	Merge                        string
	OpenedAt, UpdatedAt, EndedAt time.Time
	URL                          string
}

// Account is a person or a service in the forge.
type Account struct{ Login, Name, Email string }

// NewPull is a pull request that is to be opened.
type NewPull struct{ Source, Target, Title, Body string }

// Pulls opens, finds and ends pull requests.
type Pulls interface {
	// OpenPull opens a pull request, or returns the open one that there is from this source to this target.
	OpenPull(ctx context.Context, repo Repo, n NewPull) (Pull, error)
	// Pull returns one, or ErrNotFound.
	Pull(ctx context.Context, repo Repo, number int64) (Pull, error)
	// OpenPulls lists the open ones of a repository, newest first.
	OpenPulls(ctx context.Context, repo Repo) ([]Pull, error)
	// ClosePull closes an open one. To close one that has ended changes nothing.
	ClosePull(ctx context.Context, repo Repo, number int64) error
	// MarkMerged tells the forge which commit of the target merged it, where the forge does not notice by itself.
	MarkMerged(ctx context.Context, repo Repo, number int64, commit string) error
}

// ReviewState is what a review says.
type ReviewState string

// What a review can say.
const (
	ReviewApproved         ReviewState = "approved"
	ReviewChangesRequested ReviewState = "changes-requested"
	ReviewComment          ReviewState = "comment"
)

// Review is what somebody said of a pull request.
type Review struct {
	// ID orders the reviews of a forge, whatever its clock did.
	ID       int64
	Reviewer Account
	State    ReviewState
	// Commit that the reviewer looked at.
	Commit    string
	Dismissed bool
	Body      string
	At        time.Time
}

// Reviews reads and writes what people say of a pull request.
type Reviews interface {
	// Reviews lists them, oldest first.
	Reviews(ctx context.Context, repo Repo, number int64) ([]Review, error)
	// Review says something in the name of an account. ErrForbidden if the forge does not let that account, for example
	// because the pull request is its own.
	Review(ctx context.Context, repo Repo, number int64, as string, state ReviewState, commit, body string) (Review, error)
	// Comment keeps one comment of ours up to date: the first call with a mark writes it, later ones change it, and one
	// with the same text does nothing. The mark is not shown.
	Comment(ctx context.Context, repo Repo, number int64, mark, body string) error
}

// Checks reads what checkers said of commits.
type Checks interface {
	// CommitStatuses returns the newest status of each context.
	CommitStatuses(ctx context.Context, repo Repo, commit string) ([]CommitStatus, error)
}

// CommitStatus is a status as the forge keeps it.
type CommitStatus struct {
	ID      int64
	Context string
	// State is success, pending, failure, error or warning.
	State string
	By    Account
	At    time.Time
}

// Protection is what a forge itself holds of a branch, or of all branches that match a pattern such as promote/**.
type Protection struct {
	Branch string
	// Pushers and Mergers are the accounts that may push to it and merge into it, and no others; administrators of the
	// forge are no exception. Nobody may push by force or delete it.
	Pushers, Mergers []string
	// Checks have to be successful on the head of a pull request before anybody merges it by way of the forge.
	Checks []string
	// Approvals that the forge asks for itself.
	Approvals int
}

// Protections keeps branches from being written past their gates.
type Protections interface {
	// Protections lists those of a repository.
	Protections(ctx context.Context, repo Repo) ([]Protection, error)
	// Protect makes one, or puts it right, and returns whether anything differed.
	Protect(ctx context.Context, repo Repo, p Protection) (bool, error)
	// Unprotect removes one. To remove one that is not there changes nothing.
	Unprotect(ctx context.Context, repo Repo, branch string) error
}

// Ancestry compares commits.
type Ancestry interface {
	// MergeBase returns the best common ancestor of two commits, or "" if there is none.
	MergeBase(ctx context.Context, repo Repo, a, b string) (string, error)
	// Commit returns one commit, with its signature if it has one.
	Commit(ctx context.Context, repo Repo, sha string) (SignedCommit, error)
}

// SignedCommit is a commit and what its signature was made over.
type SignedCommit struct {
	Commit
	Signature string // armored; empty if it has none
	Payload   []byte
}
