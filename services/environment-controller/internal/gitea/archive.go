package gitea

import (
	"context"
	"net/http"

	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// Repositories implements organization.Archive.
func (c *Client) Repositories(ctx context.Context, org string) ([]organization.Repository, error) {
	all, err := list[struct {
		Name     string `json:"name"`
		Archived bool   `json:"archived"`
	}](ctx, c, "orgs", org, "repos")
	if err != nil {
		return nil, err
	}
	out := make([]organization.Repository, 0, len(all))
	for _, r := range all {
		out = append(out, organization.Repository{Name: r.Name, Archived: r.Archived})
	}
	return out, nil
}

// SetArchived implements organization.Archive.
func (c *Client) SetArchived(ctx context.Context, org, repository string, archived bool) error {
	_, err := c.call(ctx, http.MethodPatch, []string{"repos", org, repository}, nil, map[string]bool{"archived": archived}, nil)
	return err
}
