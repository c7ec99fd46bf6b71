package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/session"
)

// principals are the groups of every role, in every place where it can be held, alone and in pairs.
func principals() [][]string {
	single := []string{string(identity.SovereignAdmin), string(identity.SecurityOfficer)}
	for _, role := range []identity.RoleName{identity.OrgAdmin, identity.OrgDeveloper, identity.OrgViewer} {
		for _, place := range []string{"acme/", "acme/dev/", "acme/prod/", "globex/", "globex/dev/", "nowhere/"} {
			single = append(single, place+string(role))
		}
	}
	out := [][]string{nil}
	for i, g := range single {
		out = append(out, []string{g}, []string{g, single[(i+7)%len(single)]})
	}
	return out
}

// surface asks for all that one way of reading shows a person, and answers the keys of the views.
type surface func(t *testing.T, b *browser, auth string) []string

// oneByOne asks for each view by its name.
func oneByOne(get func(b *browser, auth string, h view.Header) bool, all []view.Header) surface {
	return func(_ *testing.T, b *browser, auth string) []string {
		var out []string
		for _, h := range all {
			if h.Kind != view.KindSetAside && h.Kind != view.KindBlueprintUse && get(b, auth, h) { // those have no address of their own
				out = append(out, h.Key())
			}
		}
		return out
	}
}

func (b *browser) headers(t *testing.T, auth, path string) []string {
	t.Helper()
	got := b.get(path, "Authorization", auth)
	if got.status == http.StatusNotFound {
		return nil
	}
	var page struct{ Items []view.Header }
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", path, got.status, got.body, err)
	}
	var out []string
	for _, h := range page.Items {
		out = append(out, h.Key())
	}
	return out
}

func restPath(h view.Header) string {
	org := "/api/v1/organizations/" + h.Organization
	switch h.Kind {
	case view.KindSovereign:
		return "/api/v1/sovereign"
	case view.KindOrganization:
		return org
	case view.KindEnvironment:
		return org + "/environments/" + h.Name
	case view.KindActivity:
		return org + "/environments/" + h.Environment + "/activity"
	case view.KindOperation:
		return org + "/operations/" + h.Name
	default:
		return org + "/environments/" + h.Environment + "/applications/" + h.Name
	}
}

func restList(t *testing.T, b *browser, auth string) []string {
	var out []string
	for _, path := range []string{"organizations", "applications", "blueprint-uses", "set-aside"} {
		out = append(out, b.headers(t, auth, "/api/v1/"+path)...)
	}
	for _, org := range []string{"acme", "globex", "nowhere"} {
		out = append(out, b.headers(t, auth, "/api/v1/organizations/"+org+"/environments")...)
		out = append(out, b.headers(t, auth, "/api/v1/organizations/"+org+"/operations")...)
	}
	return out
}

func restListOfEach(t *testing.T, b *browser, auth string) []string {
	var out []string
	for _, org := range []string{"acme", "globex", "nowhere"} {
		out = append(out, b.headers(t, auth, "/api/v1/organizations/"+org+"/applications?sort=-phase")...)
		for _, stage := range []string{"dev", "prod"} {
			out = append(out, b.headers(t, auth, "/api/v1/organizations/"+org+"/environments/"+org+"-"+stage+"/blueprint-uses")...)
		}
	}
	return out
}

// restCounts answers as many keys as are counted; there is one Application in each Environment.
func restCounts(t *testing.T, b *browser, auth string) []string {
	var counts struct {
		Total        int
		Environments []struct {
			Environment string
			Total       int
		}
	}
	got := b.get("/api/v1/applications/counts", "Authorization", auth)
	if err := json.Unmarshal([]byte(got.body), &counts); err != nil || counts.Total != len(counts.Environments) {
		t.Fatalf("%v %s", err, got.body)
	}
	var out []string
	for _, e := range counts.Environments {
		out = append(out, "Application/"+e.Environment+"/shop")
	}
	return out
}

func (b *browser) graphql(auth, query string, variables any) string {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		b.t.Fatal(err)
	}
	got := b.do(http.MethodPost, "/api/v1/graphql", strings.NewReader(string(body)), "Authorization", auth, "Content-Type", "application/json")
	if got.status != http.StatusOK || strings.Contains(got.body, `"errors"`) {
		b.t.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	return got.body
}

const graphLists = `{
  o: organizations { totalCount nodes { kind organization name } }
  e: environments { totalCount nodes { kind organization environment name } }
  a: applications(first: 500) { totalCount nodes { kind organization environment name } }
  p: operations { totalCount nodes { kind organization environment name } }
  b: blueprintUses { totalCount nodes { kind organization environment name } }
  s: setAside { totalCount nodes { kind organization name } }
}`

func graphList(t *testing.T, b *browser, auth string) []string {
	var answer struct {
		Data map[string]struct {
			TotalCount int
			Nodes      []view.Header
		}
	}
	if err := json.Unmarshal([]byte(b.graphql(auth, graphLists, nil)), &answer); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, list := range answer.Data {
		if list.TotalCount != len(list.Nodes) {
			t.Errorf("%d are counted, %d can be seen", list.TotalCount, len(list.Nodes))
		}
		for _, h := range list.Nodes {
			out = append(out, h.Key())
		}
	}
	return out
}

const graphOnes = `query($o: String!, $e: String!, $n: String!) {
  sovereign { name } organization(name: $o) { name } environment(organization: $o, name: $e) { name }
  application(organization: $o, environment: $e, name: $n) { name } operation(organization: $o, id: $n) { name }
  activity(organization: $o, environment: $e) { name }
}`

func graphOne(b *browser, auth string, h view.Header) bool {
	var answer struct {
		Data map[string]*view.Header
	}
	body := b.graphql(auth, graphOnes, map[string]string{"o": h.Organization, "e": h.Environment, "n": h.Name})
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		b.t.Fatal(err)
	}
	return answer.Data[strings.ToLower(string(h.Kind))] != nil
}

func streamed(t *testing.T, b *browser, auth string) []string {
	lines, stop := b.follow("", "Authorization", auth)
	defer stop()
	seen, ok := until(lines, "event: synced", 10*time.Second)
	if !ok {
		t.Fatalf("no snapshot: %v", seen)
	}
	var out []string
	for _, line := range seen {
		var f view.Frame
		if data, is := strings.CutPrefix(line, "data: "); is && json.Unmarshal([]byte(data), &f) == nil && f.Key != "" {
			out = append(out, f.Key)
		}
	}
	return out
}

func subscribed(t *testing.T, b *browser, auth string) []string {
	lines, stop := b.followAt("/api/v1/graphql?query="+queryEscape("subscription { changes { type key } }"), "Authorization", auth, "Accept", "text/event-stream")
	defer stop()
	seen, ok := until(lines, "SYNCED", 10*time.Second)
	if !ok {
		t.Fatalf("no snapshot: %v", seen)
	}
	var out []string
	for _, line := range seen {
		var next struct {
			Data struct{ Changes struct{ Key string } }
		}
		if data, is := strings.CutPrefix(line, "data: "); is && json.Unmarshal([]byte(data), &next) == nil && next.Data.Changes.Key != "" {
			out = append(out, next.Data.Changes.Key)
		}
	}
	return out
}

// Whatever a person's roles are, every way of reading shows the same: what the one rule lets them see, and nothing else.
func TestNoSurfaceIsMorePermissiveThanAnother(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	views, _ := s.store.Snapshot(func(view.Header) bool { return true })
	all := make([]view.Header, 0, len(views))
	kinds := map[view.Kind]int{}
	for _, v := range views {
		all = append(all, v.Header)
		kinds[v.Kind]++
	}
	if len(kinds) != 8 {
		t.Fatalf("not every kind of view is there: %v", kinds)
	}
	not := func(kinds ...view.Kind) func(view.Kind) bool {
		return func(k view.Kind) bool { return !slices.Contains(kinds, k) }
	}
	only := func(kinds ...view.Kind) func(view.Kind) bool {
		return func(k view.Kind) bool { return slices.Contains(kinds, k) }
	}
	rest := func(b *browser, auth string, h view.Header) bool {
		got := b.get(restPath(h), "Authorization", auth)
		if got.status != http.StatusOK && got.status != http.StatusNotFound {
			t.Fatalf("%s: %d %s", restPath(h), got.status, got.body)
		}
		return got.status == http.StatusOK
	}
	surfaces := map[string]struct {
		show  surface
		shows func(view.Kind) bool
	}{
		"REST, one by one":         {oneByOne(rest, all), not(view.KindSetAside, view.KindBlueprintUse)},
		"REST lists":               {restList, not(view.KindSovereign, view.KindActivity)},
		"REST lists of each":       {restListOfEach, only(view.KindApplication, view.KindBlueprintUse)},
		"REST counts":              {restCounts, only(view.KindApplication)},
		"GraphQL, one by one":      {oneByOne(graphOne, all), not(view.KindSetAside, view.KindBlueprintUse)},
		"GraphQL lists":            {graphList, not(view.KindSovereign, view.KindActivity)},
		"the stream":               {streamed, not()},
		"the GraphQL subscription": {subscribed, not()},
	}
	for _, groups := range principals() {
		b, auth := s.browser(), "Bearer "+s.bearer("x", time.Hour, groups...)
		person := identity.Person{Subject: "x", Roles: identity.ParseGroups(groups)}
		for name, surface := range surfaces {
			var want []string
			for _, h := range all {
				if surface.shows(h.Kind) && session.May(person, h) {
					want = append(want, h.Key())
				}
			}
			got := surface.show(t, b, auth)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%v sees by %s:\n %s\nwant\n %s", groups, name, strings.Join(got, "\n "), strings.Join(want, "\n "))
			}
		}
		for _, h := range all {
			if admin := slices.Contains(groups, "sovereign-admin"); h.Kind == view.KindSetAside && session.May(person, h) != admin {
				t.Errorf("%v: what was set aside is for sovereign-admin alone", groups)
			}
		}
	}
	if text := fmt.Sprint(principals()); strings.Count(text, "[") < 40 {
		t.Errorf("the matrix is too small: %s", text)
	}
}
