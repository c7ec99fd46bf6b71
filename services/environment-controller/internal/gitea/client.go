// Package gitea is the adapter for what this service administers in Gitea: organizations, teams, webhooks and the
// accounts of Flux. What is read of repositories goes through pkg/forge/gitea.
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
	"strconv"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// Client administers Gitea with the token of a site administrator.
type Client struct {
	base string
	auth string
	http *http.Client
}

var (
	_ organization.Organizations = (*Client)(nil)
	_ organization.Teams         = (*Client)(nil)
	_ organization.Hooks         = (*Client)(nil)
	_ organization.Archive       = (*Client)(nil)
	_ credential.Forge           = (*Client)(nil)
)

// New does not connect.
func New(address, token string) *Client {
	return &Client{
		base: strings.TrimSuffix(address, "/") + "/api/v1", auth: "token " + token,
		http: &http.Client{
			Timeout: 15 * time.Second,
			// A renamed organization answers with a redirect; what is asked for by the old name is not there.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// as is the same client with other rights.
func (c *Client) as(authorization string) *Client {
	return &Client{base: c.base, auth: authorization, http: c.http}
}

const (
	pageSize  = 50
	maxAnswer = 8 << 20
)

// call does one request below /api/v1. Every element of the path is escaped here.
func (c *Client) call(ctx context.Context, method string, path []string, query url.Values, body, answer any) (http.Header, error) {
	address := c.base
	for _, p := range path {
		address += "/" + url.PathEscape(p)
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", c.auth)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, refused(method, "/"+strings.Join(path, "/"), res.StatusCode, b)
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			return nil, fmt.Errorf("%w: %s /%s answered no JSON: %w", forge.ErrUnavailable, method, strings.Join(path, "/"), err)
		}
	}
	return res.Header, nil
}

// list reads every page of a listing; a listing that ends before the total that it announces is an error.
func list[T any](ctx context.Context, c *Client, path ...string) ([]T, error) {
	var all []T
	for page := 1; ; page++ {
		var v []T
		header, err := c.call(ctx, http.MethodGet, path, url.Values{"page": {strconv.Itoa(page)}, "limit": {strconv.Itoa(pageSize)}}, nil, &v)
		if err != nil {
			return nil, err
		}
		all = append(all, v...)
		total, err := strconv.Atoi(header.Get("X-Total-Count"))
		if err != nil {
			return nil, fmt.Errorf("%w: /%s: no X-Total-Count", forge.ErrUnavailable, strings.Join(path, "/"))
		}
		if len(all) >= total {
			return all, nil
		}
		if len(v) == 0 {
			return nil, fmt.Errorf("%w: /%s: %d of %d listed", forge.ErrUnavailable, strings.Join(path, "/"), len(all), total)
		}
	}
}

func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address
	}
	return fmt.Errorf("%w: %w", forge.ErrUnavailable, err)
}

func refused(method, path string, status int, body []byte) error {
	var v struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &v); err != nil || v.Message == "" {
		v.Message = http.StatusText(status)
	}
	var kind error
	switch {
	case status == http.StatusNotFound, status >= 300 && status < 400:
		kind = forge.ErrNotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = forge.ErrForbidden
	case status == http.StatusConflict:
		kind = forge.ErrExists
	case status == http.StatusTooManyRequests, status >= 500:
		kind = forge.ErrUnavailable
	default:
		return fmt.Errorf("gitea answered %d to %s %s: %s", status, method, path, v.Message)
	}
	return fmt.Errorf("%w: %s %s: %s (%d)", kind, method, path, v.Message, status)
}
