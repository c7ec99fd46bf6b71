//go:build integration

package path

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"catalyst.openova.io/test/sovereign"
)

// planned is what an InstallPlan says about the objects of its Applications.
type planned struct {
	Manifests []struct {
		Application string `json:"application"`
		Incomplete  string `json:"incomplete"`
		Changes     []struct {
			Kind    string `json:"kind"`
			Name    string `json:"name"`
			Action  string `json:"action"`
			Diff    string `json:"diff"`
			Drift   string `json:"drift"`
			Problem string `json:"problem"`
		} `json:"changes"`
	} `json:"manifests"`
}

func plan(t *testing.T, p *sovereign.Person, request map[string]any) planned {
	t.Helper()
	a := p.Do(t, http.MethodPost, "/api/v1/organizations/acme/install-plans", request)
	if a.Status != http.StatusCreated {
		t.Fatalf("plan: %d: %s", a.Status, a.Body)
	}
	var out planned
	a.Decode(t, &out)
	if len(out.Manifests) != 1 || out.Manifests[0].Incomplete != "" {
		t.Fatalf("the plan does not show all: %+v", out)
	}
	return out
}

// What a plan renders is what Flux applies: when Flux is done, applying our rendering again would change nothing. What a
// person does past Git shows as drift, on that object alone.
func TestPlanRendersWhatFluxApplies(t *testing.T) {
	for blueprint, objects := range map[string]int{"bp-podinfo": 9, "bp-static-site": 9} {
		t.Run(blueprint, func(t *testing.T) {
			t.Parallel()
			s := sovereign.Attach(t)
			noor := s.SignIn(t, developer)
			name := uniqueName("plan")
			frames := noor.Watch(t.Context(), t, "acme", "")
			request := map[string]any{"action": "install", "application": name, "blueprint": blueprint, "environment": env, "values": map[string]any{"replicas": 2}}
			for _, c := range plan(t, noor, request).Manifests[0].Changes {
				if c.Action != "create" || c.Drift != "" || c.Problem != "" {
					t.Errorf("before the install: %+v", c)
				}
			}
			if a := noor.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", install(name, blueprint, map[string]any{"replicas": 2})); a.Status != http.StatusAccepted {
				t.Fatalf("install: %d: %s", a.Status, a.Body)
			}
			sovereign.Await(t, frames, env, name, time.Minute, runningAt(""))

			request = map[string]any{"action": "configure", "application": name, "environment": env, "values": map[string]any{"replicas": 3}}
			changes := plan(t, noor, request).Manifests[0].Changes
			if len(changes) != objects {
				t.Errorf("the plan shows %d objects, want %d", len(changes), objects)
			}
			for _, c := range changes {
				want := "none"
				if c.Kind == "Deployment" || c.Name == name+"-values-overlay" {
					want = "update"
				}
				if c.Action != want || c.Drift != "" || c.Problem != "" {
					t.Errorf("%s %s: %s, want %s\n%s\ndrift:\n%s\nproblem: %s", c.Kind, c.Name, c.Action, want, c.Diff, c.Drift, c.Problem)
				}
			}

			deployments := s.Cluster(t).Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(env)
			if _, err := deployments.Patch(t.Context(), name, types.MergePatchType, []byte(`{"spec":{"revisionHistoryLimit":7}}`), metav1.PatchOptions{FieldManager: "kubectl"}); err != nil {
				t.Fatal(err)
			}
			for _, c := range plan(t, noor, request).Manifests[0].Changes {
				if (c.Drift != "") != (c.Kind == "Deployment") {
					t.Errorf("after a change by hand %s %s drifts thus:\n%s", c.Kind, c.Name, c.Drift)
				}
			}
			uninstall(t, s, noor, name)
		})
	}
}
