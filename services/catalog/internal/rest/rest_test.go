package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

type tokens map[string]identity.Person

func (t tokens) Verify(_ context.Context, token string) (identity.Person, time.Time, error) {
	p, ok := t[token]
	if !ok {
		return p, time.Time{}, identity.ErrInvalidToken
	}
	return p, time.Now().Add(time.Hour), nil
}

const document = `apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: bp-a, version: 1.0.0}
spec:
  card: {title: A, summary: An A., category: web}
  owner: platform
  configSchema: {type: object, properties: {replicas: {type: integer, default: 2}}}
  overlays: {small: {title: Small, values: {replicas: 1}}}
  manifests: {engine: helm, path: chart}
`

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	var s shelf.Shelf
	card := shelf.Card{Title: "A", Summary: "An A.", Category: "web", Owner: "platform", Visibility: blueprint.Listed, Icon: "data:image/svg+xml;base64,AA==", Description: "# A"}
	private, unlisted := card, card
	private.Visibility, unlisted.Visibility = blueprint.Private, blueprint.Unlisted
	s.Replace([]*shelf.Version{
		{Name: "bp-a", Version: "1.0.0", Digest: "sha256:1", SignedBy: "sha256:k", Card: card, Document: []byte(document)},
		{Name: "bp-a", Version: "2.0.0", Digest: "sha256:2", Reason: "is not signed"},
		{Name: "bp-private", Version: "1.0.0", Card: private, Document: []byte(document)},
		{Name: "bp-unlisted", Version: "1.0.0", Card: unlisted, Document: []byte(document)},
	})
	srv := httptest.NewServer(New(&s, tokens{
		"ada": {Subject: "ada", Roles: []identity.Role{{Name: identity.OrgAdmin, Organization: "acme"}}},
		"sam": {Subject: "sam", Roles: []identity.Role{{Name: identity.SovereignAdmin}}},
	}).Handler())
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, srv *httptest.Server, path, token, tag string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	var body map[string]any
	if resp.StatusCode != http.StatusNotModified {
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return resp, body
}

func TestAnswers(t *testing.T) {
	srv := newServer(t)
	for _, tc := range []struct {
		reason, path, token string
		status              int
		want                string
	}{
		{"nobody", "/api/v1/blueprints", "", 401, `"code":"not_signed_in"`},
		{"nobody on a version", "/api/v1/blueprints/bp-a/versions/1.0.0", "stolen", 401, `"code":"not_signed_in"`},
		{"list", "/api/v1/blueprints", "ada", 200, `{"items":[{"category":"web","icon":"data:image/svg+xml;base64,AA==","name":"bp-a","owner":"platform","summary":"An A.","title":"A","version":"1.0.0","versions":[{"digest":"sha256:2","installable":false,"reason":"is not signed","version":"2.0.0"},{"digest":"sha256:1","installable":true,"version":"1.0.0"}]}]}`},
		{"one", "/api/v1/blueprints/bp-a", "ada", 200, `"title":"A"`},
		{"unlisted by name", "/api/v1/blueprints/bp-unlisted", "ada", 200, `"title":"A"`},
		{"private", "/api/v1/blueprints/bp-private", "ada", 404, `"code":"blueprint_not_found"`},
		{"private version", "/api/v1/blueprints/bp-private/versions/1.0.0", "ada", 404, `"code":"blueprint_not_found"`},
		{"private for the administrator", "/api/v1/blueprints/bp-private", "sam", 200, `"title":"A"`},
		{"unknown", "/api/v1/blueprints/bp-zzz", "ada", 404, `"code":"blueprint_not_found"`},
		{"odd name", "/api/v1/blueprints/%2e%2e%2f%00", "ada", 404, `not_found"`},
		{"version", "/api/v1/blueprints/bp-a/versions/1.0.0", "ada", 200, `"configSchema":{"properties":{"replicas":{"default":2,"type":"integer"}},"type":"object"},"description":"# A","digest":"sha256:1","engine":"helm"`},
		{"sizes", "/api/v1/blueprints/bp-a/versions/1.0.0", "ada", 200, `"sizes":[{"name":"small","title":"Small","values":{"replicas":1}}]`},
		{"refused version", "/api/v1/blueprints/bp-a/versions/2.0.0", "ada", 200, `"installable":false,"name":"bp-a","owner":"","reason":"is not signed"`},
		{"unknown version", "/api/v1/blueprints/bp-a/versions/7.0.0", "ada", 404, `"code":"version_not_found","detail":"Blueprint bp-a has no version 7.0.0. It has: 1.0.0."`},
		{"description of the API", "/openapi.json", "", 200, `"operationId":"get-blueprint-version"`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			resp, body := get(t, srv, tc.path, tc.token, "")
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || !strings.Contains(string(raw), tc.want) {
				t.Errorf("got %d %s\nwant %d %s", resp.StatusCode, raw, tc.status, tc.want)
			}
			if tc.status >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %s", resp.Header.Get("Content-Type"))
			}
		})
	}
}

func TestEntityTag(t *testing.T) {
	srv := newServer(t)
	first, _ := get(t, srv, "/api/v1/blueprints", "ada", "")
	tag := first.Header.Get("ETag")
	for held, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, `"x"`: 200, "": 200} {
		if resp, _ := get(t, srv, "/api/v1/blueprints", "ada", held); resp.StatusCode != want || resp.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d with ETag %s", held, resp.StatusCode, resp.Header.Get("ETag"))
		}
	}
}
