package gitea

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"catalyst.openova.io/services/environment-controller/internal/organization"
)

type hook struct {
	ID            int64             `json:"id,omitempty"`
	Type          string            `json:"type"`
	Name          string            `json:"name"`
	Config        map[string]string `json:"config"`
	Events        []string          `json:"events"`
	Active        bool              `json:"active"`
	BranchFilter  string            `json:"branch_filter"`
	Authorization string            `json:"authorization_header"`
}

const (
	hookType    = "gitea"
	contentType = "json"
	pullRequest = "pull_request"
)

// pullRequestEvents is what Gitea makes of the event pull_request.
var pullRequestEvents = []string{
	"pull_request", "pull_request_assign", "pull_request_comment", "pull_request_label", "pull_request_milestone",
	"pull_request_review", "pull_request_review_request", "pull_request_sync",
}

// hookEvents turns Gitea's list back into the words that it was asked with.
func hookEvents(listed []string) []string {
	var out, pulls []string
	for _, e := range listed {
		if strings.HasPrefix(e, pullRequest) {
			pulls = append(pulls, e)
		} else {
			out = append(out, e)
		}
	}
	slices.Sort(pulls)
	if slices.Equal(pulls, pullRequestEvents) {
		pulls = []string{pullRequest}
	} else if slices.Equal(pulls, []string{pullRequest}) {
		pulls = []string{"pull_request_only"} // Gitea's word for the event without its kin
	}
	out = append(out, pulls...)
	slices.Sort(out)
	return out
}

func hooksPath(p organization.Place) []string {
	if p.Repo == "" {
		return []string{"orgs", p.Organization, "hooks"}
	}
	return []string{"repos", p.Organization, p.Repo, "hooks"}
}

// Hooks implements organization.Hooks.
func (c *Client) Hooks(ctx context.Context, place organization.Place) ([]organization.Hook, error) {
	all, err := list[hook](ctx, c, hooksPath(place)...)
	if err != nil {
		return nil, err
	}
	out := make([]organization.Hook, 0, len(all))
	for _, h := range all {
		out = append(out, organization.Hook{
			ID: h.ID, Name: h.Name, URL: h.Config["url"], Events: hookEvents(h.Events),
			Regular: h.Active && h.Type == hookType && h.Config["content_type"] == contentType &&
				(h.BranchFilter == "" || h.BranchFilter == "*") && h.Authorization == "",
		})
	}
	return out, nil
}

// SaveHook implements organization.Hooks.
func (c *Client) SaveHook(ctx context.Context, place organization.Place, h organization.Hook) error {
	b := hook{
		Type: hookType, Name: h.Name, Events: h.Events, Active: true,
		Config: map[string]string{"url": h.URL, "content_type": contentType},
	}
	if h.ID == 0 {
		b.Config["secret"] = h.Secret
		_, err := c.call(ctx, http.MethodPost, hooksPath(place), nil, b, nil)
		return err
	}
	_, err := c.call(ctx, http.MethodPatch, append(hooksPath(place), strconv.FormatInt(h.ID, 10)), nil, b, nil)
	return err
}

// DeleteHook implements organization.Hooks.
func (c *Client) DeleteHook(ctx context.Context, place organization.Place, id int64) error {
	_, err := c.call(ctx, http.MethodDelete, append(hooksPath(place), strconv.FormatInt(id, 10)), nil, nil, nil)
	return err
}
