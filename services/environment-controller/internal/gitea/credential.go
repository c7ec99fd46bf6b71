package gitea

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"catalyst.openova.io/pkg/forge"
)

// readScope is all that a token of Flux may do; teams narrow it to the repositories of one organization.
var readScope = []string{"read:repository"}

// Issue implements credential.Forge. Gitea makes and lists tokens only for who signs in with a password, so the account
// is given one that is used for this and never again.
func (c *Client) Issue(ctx context.Context, account, token string) (string, error) {
	own, err := c.signIn(ctx, account)
	if errors.Is(err, forge.ErrNotFound) {
		if err = c.createAccount(ctx, account); err == nil {
			own, err = c.signIn(ctx, account)
		}
	}
	if err != nil {
		return "", err
	}
	var v struct {
		Secret string `json:"sha1"`
	}
	_, err = own.call(ctx, http.MethodPost, []string{"users", account, "tokens"}, nil, map[string]any{"name": token, "scopes": readScope}, &v)
	return v.Secret, err
}

// Retain implements credential.Forge.
func (c *Client) Retain(ctx context.Context, account, token string) error {
	own, err := c.signIn(ctx, account)
	if errors.Is(err, forge.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := list[struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}](ctx, own, "users", account, "tokens")
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Name == token {
			continue
		}
		_, err := own.call(ctx, http.MethodDelete, []string{"users", account, "tokens", strconv.FormatInt(t.ID, 10)}, nil, nil, nil)
		if err != nil && !errors.Is(err, forge.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Opens implements credential.Forge.
func (c *Client) Opens(ctx context.Context, token string) (bool, error) {
	_, err := c.as("token "+token).call(ctx, http.MethodGet, []string{"repos", "search"}, url.Values{"limit": {"1"}}, nil, nil)
	if errors.Is(err, forge.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

func (c *Client) createAccount(ctx context.Context, account string) error {
	_, err := c.call(ctx, http.MethodPost, []string{"admin", "users"}, nil, map[string]any{
		"username": account, "email": account + "@sovereign.example", "password": random(), "must_change_password": false,
		"restricted": true, "visibility": private,
	}, nil)
	return err
}

// signIn gives an account a new password and signs in with it. An account of Flux sees what its teams show it, and makes
// nothing.
func (c *Client) signIn(ctx context.Context, account string) (*Client, error) {
	password := random()
	_, err := c.call(ctx, http.MethodPatch, []string{"admin", "users", account}, nil, map[string]any{
		"login_name": account, "source_id": 0, "password": password, "must_change_password": false, "active": true, "prohibit_login": false,
		"admin": false, "restricted": true, "allow_create_organization": false, "max_repo_creation": 0, "allow_git_hook": false,
	}, nil)
	if err != nil {
		return nil, err
	}
	return c.as("Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password))), nil
}

func random() string {
	b := make([]byte, 24)
	rand.Read(b) //nolint:errcheck // it never fails: see its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}
