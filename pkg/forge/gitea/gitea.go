// Package gitea is the forge port on Gitea. It reads through the REST API's git/ routes, which look into the
// repository itself and not into Gitea's database (that lags behind a push), and writes with one push over smart HTTP.
package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
)

// Config says how to reach Gitea.
type Config struct {
	URL   string
	Token string
	// Committer of every commit; the author is the person who asked.
	Committer forge.Person
	// ReadTimeout and PushTimeout bound a request; 15 s and 60 s if zero.
	ReadTimeout, PushTimeout time.Duration
}

// Client is Gitea as a forge.
type Client struct {
	base      *url.URL
	token     string
	committer forge.Person
	read      time.Duration
	push      time.Duration
	http      *http.Client
}

var (
	_ forge.Reader  = (*Client)(nil)
	_ forge.History = (*Client)(nil)
	_ forge.Writer  = (*Client)(nil)
)

// New checks the configuration; it does not connect.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(cfg.URL, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("the address of Gitea must be an http or https URL, not %q", cfg.URL)
	}
	if cfg.Committer.Name == "" || cfg.Committer.Email == "" {
		cfg.Committer = forge.Person{Name: "Catalyst", Email: "catalyst@catalyst.invalid"}
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = 15 * time.Second
	}
	if cfg.PushTimeout == 0 {
		cfg.PushTimeout = time.Minute
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one in every Go version
	transport.MaxIdleConnsPerHost = 16
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return &Client{
		base: u, token: cfg.Token, committer: cfg.Committer, read: cfg.ReadTimeout, push: cfg.PushTimeout,
		http: &http.Client{
			Transport: transport,
			// A renamed repository answers with a redirect; what is asked for by the old name is not there.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Ready tells whether Gitea answers and accepts the token.
func (c *Client) Ready(ctx context.Context) error {
	var v struct {
		Login string `json:"login"`
	}
	_, err := c.get(ctx, "/user", nil, &v)
	return err
}

// maxAnswer bounds what is read of one answer: a page of a listing is far smaller.
const maxAnswer = 16 << 20

// get reads JSON below /api/v1 into v.
func (c *Client) get(ctx context.Context, path string, query url.Values, v any) (http.Header, error) {
	return c.call(ctx, http.MethodGet, path, query, nil, v)
}

// call does one request below /api/v1. The path is already escaped.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, v any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.read)
	defer cancel()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	address := c.base.String() + "/api/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "token "+c.token)
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
		return res.Header, refused(method, path, res.StatusCode, b)
	}
	if v == nil {
		return res.Header, nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("%w: %s %s answered no JSON: %w", forge.ErrUnavailable, method, path, err)
	}
	return res.Header, nil
}

// unreachable turns a failure of the connection into one that may pass, unless the caller gave up.
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

// refused turns the status of an answer into an error of the port.
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

func repoPath(r forge.Repo) string {
	return "/repos/" + url.PathEscape(r.Organization) + "/" + url.PathEscape(r.Name)
}
