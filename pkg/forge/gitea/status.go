package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"catalyst.openova.io/pkg/forge"
)

var _ forge.Statuses = (*Client)(nil)

// longestStatus is how many characters of a description people see.
const longestStatus = 250

// SetStatus implements forge.Statuses.
func (c *Client) SetStatus(ctx context.Context, repo forge.Repo, commit string, s forge.Status) error {
	if !isSHA(commit) {
		return fmt.Errorf("commit %q of %s: %w: not a SHA", commit, repo, forge.ErrNotFound)
	}
	state := "success"
	if s.Failed {
		state = "failure"
	}
	if r := []rune(s.Description); len(r) > longestStatus {
		s.Description = string(r[:longestStatus-1]) + "…"
	}
	_, err := c.call(ctx, http.MethodPost, repoPath(repo)+"/statuses/"+commit, nil, map[string]any{
		"state": state, "context": s.Context, "description": s.Description, "target_url": s.URL,
	}, nil)
	if errors.Is(err, forge.ErrUnavailable) {
		// Gitea answers 500 for a commit that is not there, and as long as the default branch is not.
		if _, missing := c.commit(ctx, repo, commit); errors.Is(missing, forge.ErrNotFound) {
			err = missing
		}
	}
	if err != nil {
		return fmt.Errorf("status %s of %.7s in %s: %w", s.Context, commit, repo, err)
	}
	return nil
}
