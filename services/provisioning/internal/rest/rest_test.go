package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
	"catalyst.openova.io/services/provisioning/internal/rest"
)

// people by token.
type people map[string][]identity.Role

func (p people) Verify(_ context.Context, token string) (identity.Person, time.Time, error) {
	roles, ok := p[token]
	if !ok {
		return identity.Person{}, time.Time{}, identity.ErrInvalidToken
	}
	return identity.Person{Subject: token, Name: token, Email: token + "@acme.example", Roles: roles}, time.Time{}, nil
}

var everybody = people{
	"ada":  {{Name: identity.OrgAdmin, Organization: "acme"}},
	"noor": {{Name: identity.OrgDeveloper, Organization: "acme"}},
	"dev":  {{Name: identity.OrgDeveloper, Organization: "acme", EnvType: "dev"}},
	"vik":  {{Name: identity.OrgViewer, Organization: "acme"}},
	"sol":  {{Name: identity.SecurityOfficer}},
	"sam":  {{Name: identity.SovereignAdmin}},
	"kit":  {{Name: identity.OrgAdmin, Organization: "kestrel"}},
}

// stub answers with what it is told to, and keeps what it was asked.
type stub struct {
	asked operation.Request
	err   error
}

func (s *stub) Submit(_ context.Context, r operation.Request) (*operation.Operation, error) {
	s.asked = r
	return &operation.Operation{ID: "op-1", Organization: r.Organization, Environment: r.Environment, Application: r.Application, Action: r.Action,
		State: view.OperationPending, Steps: []view.Step{}}, s.err
}

func (s *stub) Preview(_ context.Context, r operation.Request) (*operation.Operation, error) {
	s.asked = r
	return &operation.Operation{Plan: operation.Plan{Message: "Install", Write: map[string][]byte{"b": []byte("2"), "a": []byte("1")},
		Commits: []operation.Commit{{Refs: []operation.Ref{{Branch: "develop"}, {Branch: "main"}}}}, Values: map[string]any{"x": 1}}}, s.err
}

func (s *stub) Settings(_ context.Context, r operation.Request) (operation.Settings, error) {
	s.asked = r
	return operation.Settings{Values: map[string]any{"x": 1}, Commit: "abc", Blueprint: gitlayout.Pin{Name: "bp-web", Version: "1.0.0"}}, s.err
}

func call(t *testing.T, s *stub, token, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	rest.New(s, everybody).Handler().ServeHTTP(w, r)
	return w
}

const (
	applications = "/api/v1/organizations/acme/applications"
	dev          = "/api/v1/organizations/acme/environments/acme-dev/applications/shop"
	prod         = "/api/v1/organizations/acme/environments/acme-prod/applications/shop"
	inDev        = `{"name":"shop","blueprint":"bp-web","environment":"acme-dev","values":{"replicas":3}}`
	inProd       = `{"name":"shop","blueprint":"bp-web","environment":"acme-prod"}`
)

func TestWhoMayDoWhat(t *testing.T) {
	for _, route := range []struct {
		method, path, body string
		allowed            map[string]int
	}{
		{"POST", applications, inDev, map[string]int{"ada": 202, "noor": 202, "dev": 202, "sam": 202, "vik": 403, "sol": 403, "kit": 404, "": 401, "forged": 401}},
		{"POST", applications, inProd, map[string]int{"ada": 202, "noor": 202, "dev": 404, "sam": 202, "vik": 403, "sol": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/install-plans", inDev, map[string]int{"noor": 200, "dev": 200, "vik": 403, "kit": 404, "": 401}},
		{"PUT", dev + "/values", `{"values":{}}`, map[string]int{"noor": 202, "dev": 202, "vik": 403, "kit": 404, "": 401}},
		{"PUT", prod + "/values", `{"values":{}}`, map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"GET", dev + "/values", "", map[string]int{"noor": 200, "dev": 200, "vik": 200, "sol": 200, "kit": 404, "": 401}},
		{"GET", prod + "/values", "", map[string]int{"noor": 200, "dev": 404, "vik": 200, "sol": 200, "kit": 404, "": 401}},
		{"DELETE", dev, "", map[string]int{"noor": 202, "dev": 202, "vik": 403, "sol": 403, "kit": 404, "": 401}},
		{"DELETE", prod, "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "sol": 403, "kit": 404, "": 401}},
		{"DELETE", applications + "/shop", "", map[string]int{"ada": 202, "noor": 202, "dev": 403, "vik": 403, "sol": 403, "kit": 404, "": 401}},
	} {
		for token, want := range route.allowed {
			s := &stub{}
			w := call(t, s, token, route.method, route.path, route.body)
			if w.Code != want {
				t.Errorf("%s %s by %q: %d, want %d: %s", route.method, route.path, token, w.Code, want, w.Body)
			}
			if want >= 400 && s.asked.Organization != "" {
				t.Errorf("%s %s by %q was refused and yet done", route.method, route.path, token)
			}
		}
	}
}

func TestInstall(t *testing.T) {
	s := &stub{}
	w := call(t, s, "noor", "POST", applications, inDev, "Idempotency-Key", "k1")
	want := operation.Request{Action: operation.Install, Organization: "acme", Environment: "acme-dev", Application: "shop", Blueprint: "bp-web", Key: "k1",
		Values: map[string]any{"replicas": 3.0}, Person: operation.Person{Subject: "noor", Name: "noor", Email: "noor@acme.example"}}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if l := w.Header().Get("Location"); l != "/api/v1/organizations/acme/operations/op-1" {
		t.Errorf("Location %q", l)
	}
	var o view.Operation
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || o.Name != "op-1" || o.State != view.OperationPending || o.Kind != view.KindOperation {
		t.Errorf("body %s, %v", w.Body, err)
	}
}

func TestConfigure(t *testing.T) {
	s := &stub{}
	call(t, s, "noor", "PUT", dev+"/values", `{"values":{"a":1}}`, "If-Match", `"abc"`, "Idempotency-Key", "k")
	if s.asked.Head != "abc" || s.asked.Key != "k" || s.asked.Application != "shop" || s.asked.Environment != "acme-dev" || s.asked.Action != operation.Configure {
		t.Errorf("asked %+v", s.asked)
	}
	w := call(t, s, "vik", "GET", dev+"/values", "")
	if w.Header().Get("ETag") != `"abc"` || !strings.Contains(w.Body.String(), `"commit":"abc"`) {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func TestUninstall(t *testing.T) {
	s := &stub{}
	call(t, s, "noor", "DELETE", dev, "")
	if s.asked.Environment != "acme-dev" || s.asked.Action != operation.Uninstall {
		t.Errorf("asked %+v", s.asked)
	}
	call(t, s, "noor", "DELETE", applications+"/shop", "")
	if s.asked.Environment != "" || s.asked.Application != "shop" {
		t.Errorf("asked %+v", s.asked)
	}
}

func TestPlan(t *testing.T) {
	w := call(t, &stub{}, "noor", "POST", "/api/v1/organizations/acme/install-plans", inDev)
	var plan rest.InstallPlan
	if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil {
		t.Fatal(err)
	}
	want := rest.InstallPlan{Values: map[string]any{"x": 1.0}, Warnings: []string{}, Commits: []rest.PlannedCommit{{
		Repository: "/", Branches: []string{"develop", "main"}, Message: "Install", Removed: []string{},
		Files: []rest.PlannedFile{{Path: "a", Content: "1"}, {Path: "b", Content: "2"}},
	}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProblems(t *testing.T) {
	for code, want := range map[operation.Code]int{
		operation.CodeInvalidName: 422, operation.CodeNameTaken: 409, operation.CodeEnvironmentNotFound: 404, operation.CodeVersionRefused: 422,
		operation.CodeBranchMoved: 412, operation.CodeForgeUnavailable: 503, operation.CodeKeyReused: 422, operation.CodeApplicationNotFound: 404,
	} {
		w := call(t, &stub{err: &operation.Error{Code: code, Message: "why", Suggestion: "shop-2", Fields: []operation.Field{{Pointer: "/name", Message: "taken"}}}},
			"ada", "POST", applications, inDev)
		var p server.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != want || p.Code != string(code) || p.Detail != "why" || p.Suggestion != "shop-2" || len(p.Errors) != 1 ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
	w := call(t, &stub{err: errors.New("token s3cret refused by 10.0.0.1")}, "ada", "POST", applications, inDev)
	if w.Code != 503 || strings.Contains(w.Body.String(), "s3cret") {
		t.Errorf("an internal error is told: %d %s", w.Code, w.Body)
	}
}

func TestBadRequests(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "{", "a list": "[]", "an unknown field": `{"name":"a","blueprint":"b","environment":"acme-dev","nope":1}`,
		"no environment": `{"name":"a","blueprint":"b"}`, "values of another type": `{"name":"a","blueprint":"b","environment":"acme-dev","values":[]}`,
		"too large": `{"name":"a","blueprint":"b","environment":"acme-dev","values":{"x":"` + strings.Repeat("a", 600<<10) + `"}}`,
	} {
		w := call(t, &stub{}, "ada", "POST", applications, body)
		if w.Code < 400 || w.Code > 499 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := call(t, &stub{}, "ada", "GET", "/nope", ""); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path: %d", w.Code)
	}
}

func TestDocument(t *testing.T) {
	w := call(t, &stub{}, "", "GET", "/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string } `json:"parameters"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			var names []string
			for _, p := range o.Parameters {
				names = append(names, p.Name)
			}
			for _, want := range []string{"org", "env", "app"} {
				if strings.Contains(path, "{"+want+"}") && !strings.Contains(strings.Join(names, " "), want) {
					t.Errorf("%s %s does not describe %s", method, path, want)
				}
			}
		}
	}
}
