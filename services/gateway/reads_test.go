package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

func TestFieldsFiltersAndCounts(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	for i, phase := range []view.Phase{view.PhaseRunning, view.PhaseRunning, view.PhaseFailed} {
		name := fmt.Sprintf("app-%d", i)
		s.project("acme-dev", view.KindApplication, name, view.Application{
			Header: view.Header{Kind: view.KindApplication, Organization: "acme", Environment: "acme-dev", Name: name}, Phase: phase,
			Blueprint: view.Blueprint{Name: "bp-Web", Version: "1.0.0"},
			Workloads: []view.Workload{{Kind: "Deployment", Name: "one", Ready: 1}, {Kind: "StatefulSet", Name: "two"}},
		})
	}
	s.eventually("the Applications", func() bool { _, ok := s.store.Get("Application/acme-dev/app-2"); return ok })
	b := s.browser()
	acme, all, dev := "Bearer "+s.bearer("a", time.Hour, "acme/org-viewer"), "Bearer "+s.bearer("s", time.Hour, "sovereign-admin"),
		"Bearer "+s.bearer("d", time.Hour, "acme/dev/org-viewer")
	const one = "/api/v1/organizations/acme/environments/acme-dev/applications/app-2"
	for _, tt := range []struct{ auth, path, want string }{
		{acme, one + "?fields=name,phase", `{"name":"app-2","phase":"Failed"}`},
		{acme, one + "?fields=blueprint.version,name,workloads.name", `{"name":"app-2","blueprint":{"version":"1.0.0"},"workloads":[{"name":"one"},{"name":"two"}]}`},
		{acme, one + "?fields=blueprint,blueprint.name", `{"blueprint":{"name":"bp-Web","version":"1.0.0"}}`},
		{acme, one + "?fields=desired.sha", `{}`},
		{acme, "/api/v1/organizations/acme/applications?fields=name&limit=2&phase=Running,Failed&q=APP-&sort=-name", `{"items":[{"name":"app-2"},{"name":"app-1"}],"next":"`},
		{acme, "/api/v1/organizations/acme/applications?fields=name&q=bp-w", `{"items":[{"name":"app-0"},{"name":"app-1"},{"name":"app-2"}]}`},
		{acme, "/api/v1/applications?fields=environment,name&sort=-environment&name=shop", `{"items":[{"environment":"acme-prod","name":"shop"},{"environment":"acme-dev","name":"shop"}]}`},
		{dev, "/api/v1/applications?fields=environment&name=shop", `{"items":[{"environment":"acme-dev"}]}`},
		{all, "/api/v1/applications?fields=environment&name=shop&environment=globex-prod", `{"items":[{"environment":"globex-prod"}]}`},
		{acme, "/api/v1/applications?environment=globex-prod", `{"items":[]}`},
		{acme, "/api/v1/applications/counts", `{"total":5,"phases":{"Failed":1,"Running":4},"environments":[{"organization":"acme","environment":"acme-dev","total":4,"phases":{"Failed":1,"Running":3}},{"organization":"acme","environment":"acme-prod","total":1,"phases":{"Running":1}}]}`},
		{dev, "/api/v1/applications/counts?phase=Failed", `{"total":1,"phases":{"Failed":1},"environments":[{"organization":"acme","environment":"acme-dev","total":1,"phases":{"Failed":1}}]}`},
		{acme, "/api/v1/organizations/acme/applications/counts?environment=acme-prod", `{"total":1,"phases":{"Running":1},"environments":[{"organization":"acme","environment":"acme-prod","total":1,"phases":{"Running":1}}]}`},
		{acme, "/api/v1/organizations/acme/environments/acme-dev?fields=envType", `{"envType":"dev"}`},
		{acme, "/api/v1/organizations/acme/environments/acme-dev/activity?fields=kind", `{"kind":"Activity"}`},
		{acme, "/api/v1/blueprint-uses?blueprint=bp-web&fields=environment", `{"items":[{"environment":"acme-dev"},{"environment":"acme-prod"}]}`},
		{all, "/api/v1/set-aside?fields=reason", `{"items":[{"reason":"too large"}]}`},
		{acme, "/api/v1/set-aside", `{"items":[]}`},
	} {
		got := b.get(tt.path, "Authorization", tt.auth)
		if got.status != 200 || got.body != tt.want && !(strings.HasSuffix(tt.want, `"next":"`) && strings.HasPrefix(got.body, tt.want)) {
			t.Errorf("%s: %d %s\nwant %s", tt.path, got.status, got.body, tt.want)
		}
		etag := got.header.Get("ETag")
		if again := b.get(tt.path, "Authorization", tt.auth, "If-None-Match", etag); etag == "" || again.status != 304 {
			t.Errorf("%s: ETag %s, then %d", tt.path, etag, again.status)
		}
	}
	if some, other := b.get(one+"?fields=name", "Authorization", acme), b.get(one+"?fields=phase", "Authorization", acme); some.header.Get("ETag") == other.header.Get("ETag") {
		t.Error("two selections have one ETag")
	}
	for fields, want := range map[string]string{
		"nam": "kind, organization, environment, name", "blueprint.nam": "Known are name, version.", "name.x": "It has none.", ",": `no field \"\".`,
		"since.wall": "It has none.", "workloads.0": "Known are kind, name",
	} {
		for _, path := range []string{one, "/api/v1/applications", "/api/v1/organizations/acme/applications"} {
			if got := b.get(path+"?fields="+fields, "Authorization", acme); got.status != 400 || got.code() != "unknown_field" || !strings.Contains(got.body, want) {
				t.Errorf("%s?fields=%s: %d %s", path, fields, got.status, got.body)
			}
		}
	}
}

// Of an Environment whose account is away nothing is said that could be wrong: it is named, to those who may see it.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	s := newSovereign(t)
	s.populate()
	s.store.MarkUnread("globex-dev")
	b := s.browser()
	all, acme := "Bearer "+s.bearer("s", time.Hour, "sovereign-admin"), "Bearer "+s.bearer("a", time.Hour, "acme/org-admin")
	for _, path := range []string{"/api/v1/applications", "/api/v1/applications/counts", "/api/v1/organizations/globex/applications"} {
		if got := b.get(path, "Authorization", all); !strings.Contains(got.body, `"incomplete":["globex-dev"]`) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	if got := b.get("/api/v1/applications", "Authorization", acme); strings.Contains(got.body, "globex") {
		t.Errorf("acme is told of globex: %s", got.body)
	}
	const gone = "/api/v1/organizations/globex/environments/globex-dev/applications/other"
	if got := b.get(gone, "Authorization", all); got.code() != "views_unavailable" {
		t.Errorf("what may be there: %d %s", got.status, got.body)
	}
	if got := b.get(gone, "Authorization", acme); got.status != 404 {
		t.Errorf("what may be there, of another Organization: %d %s", got.status, got.body)
	}
}
