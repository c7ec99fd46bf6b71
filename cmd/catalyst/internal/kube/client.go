package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// FieldManager is the name under which this command applies.
const FieldManager = "catalyst-up"

// Client talks to one API server.
type Client struct {
	server                    string
	token, username, password string
	http                      *http.Client

	mu        sync.Mutex
	resources map[string]resource
}

type resource struct {
	name       string
	namespaced bool
}

// StatusError is a refusal of the API server.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the API server answers %d: %s", e.Code, e.Message)
}

// IsNotFound tells whether err says that there is no such object.
func IsNotFound(err error) bool {
	var s *StatusError
	return errors.As(err, &s) && s.Code == http.StatusNotFound
}

// Server is the URL of the API server.
func (c *Client) Server() string { return c.server }

// Get reads path into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, out)
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	switch {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.username != "":
		req.SetBasicAuth(c.username, c.password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var s struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(b, &s) != nil || s.Message == "" {
			s.Message = strings.TrimSpace(string(b[:min(len(b), 300)]))
		}
		return &StatusError{resp.StatusCode, s.Message}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// Apply applies every document of a YAML stream, in order, as this command's own.
func (c *Client) Apply(ctx context.Context, stream []byte) error {
	for _, doc := range Documents(stream) {
		if err := c.applyOne(ctx, doc); err != nil {
			return err
		}
	}
	return nil
}

// Documents splits a YAML stream.
func Documents(stream []byte) [][]byte {
	var docs [][]byte
	for _, d := range bytes.Split(append([]byte("\n"), stream...), []byte("\n---")) {
		if j, err := yaml.YAMLToJSON(d); err == nil && (string(j) == "null" || string(j) == "") {
			continue
		}
		docs = append(docs, d)
	}
	return docs
}

func (c *Client) applyOne(ctx context.Context, doc []byte) error {
	body, err := yaml.YAMLToJSON(doc)
	if err != nil {
		return err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	if o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "" {
		return fmt.Errorf("a document without apiVersion, kind or name: %.60s", body)
	}
	path, err := c.path(ctx, o)
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.Kind, o.Metadata.Name, err)
	}
	if err := c.do(ctx, http.MethodPatch, path+"?force=true&fieldManager="+FieldManager, "application/apply-patch+yaml", body, nil); err != nil {
		return fmt.Errorf("apply %s %s: %w", o.Kind, o.Metadata.Name, err)
	}
	return nil
}

func (c *Client) path(ctx context.Context, o object) (string, error) {
	r, err := c.resource(ctx, o.APIVersion, o.Kind)
	if err != nil {
		return "", err
	}
	p := groupPath(o.APIVersion)
	if r.namespaced {
		ns := o.Metadata.Namespace
		if ns == "" {
			return "", errors.New("it needs a namespace")
		}
		p += "/namespaces/" + url.PathEscape(ns)
	}
	return p + "/" + r.name + "/" + url.PathEscape(o.Metadata.Name), nil
}

func groupPath(apiVersion string) string {
	if strings.Contains(apiVersion, "/") {
		return "/apis/" + apiVersion
	}
	return "/api/" + apiVersion
}

// resource finds a kind; one that was defined a moment ago takes the API server a moment to serve.
func (c *Client) resource(ctx context.Context, apiVersion, kind string) (resource, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		r, ok, err := c.discover(ctx, apiVersion, kind)
		if ok {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return resource{}, errors.Join(fmt.Errorf("the API server does not know %s %s", apiVersion, kind), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Client) discover(ctx context.Context, apiVersion, kind string) (resource, bool, error) {
	key := apiVersion + " " + kind
	c.mu.Lock()
	r, ok := c.resources[key]
	c.mu.Unlock()
	if ok {
		return r, true, nil
	}
	var list struct {
		Resources []struct {
			Name       string `json:"name"`
			Kind       string `json:"kind"`
			Namespaced bool   `json:"namespaced"`
		} `json:"resources"`
	}
	if err := c.Get(ctx, groupPath(apiVersion), &list); err != nil {
		return resource{}, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resources == nil {
		c.resources = map[string]resource{}
	}
	for _, v := range list.Resources {
		if !strings.Contains(v.Name, "/") {
			c.resources[apiVersion+" "+v.Kind] = resource{v.Name, v.Namespaced}
		}
	}
	r, ok = c.resources[key]
	return r, ok, nil
}
