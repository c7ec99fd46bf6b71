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

func (s *stub) Operation(_ context.Context, organization, id string) (*operation.Operation, error) {
	if organization != "acme" {
		return nil, &operation.Error{Code: operation.CodeOperationNotFound, Message: "none"}
	}
	return &operation.Operation{ID: id, Organization: "acme", Environment: "acme-" + strings.TrimPrefix(id, "op-")}, nil
}

func (s *stub) Cancel(_ context.Context, id string, p operation.Person) (*operation.Operation, error) {
	s.asked = operation.Request{Organization: "acme", Application: "cancel " + id, Person: p}
	return &operation.Operation{ID: id, Organization: "acme"}, s.err
}

func (s *stub) Retry(_ context.Context, id string, p operation.Person, key string) (*operation.Operation, error) {
	s.asked = operation.Request{Organization: "acme", Application: "retry " + id, Person: p, Key: key}
	return &operation.Operation{ID: id + "-again", Organization: "acme"}, s.err
}

var expires = time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)

func (s *stub) Make(_ context.Context, r operation.Request) (*operation.InstallPlan, error) {
	s.asked = r
	var plan operation.Plan
	err := json.Unmarshal([]byte(`{"repo":{"Organization":"acme","Name":"shop"},"create":true,"message":"Install","write":{"b":"Mg==","a":"MQ=="},
		"commits":[{"refs":[{"branch":"develop"},{"branch":"main"}]}]}`), &plan)
	if s.err != nil {
		err = s.err
	}
	return &operation.InstallPlan{ID: "plan-1", Request: r, ExpiresAt: expires, Operation: operation.Operation{Plan: plan}, Proposal: operation.Proposal{
		Action: r.Action, Values: map[string]any{"x": 1}, Tree: &operation.Node{Application: "shop", Use: "new", Depends: []operation.Node{{Path: "db", Alias: "db", Use: "off"}}},
		Diffs: map[string]string{operation.DiffKey(plan.Changes[0].Repo, 0, "a"): "-0\n+1\n"}}}, err
}

func (s *stub) Get(ctx context.Context, organization, id string) (*operation.InstallPlan, error) {
	if organization != "acme" {
		return nil, &operation.Error{Code: operation.CodePlanNotFound, Message: "none"}
	}
	p, err := (&stub{}).Make(ctx, operation.Request{Organization: "acme", Environment: "acme-" + strings.TrimPrefix(id, "plan-"), Application: "shop"})
	return p, err
}

func (s *stub) Apply(_ context.Context, p *operation.InstallPlan, by operation.Person) (*operation.Operation, error) {
	s.asked = operation.Request{Organization: "acme", Application: "apply " + p.ID, Person: by}
	return &operation.Operation{ID: "op-1", Organization: "acme", PlanID: p.ID}, s.err
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
	rest.New(s, s, everybody).Handler().ServeHTTP(w, r)
	return w
}

const (
	applications = "/api/v1/organizations/acme/applications"
	dev          = "/api/v1/organizations/acme/environments/acme-dev/applications/shop"
	prod         = "/api/v1/organizations/acme/environments/acme-prod/applications/shop"
	inDev        = `{"name":"shop","blueprint":"bp-web","environment":"acme-dev","values":{"replicas":3}}`
	planDev      = `{"application":"shop","blueprint":"bp-web","environment":"acme-dev","values":{"replicas":3}}`
	inProd       = `{"name":"shop","blueprint":"bp-web","environment":"acme-prod"}`
)

func TestWhoMayDoWhat(t *testing.T) {
	for _, route := range []struct {
		method, path, body string
		allowed            map[string]int
	}{
		{"POST", applications, inDev, map[string]int{"ada": 202, "noor": 202, "dev": 202, "sam": 202, "vik": 403, "sol": 403, "kit": 404, "": 401, "forged": 401}},
		{"POST", applications, inProd, map[string]int{"ada": 202, "noor": 202, "dev": 404, "sam": 202, "vik": 403, "sol": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/install-plans", planDev, map[string]int{"noor": 201, "dev": 201, "vik": 403, "kit": 404, "": 401}},
		{"GET", "/api/v1/organizations/acme/install-plans/plan-dev", "", map[string]int{"noor": 200, "dev": 200, "vik": 403, "kit": 404, "": 401}},
		{"GET", "/api/v1/organizations/acme/install-plans/plan-prod", "", map[string]int{"noor": 200, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/install-plans/plan-dev/operation", "", map[string]int{"noor": 202, "dev": 202, "vik": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/install-plans/plan-prod/operation", "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/operations/op-dev/cancel", "", map[string]int{"noor": 202, "dev": 202, "vik": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/operations/op-prod/cancel", "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", "/api/v1/organizations/acme/operations/op-prod/retry", "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", prod + "/upgrade", `{"version":"2.0.0"}`, map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", prod + "/rollback", `{"commit":"0123abc"}`, map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", prod + "/pause", "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
		{"POST", prod + "/resume", "", map[string]int{"noor": 202, "dev": 404, "vik": 403, "kit": 404, "": 401}},
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
	s := &stub{}
	w := call(t, s, "noor", "POST", "/api/v1/organizations/acme/install-plans",
		`{"application":"shop","blueprint":"bp-web","environment":"acme-dev","size":"small","choices":{"db":{"use":"existing","application":"pg"},"db/log":{"use":"new","name":"logs"}}}`, "Idempotency-Key", "k")
	want := operation.Request{Action: operation.Install, Organization: "acme", Environment: "acme-dev", Application: "shop", Blueprint: "bp-web", Size: "small", Key: "k",
		Choices: map[string]operation.Choice{"db": {Use: "existing", Application: "pg"}, "db/log": {Use: "new", Application: "logs"}},
		Person:  operation.Person{Subject: "noor", Name: "noor", Email: "noor@acme.example"}}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if l := w.Header().Get("Location"); l != "/api/v1/organizations/acme/install-plans/plan-1" {
		t.Errorf("Location %q", l)
	}
	var plan rest.InstallPlan
	if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil {
		t.Fatal(err)
	}
	shown := rest.InstallPlan{ID: "plan-1", ExpiresAt: expires, Action: operation.Install, Application: "shop", Environment: "acme-dev", Values: map[string]any{"x": 1.0},
		Tree: &rest.PlanNode{Application: "shop", Use: "new", Offers: []rest.Offer{}, Depends: []rest.PlanNode{{Path: "db", Alias: "db", Use: "off", Offers: []rest.Offer{}, Depends: []rest.PlanNode{}}}},
		Changes: []rest.PlannedChange{{Application: "shop", Repository: "acme/shop", Create: true, Commits: []rest.PlannedCommit{{
			Branches: []string{"develop", "main"}, Message: "Install", Removed: []string{},
			Files: []rest.PlannedFile{{Path: "a", Content: "1", Diff: "-0\n+1\n"}, {Path: "b", Content: "2"}}}}}},
		Manifests: []rest.PlannedManifests{}, Affected: []rest.Affected{}, Warnings: []string{}}
	if diff := cmp.Diff(shown, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestActions(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		want               operation.Request
	}{
		{"POST", dev + "/upgrade", `{"version":"2.0.0","values":{"a":1},"choices":{"db":{"use":"new","name":"x"}}}`, operation.Request{Action: operation.Upgrade, Version: "2.0.0",
			Values: map[string]any{"a": 1.0}, Choices: map[string]operation.Choice{"db": {Use: "new", Application: "x"}}}},
		{"POST", dev + "/rollback", `{"commit":"0123abc"}`, operation.Request{Action: operation.Rollback, Commit: "0123abc"}},
		{"POST", dev + "/pause", "", operation.Request{Action: operation.Pause}},
		{"POST", dev + "/resume", "", operation.Request{Action: operation.Resume}},
		{"DELETE", dev + "?withDependencies=true", "", operation.Request{Action: operation.Uninstall, WithDependencies: true}},
	} {
		s := &stub{}
		w := call(t, s, "noor", tt.method, tt.path, tt.body, "Idempotency-Key", "k")
		tt.want.Organization, tt.want.Environment, tt.want.Application, tt.want.Key = "acme", "acme-dev", "shop", "k"
		tt.want.Person = operation.Person{Subject: "noor", Name: "noor", Email: "noor@acme.example"}
		if diff := cmp.Diff(tt.want, s.asked); diff != "" || w.Header().Get("Location") == "" {
			t.Errorf("%s %s: %d, %v (-want +got):\n%s", tt.method, tt.path, w.Code, w.Header(), diff)
		}
	}
	for _, body := range []string{`{"commit":"main"}`, `{"commit":"../x"}`, `{}`} {
		if w := call(t, &stub{}, "noor", "POST", dev+"/rollback", body); w.Code != 422 {
			t.Errorf("rollback %s: %d", body, w.Code)
		}
	}
}

func TestMoved(t *testing.T) {
	s := &stub{err: &operation.Error{Code: operation.CodeBranchMoved, Message: "why", Hint: "plan again", Moved: &operation.Moved{
		Branch: "develop", By: "Noor", Commit: "abc", Message: "By hand", Files: []string{"x"}}}}
	w := call(t, s, "ada", "POST", "/api/v1/organizations/acme/install-plans/plan-dev/operation", "")
	var p rest.Conflict
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != 412 || p.Moved == nil || p.Moved.By != "Noor" || p.Moved.Files[0] != "x" || p.Hint != "plan again" || p.Code != "branch_moved" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.err = &operation.Error{Code: operation.CodeInUse, Dependents: []string{"cart"}}
	if w := call(t, s, "ada", "DELETE", dev, ""); w.Code != 409 || !strings.Contains(w.Body.String(), `"dependents":["cart"]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.err = &operation.Error{Code: operation.CodePlanExpired}
	if w := call(t, s, "ada", "POST", "/api/v1/organizations/acme/install-plans/plan-dev/operation", ""); w.Code != 410 {
		t.Errorf("%d %s", w.Code, w.Body)
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
