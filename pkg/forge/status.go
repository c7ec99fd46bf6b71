package forge

import "context"

// Status is what a checker says of one commit.
type Status struct {
	// Context names the checker, such as catalyst/check. A later status of the same context takes the place of the former.
	Context string
	// Failed says that something is wrong with the commit.
	Failed bool
	// Description is one sentence; it is cut if it is long.
	Description string
	// URL leads to more, if there is any.
	URL string
}

// Statuses tell people in the forge what checkers found.
type Statuses interface {
	// SetStatus sets a status of a commit, or returns ErrNotFound for a commit or repository that is not there.
	SetStatus(ctx context.Context, repo Repo, commit string, s Status) error
}
