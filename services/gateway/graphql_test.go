package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

func TestGraphQLAndRESTAgree(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 30 {
		name := fmt.Sprintf("app-%02d", i)
		s.project("acme-dev", view.KindApplication, name, view.Application{
			Header:    view.Header{Kind: view.KindApplication, Organization: "acme", Environment: "acme-dev", Name: name, ChangedAt: now},
			Phase:     []view.Phase{view.PhaseRunning, view.PhaseFailed, view.PhaseUnknown}[i%3],
			Blueprint: view.Blueprint{Name: fmt.Sprintf("bp-%d", i%4), Version: "1.2.3"}, Message: "line\nand \"quotes\" and ünïcode",
			Desired: &view.Commit{SHA: "abc", Author: "Ada", At: now}, Since: now.Add(-time.Duration(i) * time.Minute),
			Workloads: []view.Workload{{Kind: "Deployment", Name: name, Desired: 3, Ready: 2, Images: []string{"a", "b"}, Health: "InProgress", ChangedAt: now}},
			Endpoints: []view.Endpoint{}, Conditions: []view.Part{{Kind: "Kustomization", Name: name, Health: "Current"}}, UsedBy: []string{"x"},
			DependsOn: []view.Dependency{{Alias: "db", Application: "pg", Phase: view.PhaseRunning}}, Pods: []view.Pod{{Name: "p", Restarts: 7}},
		})
	}
	s.eventually("the Applications", func() bool { _, ok := s.store.Get("Application/acme-dev/app-29"); return ok })
	b, auth := s.browser(), "Bearer "+s.bearer("x", time.Hour, "acme/org-viewer")
	const fields = `kind organization environment name changedAt blueprint { name version } phase message desired { sha author at }
		workloads { kind name desired ready images health changedAt } parts { kind name health } dependsOn { alias application phase }
		usedBy pods { name restarts } since`
	for _, tt := range []struct{ rest, graph string }{
		{"", ""},
		{"sort=-since&phase=Failed,Unknown", `sort: {by: SINCE, descending: true}, filter: {phases: ["Failed", "Unknown"]}`},
		{"sort=phase&q=BP-1", `sort: {by: PHASE}, filter: {text: "BP-1"}`},
		{"environment=acme-dev&blueprint=bp-2", `filter: {organization: "acme", environment: "acme-dev", blueprint: "bp-2"}`},
		{"name=app-07", `filter: {name: "app-07"}`},
		{"environment=globex-dev", `filter: {environment: "globex-dev"}`},
	} {
		var restItems, graphItems []any
		for cursor := ""; ; {
			got := b.get("/api/v1/applications?limit=7&"+tt.rest+"&cursor="+cursor, "Authorization", auth)
			var page struct {
				Items []any
				Next  string
			}
			if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
				t.Fatal(got.status, got.body)
			}
			restItems = append(restItems, page.Items...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		for after := "null"; ; {
			args := strings.Trim(tt.graph+", first: 7, after: "+after, ", ")
			var answer struct {
				Data struct {
					Applications struct {
						TotalCount int
						Nodes      []any
						PageInfo   struct {
							HasNextPage bool
							EndCursor   *string
						}
					}
				}
			}
			body := b.graphql(auth, "{ applications("+args+") { totalCount pageInfo { hasNextPage endCursor } nodes { "+fields+" } } }", nil)
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatal(err)
			}
			list := answer.Data.Applications
			if graphItems = append(graphItems, list.Nodes...); list.TotalCount != len(restItems) {
				t.Errorf("%s: counts %d, REST lists %d", tt.graph, list.TotalCount, len(restItems))
			}
			if !list.PageInfo.HasNextPage {
				break
			}
			after = fmt.Sprintf("%q", *list.PageInfo.EndCursor)
		}
		for i := range max(len(restItems), len(graphItems)) {
			if i >= len(restItems) || i >= len(graphItems) {
				t.Errorf("%s: REST has %d, GraphQL %d", tt.rest, len(restItems), len(graphItems))
				break
			}
			if why := covers(restItems[i], graphItems[i]); why != "" {
				t.Errorf("%s: REST %v, GraphQL %v: %s", tt.rest, restItems[i], graphItems[i], why)
			}
		}
	}
}

// covers tells where a GraphQL object says something else than the REST object; what is absent there is null or empty.
func covers(rest, graph any) string {
	switch g := graph.(type) {
	case map[string]any:
		r, ok := rest.(map[string]any)
		if !ok && rest != nil {
			return fmt.Sprintf("%v is %v", rest, graph)
		}
		for k, v := range g {
			if why := covers(r[k], v); why != "" {
				return k + ": " + why
			}
		}
		return ""
	case []any:
		r, _ := rest.([]any)
		if len(r) != len(g) {
			return fmt.Sprintf("%v is %v", rest, graph)
		}
		for i := range g {
			if why := covers(r[i], g[i]); why != "" {
				return why
			}
		}
		return ""
	case nil:
		if rest == nil || rest == "0001-01-01T00:00:00Z" {
			return ""
		}
	case string:
		if rest == nil && g == "" {
			return ""
		}
	}
	if rest != graph {
		return fmt.Sprintf("%v is %v", rest, graph)
	}
	return ""
}

// What asks for too much is refused before anything is executed.
func TestGraphQLRefusesWhatCostsTooMuch(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	b, auth := s.browser(), "Bearer "+s.bearer("x", time.Hour, "sovereign-admin")
	deep := strings.Repeat("ofType { ", 50) + "name" + strings.Repeat(" }", 50)
	var aliases, some strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&aliases, "a%d: sovereign { name } ", i)
		if i < 31 {
			fmt.Fprintf(&some, "a%d: sovereign { name } ", i)
		}
	}
	doubling := "query { ...f0 }"
	for i := range 24 {
		doubling += fmt.Sprintf(" fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	doubling += " fragment f24 on Query { sovereign { name } }"
	for name, query := range map[string]string{
		"depth 50": `{ __type(name: "View") { ` + deep + ` } }`, "1,000 aliases": "{ " + aliases.String() + "}", "31 aliases": "{ " + some.String() + "}",
		"a cycle of fragments":  "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
		"fragments that double": doubling, "a list that is too long": "{ applications(first: 100000) { nodes { name } } }",
		"cost": "{ a: applications(first: 500) { nodes { " + "pods { name phase } workloads { name } changes { sha } warnings { about } " +
			"parts { name health message revision } blueprint { name version } desired { sha author email message } applied { sha author email message } kind organization environment name phase message repository branch usedBy } } " +
			"b: applications(first: 500) { nodes { desired { sha author email message } applied { sha author email message } kind organization environment name phase message repository branch usedBy endpoints { name url } dependsOn { alias application phase } } } " +
			"c: applications(first: 500) { nodes { desired { sha author email message } applied { sha author email message } kind organization environment name phase message repository branch usedBy endpoints { name url } dependsOn { alias application phase } } } }",
		"100,000 tokens": "{ " + strings.Repeat("sovereign { name } ", 25_000) + "}", "a field that is not there": "{ secrets }", "no query": "", "no GraphQL": "{{{",
	} {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		got := b.do(http.MethodPost, "/api/v1/graphql", strings.NewReader(string(body)), "Authorization", auth, "Content-Type", "application/json")
		if !strings.Contains(got.body, `"errors"`) || strings.Contains(got.body, `"data":{`) {
			t.Errorf("%s: %d %.300s", name, got.status, got.body)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s: refused after %s", name, took)
		}
	}
	post := func(body string, header ...string) reply {
		return b.do(http.MethodPost, "/api/v1/graphql", strings.NewReader(body), append([]string{"Authorization", auth, "Content-Type", "application/json"}, header...)...)
	}
	if got := post(`[{"query":"{ sovereign { name } }"},{"query":"{ sovereign { name } }"}]`); got.status != http.StatusBadRequest || strings.Contains(got.body, `"data":{`) {
		t.Errorf("a batch: %d %s", got.status, got.body)
	}
	if got := post(`{"query":"{ sovereign { name } }","x":"` + strings.Repeat("x", 200<<10) + `"}`); strings.Contains(got.body, `"data":{`) {
		t.Errorf("a body of 200 KB: %d %.200s", got.status, got.body)
	}
	if got := post(`{"query":"subscription { changes { key } }"}`); !strings.Contains(got.body, "text/event-stream") || strings.Contains(got.body, `"changes"`) {
		t.Errorf("a subscription without events: %d %s", got.status, got.body)
	}
	if got := post(`{"query":"{ sovereign { name } }"}`, "Origin", "https://evil.example"); got.code() != "cross_origin" {
		t.Errorf("a page of another site: %d %s", got.status, got.body)
	}
	if got := s.browser().do(http.MethodPost, "/api/v1/graphql", strings.NewReader(`{"query":"{ __schema { queryType { name } } }"}`), "Content-Type", "application/json"); got.code() != "not_signed_in" {
		t.Errorf("nobody: %d %s", got.status, got.body)
	}
	if got := b.do(http.MethodPost, "/api/v1/graphql", strings.NewReader("query=x"), "Authorization", auth, "Content-Type", "application/x-www-form-urlencoded"); got.status < 400 {
		t.Errorf("a form: %d %s", got.status, got.body)
	}
	if got := b.get("/api/v1/graphql?query="+queryEscape("{ sovereign { name } }"), "Authorization", auth); got.body != `{"data":{"sovereign":{"name":"sovereign"}}}` {
		t.Errorf("a query by GET: %d %s", got.status, got.body)
	}
	if got := b.get("/api/v1/graphql?query="+queryEscape("mutation { x }"), "Authorization", auth); !strings.Contains(got.body, `"errors"`) {
		t.Errorf("a mutation by GET: %d %s", got.status, got.body)
	}
	if got := b.graphql(auth, introspection, nil); !strings.Contains(got, `"ApplicationConnection"`) {
		t.Errorf("introspection: %.300s", got)
	}
}

// introspection is what GraphiQL and the generators of clients ask.
const introspection = `query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name } types { ...FullType }
  directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

func TestTheSubscriptionFollowsAndEnds(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	b := s.signedIn("ada")
	query := "/api/v1/graphql?query=" + queryEscape(`subscription { changes(organization: "acme") { type key view { ... on Application { message phase } } } }`)
	lines, stop := b.followAt(query, "Accept", "text/event-stream")
	defer stop()
	seen, ok := until(lines, `"SYNCED"`, 5*time.Second)
	if text := strings.Join(seen, "\n"); !ok || strings.Contains(text, "globex") || !strings.Contains(text, "of acme-prod") {
		t.Fatalf("snapshot: %v %s", ok, text)
	}
	s.application("globex-dev", "shop", "secret of globex")
	s.application("acme-dev", "shop", "changed")
	if seen, ok := until(lines, `"message":"changed"`, 5*time.Second); !ok || strings.Contains(strings.Join(seen, "\n"), "globex") {
		t.Errorf("the change: %v %v", ok, seen)
	}
	b.do(http.MethodPost, "/auth/logout", nil)
	start := time.Now()
	seen, ok = until(lines, "event: complete", 6*time.Second)
	if !ok || time.Since(start) > 5*time.Second {
		t.Errorf("after logout the subscription goes on for %s: %v", time.Since(start), seen)
	}
	one, stopOne := s.signedIn("ada").followAt("/api/v1/graphql?query="+queryEscape("{ sovereign { name } }"), "Accept", "text/event-stream")
	defer stopOne()
	if seen, ok := until(one, "event: complete", 5*time.Second); !ok || !strings.Contains(strings.Join(seen, "\n"), `"sovereign"`) {
		t.Errorf("a query by events: %v", seen)
	}
}
