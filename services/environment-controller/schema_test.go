//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// policySeed and blueprintSeed are the documents in which these kinds were first written down.
const policySeed = `
apiVersion: catalyst.openova.io/v1alpha1
kind: EnvironmentPolicy
metadata:
  name: acme-prod-policy
  namespace: catalyst-system
spec:
  appliesTo:
    environments: [acme-prod]
  rules:
    - kind: pr-required
      approvers: [team-platform, team-security]
      minApprovals: 2
    - kind: re-score-gate
      minScore: 80
      severity: blocking
    - kind: soak
      sourceEnvironment: acme-stg
      duration: 72h
    - kind: change-window
      cron: "0 14 * * 2,4"  # Tue/Thu 14:00
      duration: 2h
`

const blueprintSeed = `
apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata:
  name: bp-wordpress
  version: 1.3.0
spec:
  configSchema:
  depends:
    - blueprint: bp-postgres
      version: ^1.4
      alias: db
      when: "{{ .config.postgres.mode == 'embedded' }}"
      values:
        databases: ["{{ .application.name }}"]
`

func document(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var u unstructured.Unstructured
	must(t, yaml.Unmarshal([]byte(text), &u.Object))
	if u.GetNamespace() == "" {
		u.SetNamespace(catalystv1.SystemNamespace)
	}
	return &u
}

// TestSchemas asks a real API server what it takes, what it refuses and how it explains.
func TestSchemas(t *testing.T) {
	s := startAPIServer(t)
	must(t, s.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: catalystv1.SystemNamespace}}))
	s.applyFiles(t, filepath.Join(root(t), "deploy/crds/*.yaml"))
	eventually(t, 20*time.Second, func() error {
		u := &unstructured.UnstructuredList{}
		for _, kind := range []string{"Sovereign", "Organization", "Environment", "Application", "Blueprint", "EnvironmentPolicy"} {
			u.SetGroupVersionKind(schema.GroupVersionKind{Group: "catalyst.openova.io", Version: "v1alpha1", Kind: kind + "List"})
			if err := s.admin.List(t.Context(), u); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
		return nil
	})
	t.Run("the seed is accepted as it stands", func(t *testing.T) { acceptsTheSeed(t, s) })
	t.Run("what is in the repository is accepted", func(t *testing.T) { acceptsTheRepository(t, s) })
	t.Run("what makes no sense is refused, with a sentence", func(t *testing.T) { refusesNonsense(t, s) })
	t.Run("what cannot change does not", func(t *testing.T) { refusesChanges(t, s) })
}

func acceptsTheSeed(t *testing.T, s *apiServer) {
	// As Flux applies it, and with every field known to the schema.
	must(t, s.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(document(t, policySeed)), client.FieldOwner("flux")))
	var p catalystv1.EnvironmentPolicy
	u := document(t, policySeed)
	must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(u), u))
	b, err := json.Marshal(u.Object)
	must(t, err)
	must(t, json.Unmarshal(b, &p))
	if r := p.Spec.Rules; len(r) != 4 || *r[0].MinApprovals != 2 || r[0].Severity != "blocking" || *r[1].MinScore != 80 || r[2].Duration != "72h" || r[3].Cron != "0 14 * * 2,4" {
		t.Errorf("rules = %+v", r)
	}
	bp := document(t, blueprintSeed)
	must(t, s.admin.Create(t.Context(), bp))
	when, _, err := unstructured.NestedSlice(bp.Object, "spec", "depends")
	must(t, err)
	if len(when) != 1 || when[0].(map[string]any)["when"] != "{{ .config.postgres.mode == 'embedded' }}" || fmt.Sprint(when[0].(map[string]any)["values"]) != "map[databases:[{{ .application.name }}]]" {
		t.Errorf("depends = %v", when)
	}
}

func acceptsTheRepository(t *testing.T, s *apiServer) {
	for _, pattern := range []string{"blueprints/bp-*/blueprint.yaml", "deploy/sovereign/demo/*.yaml", "deploy/sovereign/demo/organizations/*/*.yaml", "deploy/sovereign/demo/organizations/*/environments/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root(t), pattern))
		must(t, err)
		if len(files) == 0 {
			t.Errorf("there is no file %s", pattern)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			must(t, err)
			u := document(t, string(b))
			options := []client.CreateOption{client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)}
			if u.GetKind() == "Blueprint" { // Kubernetes has no metadata.version, so it warns
				options = options[:1]
			}
			if err := s.admin.Create(t.Context(), u, options...); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}

func refusesNonsense(t *testing.T, s *apiServer) {
	policy := func(rule string) string {
		return "{apiVersion: catalyst.openova.io/v1alpha1, kind: EnvironmentPolicy, metadata: {name: p}, spec: {appliesTo: {envTypes: [prod]}, rules: [" + rule + "]}}"
	}
	env := func(more string) string {
		return "{apiVersion: catalyst.openova.io/v1alpha1, kind: Environment, metadata: {name: acme-dev}, spec: {organization: acme, envType: dev, branch: develop, " + more + "}}"
	}
	org := func(more string) string {
		return "{apiVersion: catalyst.openova.io/v1alpha1, kind: Organization, metadata: {name: acme}, spec: {displayName: Acme, " + more + "}}"
	}
	for _, bad := range []struct{ document, message string }{
		{policy("{kind: soak, duration: 72h}"), "sourceEnvironment and a duration"},
		{policy("{kind: soak, sourceEnvironment: acme-stg, duration: 3 days}"), "should match"},
		{policy("{kind: soak, sourceEnvironment: acme-stg, duration: 0h}"), "longer than nothing"},
		{policy("{kind: re-score-gate}"), "has a minScore"},
		{policy("{kind: re-score-gate, minScore: 101}"), "less than or equal to 100"},
		{policy("{kind: change-window, cron: '0 14 * * 2'}"), "cron and duration go together"},
		{policy("{kind: change-window}"), "cron and duration, or windows, or freezes"},
		{policy("{kind: change-window, cron: 'often', duration: 2h}"), "should match"},
		{policy("{kind: change-window, freezes: [{name: x, from: '2026-12-31T00:00:00Z', to: '2026-12-01T00:00:00Z'}]}"), "from before to"},
		{policy("{kind: pr-required, minScore: 3}"), "no other has"},
		{policy("{kind: pr-required, approvers: [a], minApprovalsPerTeam: {b: 1}}"), "not among the approvers"},
		{policy("{kind: wishes}"), "Unsupported value"},
		{strings.Replace(policy("{kind: signature}"), "envTypes: [prod]", "", 1), "it must say where"},
		{env("podSecurity: {level: baseline}"), "say under reason"},
		{env("podSecurity: {level: privileged, reason: because it is}"), "Unsupported value"},
		{env("promotesTo: [kestrel-prod]"), "same Organization"},
		{env("promotesTo: [acme-dev]"), "same Organization"},
		{env("topology: vcluster"), "Unsupported value"},
		{env("quota: {cpu: many}"), "quota.cpu"},
		{strings.Replace(env(""), "develop", "a..b", 1), "accepts for a branch"},
		{org("teams: [{name: catalyst-writers}]"), "belong to Catalyst"},
		{org("teams: [{name: a, role: owner}]"), "Unsupported value"},
		{"{apiVersion: catalyst.openova.io/v1alpha1, kind: Blueprint, metadata: {name: wordpress}, spec: {}}", "starts with bp-"},
		{"{apiVersion: catalyst.openova.io/v1alpha1, kind: Sovereign, metadata: {name: s}, spec: {displayName: S, keycloakTopology: none}}", "Unsupported value"},
	} {
		if err := s.admin.Create(t.Context(), document(t, bad.document), client.DryRunAll); !isInvalid(err, bad.message) {
			t.Errorf("%s\n\terror = %v, want one that says %q", bad.document, err, bad.message)
		}
	}
	for _, good := range []string{
		policy("{kind: change-window, windows: [{cron: '0 22 * * SAT', duration: 4h, timeZone: Asia/Muscat}], freezes: [{name: year end, cron: '0 0 15 12 *', duration: 400h}]}"),
		policy("{kind: required-checks, checks: [ci/build]}, {kind: signature}, {kind: dependency-order, severity: audit}, {kind: max-parallel, max: 3}"),
		env("podSecurity: {level: baseline, reason: bp-mail binds port 25}, quota: {cpu: 4, memory: 8Gi, pods: 50}, defaultSize: small, promotesTo: [acme-stg, acme-prod], placement: [{region: hz-fsn}]"),
		org("teams: [{name: team-platform, role: org-developer}, {name: team-security}], environmentDefaults: {quota: {cpu: 500m}}"),
		"{apiVersion: catalyst.openova.io/v1alpha1, kind: Sovereign, metadata: {name: s}, spec: {displayName: S, domain: s.example, keycloakTopology: per-organization}}",
	} {
		if err := s.admin.Create(t.Context(), document(t, good), client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func refusesChanges(t *testing.T, s *apiServer) {
	u := document(t, "{apiVersion: catalyst.openova.io/v1alpha1, kind: Sovereign, metadata: {name: here}, spec: {displayName: Here, keycloakTopology: per-organization}}")
	must(t, s.admin.Create(t.Context(), u))
	must(t, unstructured.SetNestedField(u.Object, "shared-sovereign", "spec", "keycloakTopology"))
	if err := s.admin.Update(t.Context(), u); !isInvalid(err, "cannot be changed") {
		t.Errorf("error = %v", err)
	}
}

// TestEveryFieldIsExplained reads the schemas as kubectl explain does.
func TestEveryFieldIsExplained(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "deploy/crds/*.yaml"))
	must(t, err)
	if len(files) != 6 {
		t.Errorf("%d custom resources, want 6", len(files))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		var crd struct {
			Spec struct {
				Versions []struct {
					Schema struct{ OpenAPIV3Schema property }
				}
			}
		}
		must(t, yaml.Unmarshal(b, &crd))
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema.check(t, filepath.Base(f), "")
	}
}

type property struct {
	Description string
	Properties  map[string]property
	Items       *property
}

var sentence = regexp.MustCompile(`^[A-Za-z][^\n]*[.\n]`)

func (p property) check(t *testing.T, file, path string) {
	t.Helper()
	if path != "" && path != ".metadata" && !strings.HasSuffix(path, "[]") && !sentence.MatchString(p.Description+"\n") {
		t.Errorf("%s: %s is not explained: %q", file, path, p.Description)
	}
	for name, child := range p.Properties {
		child.check(t, file, path+"."+name)
	}
	if p.Items != nil {
		p.Items.check(t, file, path+"[]")
	}
}
