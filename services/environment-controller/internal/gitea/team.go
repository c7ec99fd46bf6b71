package gitea

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"catalyst.openova.io/services/environment-controller/internal/organization"
)

type team struct {
	ID              int64             `json:"id,omitempty"`
	Name            string            `json:"name"`
	Description     string            `json:"description"`
	Permission      string            `json:"permission"`
	CanCreateRepo   bool              `json:"can_create_org_repo"`
	AllRepositories bool              `json:"includes_all_repositories"`
	UnitsMap        map[string]string `json:"units_map"`
}

// units of a repository that Catalyst uses; teams get nothing else. Gitea keeps trackers and wikis out of this.
func units(l organization.Level) map[string]string {
	level := string(l)
	return map[string]string{"repo.code": level, "repo.issues": level, "repo.pulls": level, "repo.releases": level}
}

// level reads a team as a whole: one that does not see all repositories, or has other units than its level implies,
// is irregular.
func (t team) level() organization.Level {
	l := organization.Level(t.Permission)
	switch {
	case !t.AllRepositories:
		return organization.Irregular
	case l == organization.Admin:
		return l
	case maps.Equal(t.UnitsMap, units(organization.Read)):
		return organization.Read
	case maps.Equal(t.UnitsMap, units(organization.Write)):
		return organization.Write
	default:
		return organization.Irregular
	}
}

// Teams implements organization.Teams.
func (c *Client) Teams(ctx context.Context, org string) ([]organization.Team, error) {
	all, err := list[team](ctx, c, "orgs", org, "teams")
	if err != nil {
		return nil, err
	}
	out := make([]organization.Team, 0, len(all))
	for _, t := range all {
		out = append(out, organization.Team{
			ID: t.ID, Name: t.Name, Description: t.Description, Level: t.level(), CreatesRepos: t.CanCreateRepo,
		})
	}
	return out, nil
}

// Members implements organization.Teams.
func (c *Client) Members(ctx context.Context, id int64) ([]string, error) {
	all, err := list[struct {
		Login string `json:"login"`
	}](ctx, c, "teams", strconv.FormatInt(id, 10), "members")
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(all))
	for _, m := range all {
		out = append(out, m.Login)
	}
	return out, nil
}

// SaveTeam implements organization.Teams.
func (c *Client) SaveTeam(ctx context.Context, org string, t organization.Team) error {
	b := team{
		Name: t.Name, Description: t.Description, Permission: string(t.Level),
		CanCreateRepo: t.CreatesRepos, AllRepositories: true, UnitsMap: units(t.Level),
	}
	if t.ID == 0 {
		_, err := c.call(ctx, http.MethodPost, []string{"orgs", org, "teams"}, nil, b, nil)
		return err
	}
	_, err := c.call(ctx, http.MethodPatch, []string{"teams", strconv.FormatInt(t.ID, 10)}, nil, b, nil)
	return err
}

// AddMember implements organization.Teams.
func (c *Client) AddMember(ctx context.Context, id int64, account string) error {
	_, err := c.call(ctx, http.MethodPut, []string{"teams", strconv.FormatInt(id, 10), "members", account}, nil, nil, nil)
	return err
}

// RemoveMember implements organization.Teams.
func (c *Client) RemoveMember(ctx context.Context, id int64, account string) error {
	_, err := c.call(ctx, http.MethodDelete, []string{"teams", strconv.FormatInt(id, 10), "members", account}, nil, nil, nil)
	return err
}
