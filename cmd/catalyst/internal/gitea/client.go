// Package gitea prepares a Gitea: accounts, tokens, the Sovereign's own organization and its teams. Every call may be
// repeated.
package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Client talks to Gitea as one account.
type Client struct {
	URL   string
	Token string
	// User and Password are used where there is no Token.
	User, Password string

	HTTP *http.Client
}

// StatusError is a refusal of Gitea.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string { return fmt.Sprintf("Gitea answers %d: %s", e.Code, e.Message) }

func hasCode(err error, codes ...int) bool {
	var s *StatusError
	return errors.As(err, &s) && slices.Contains(codes, s.Code)
}

// IsNotFound tells whether err says that there is no such thing.
func IsNotFound(err error) bool { return hasCode(err, http.StatusNotFound) }

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "token "+c.Token)
	} else {
		req.SetBasicAuth(c.User, c.Password)
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 20 * time.Second}
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &StatusError{resp.StatusCode, strings.TrimSpace(string(b[:min(len(b), 300)]))}
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, out)
}

// Works tells whether the client's credentials are accepted.
func (c *Client) Works(ctx context.Context) (bool, error) {
	err := c.do(ctx, http.MethodGet, "/user", nil, nil)
	if hasCode(err, http.StatusUnauthorized, http.StatusForbidden) {
		return false, nil
	}
	return err == nil, err
}

// Account is somebody who may sign in.
type Account struct {
	Login, FullName, Email, Password string
}

// EnsureAccount makes the account if it is not there.
func (c *Client) EnsureAccount(ctx context.Context, a Account) error {
	err := c.do(ctx, http.MethodGet, "/users/"+url.PathEscape(a.Login), nil, nil)
	if !IsNotFound(err) {
		return err
	}
	return c.do(ctx, http.MethodPost, "/admin/users", map[string]any{
		"username": a.Login, "full_name": a.FullName, "email": a.Email, "password": a.Password,
		"must_change_password": false, "visibility": "limited",
	}, nil)
}

// NewToken makes a token of the client's own account (which must have a password), replacing the one of that name.
func (c *Client) NewToken(ctx context.Context, name string, scopes ...string) (string, error) {
	base := "/users/" + url.PathEscape(c.User) + "/tokens"
	if err := c.do(ctx, http.MethodDelete, base+"/"+url.PathEscape(name), nil, nil); err != nil && !IsNotFound(err) {
		return "", err
	}
	var out struct {
		Token string `json:"sha1"`
	}
	err := c.do(ctx, http.MethodPost, base, map[string]any{"name": name, "scopes": scopes}, &out)
	return out.Token, err
}

// EnsureOrganization makes the organization if it is not there.
func (c *Client) EnsureOrganization(ctx context.Context, name, title string) error {
	err := c.do(ctx, http.MethodGet, "/orgs/"+url.PathEscape(name), nil, nil)
	if !IsNotFound(err) {
		return err
	}
	return c.do(ctx, http.MethodPost, "/orgs", map[string]any{"username": name, "full_name": title, "visibility": "private"}, nil)
}

// Repository is what we need to know of one.
type Repository struct {
	Empty bool `json:"empty"`
}

// EnsureRepository makes the repository if it is not there.
func (c *Client) EnsureRepository(ctx context.Context, org, name, description string) (Repository, error) {
	var r Repository
	err := c.do(ctx, http.MethodGet, "/repos/"+url.PathEscape(org)+"/"+url.PathEscape(name), nil, &r)
	if !IsNotFound(err) {
		return r, err
	}
	return Repository{Empty: true}, c.do(ctx, http.MethodPost, "/orgs/"+url.PathEscape(org)+"/repos", map[string]any{
		"name": name, "description": description, "private": true, "default_branch": "main", "auto_init": false,
	}, nil)
}

// Team of an organization.
type Team struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Teams lists the teams of an organization.
func (c *Client) Teams(ctx context.Context, org string) ([]Team, error) {
	var t []Team
	err := c.do(ctx, http.MethodGet, "/orgs/"+url.PathEscape(org)+"/teams?limit=50", nil, &t)
	return t, err
}

// EnsureTeam makes a team that has permission (read, write or admin) on the code of all repositories.
func (c *Client) EnsureTeam(ctx context.Context, org, name, permission string) (Team, error) {
	teams, err := c.Teams(ctx, org)
	if err != nil {
		return Team{}, err
	}
	for _, t := range teams {
		if t.Name == name {
			return t, nil
		}
	}
	var t Team
	err = c.do(ctx, http.MethodPost, "/orgs/"+url.PathEscape(org)+"/teams", map[string]any{
		"name": name, "permission": permission, "includes_all_repositories": true,
		"units": []string{"repo.code", "repo.pulls"},
	}, &t)
	return t, err
}

// AddMember puts an account into a team.
func (c *Client) AddMember(ctx context.Context, team Team, login string) error {
	return c.do(ctx, http.MethodPut, fmt.Sprintf("/teams/%d/members/%s", team.ID, url.PathEscape(login)), nil, nil)
}

// EnsureWebhook makes the organization tell url of every push.
func (c *Client) EnsureWebhook(ctx context.Context, org, target, secret string) error {
	base := "/orgs/" + url.PathEscape(org) + "/hooks"
	var hooks []struct {
		ID     int64             `json:"id"`
		Config map[string]string `json:"config"`
	}
	if err := c.do(ctx, http.MethodGet, base+"?limit=50", nil, &hooks); err != nil {
		return err
	}
	hook := map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete"},
		"config": map[string]string{"url": target, "content_type": "json", "secret": secret},
	}
	for _, h := range hooks {
		if h.Config["url"] == target {
			delete(hook, "type")
			return c.do(ctx, http.MethodPatch, fmt.Sprintf("%s/%d", base, h.ID), hook, nil)
		}
	}
	return c.do(ctx, http.MethodPost, base, hook, nil)
}
