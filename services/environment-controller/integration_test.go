//go:build integration

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	authv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
)

// sovereign is the controller with real servers around it.
type sovereign struct {
	*apiServer
	gitea  *giteatest.Server
	faults *faultyForge
	git    *forgegitea.Client
	nats   *spinetest.Server
	events *spine.Accounts
	listen string
	seq    int
	ctx    context.Context
}

var (
	acme    = forge.Repo{Organization: "acme"}
	envKey  = client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: "acme-dev"}
	orgKey  = client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: "acme"}
	ada     = forge.Person{Name: "Ada Lindqvist", Email: "ada@acme.example"}
	present = map[string][]byte{"application.yaml": []byte("kind: Application\n"), "overlays/dev/kustomization.yaml": []byte("resources: [../..]\n"), "README.md": []byte("#\n")}
)

func (s *sovereign) start(t *testing.T) {
	t.Helper()
	s.nats = spinetest.Start(t)
	own := s.nats.Config("environment-controller")
	var services []string
	for name, key := range s.nats.Keys {
		services = append(services, name+"="+key)
	}
	s.listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	kubeconfig := filepath.Join(s.dir, "kubeconfig") // written later: services start in any order
	env := map[string]string{
		"CATALYST_LISTEN": s.listen, "CATALYST_NATS_URL": own.URL, "KUBECONFIG": kubeconfig,
		"CATALYST_NATS_SEED_FILE": own.SeedFile, "CATALYST_NATS_TOKEN_FILE": own.TokenFile,
		"CATALYST_NATS_OPERATOR_SEED_FILE": s.nats.OperatorFile, "CATALYST_NATS_SYSTEM_TOKEN_FILE": s.nats.SystemToken,
		"CATALYST_NATS_SERVICES": strings.Join(services, ","),
		"CATALYST_GITEA_URL":     s.faults.url, "CATALYST_GITEA_TOKEN": s.gitea.AdminToken,
		"CATALYST_WEBHOOK_URL": "http://127.0.0.1:15099/webhooks/gitea", "CATALYST_WEBHOOK_KEY": "s3cret",
		"CATALYST_SIGNING_PUBLIC_KEY_FILE": writeFile(t, s.dir, "catalyst.pub", "PUBLIC KEY"),
		"CATALYST_GITEA_WRITERS":           "catalyst-provisioning", "CATALYST_GITEA_READERS": "catalyst-observer", "CATALYST_PULL_CREDENTIAL_AGE": "24h",
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, func(k string) string { return env[k] }, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("the controller ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the controller did not end within 10 s")
		}
	})
	s.events = s.nats.Open(t, "observer")
}

func (s *sovereign) ready() (bool, string) {
	res, err := http.Get("http://" + s.listen + "/readyz") //nolint:noctx // a test
	if err != nil {
		return false, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode == http.StatusOK, string(b)
}

func TestController(t *testing.T) {
	g := giteatest.Start(t)
	s := &sovereign{apiServer: startAPIServer(t), gitea: g, faults: newFaultyForge(t, g.URL), ctx: t.Context()}
	for _, account := range []string{"catalyst-observer"} {
		g.User(t, account)
	}
	token := g.User(t, "catalyst-provisioning")
	var err error
	s.git, err = forgegitea.New(forgegitea.Config{URL: g.URL, Token: token})
	must(t, err)
	must(t, catalystv1.AddToScheme(scheme.Scheme))
	must(t, sourcev1.AddToScheme(scheme.Scheme))
	must(t, kustomizev1.AddToScheme(scheme.Scheme))
	s.start(t)
	for _, step := range []struct {
		name string
		test func(*sovereign, *testing.T)
	}{
		{"waits for a cluster that is not there, and says so", (*sovereign).waitsForTheCluster},
		{"the API server refuses bad names", (*sovereign).refusesBadNames},
		{"an Organization becomes real", (*sovereign).makesAnOrganization},
		{"an Organization is healed", (*sovereign).healsAnOrganization},
		{"an Environment becomes real", (*sovereign).makesAnEnvironment},
		{"an Environment is healed", (*sovereign).healsAnEnvironment},
		{"an Environment is bounded", (*sovereign).boundsAnEnvironment},
		{"its pull credential opens its own and nothing else", (*sovereign).separatesCredentials},
		{"an Application comes by event", (*sovereign).findsByEvent},
		{"an Application comes by listing", (*sovereign).findsByListing},
		{"Flux objects are healed", (*sovereign).healsFluxObjects},
		{"a commit whose webhook was lost is fetched after listing", (*sovereign).fetchesAfterALostWebhook},
		{"dependencies become an order", (*sovereign).ordersDependencies},
		{"drift is told", (*sovereign).tellsDrift},
		{"a failing or silent forge removes nothing", (*sovereign).removesNothingWithoutEvidence},
		{"a steady state writes nothing", (*sovereign).writesNothing},
		{"a tombstone removes", (*sovereign).removesATombstone},
		{"a repository that is deleted removes", (*sovereign).removesADeletedRepository},
		{"the configuration has its webhook", (*sovereign).hooksTheConfiguration},
		{"a namespace of somebody else is not taken", (*sovereign).leavesNamespacesOfOthers},
		{"what is deleted by hand comes back unharmed", (*sovereign).survivesDeletionByHand},
		{"an Organization in use is not retired", (*sovereign).refusesToRetire},
		{"an Environment that leaves Git is cleaned up", (*sovereign).cleansUpAnEnvironment},
		{"an Organization leaves in two steps", (*sovereign).retiresAnOrganization},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(s, t) }) {
			t.FailNow()
		}
	}
}

func (s *sovereign) waitsForTheCluster(t *testing.T) {
	eventually(t, 10*time.Second, func() error {
		if ok, why := s.ready(); ok || !strings.Contains(why, "kubeconfig") {
			return errors.New(why)
		}
		return nil
	})
	writeFile(t, s.dir, "kubeconfig", s.kubeconfig("controller-token"))
	flux := moduleDir(t, "github.com/fluxcd/source-controller")
	kustomize := moduleDir(t, "github.com/fluxcd/kustomize-controller")
	s.applyFiles(t, filepath.Join(root(t), "deploy/crds/*.yaml"), filepath.Join(root(t), "deploy/local/cluster/rbac.yaml"),
		filepath.Join(flux, "config/crd/bases/*.yaml"), filepath.Join(kustomize, "config/crd/bases/*.yaml"))
	must(t, s.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: catalystv1.SystemNamespace}}))
	took := eventually(t, 20*time.Second, func() error {
		if ok, why := s.ready(); !ok {
			return errors.New(why)
		}
		return nil
	})
	t.Logf("ready %s after the custom resources", took)
}

func organizationNamed(name string) *catalystv1.Organization {
	return &catalystv1.Organization{
		ObjectMeta: metav1.ObjectMeta{Namespace: catalystv1.SystemNamespace, Name: name},
		Spec:       catalystv1.OrganizationSpec{DisplayName: "Acme Inc."},
	}
}

func environmentNamed(name, org string, envType catalystv1.EnvType, branch string) *catalystv1.Environment {
	return &catalystv1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: catalystv1.SystemNamespace, Name: name},
		Spec:       catalystv1.EnvironmentSpec{Organization: org, EnvType: envType, Branch: branch},
	}
}

func (s *sovereign) refusesBadNames(t *testing.T) {
	for _, bad := range []struct {
		object  client.Object
		message string
	}{
		{organizationNamed("system"), "belong to the Sovereign"},
		{organizationNamed("2acme"), "DNS label that starts with a letter"},
		{organizationNamed("a.b"), "DNS label that starts with a letter"},
		{organizationNamed(strings.Repeat("a", 41)), "at most 40 characters"},
		{environmentNamed("acme-stg", "acme", "dev", "develop"), "{organization}-{envType}"},
		{environmentNamed("acme-test", "acme", "test", "develop"), "supported values"},
		{environmentNamed("acme-dev", "acme", "dev", ""), "spec.branch"},
	} {
		if err := s.admin.Create(t.Context(), bad.object); !isInvalid(err, bad.message) {
			t.Errorf("%s: error = %v, want one that says %q", bad.object.GetName(), err, bad.message)
		}
	}
}

func (s *sovereign) condition(key client.ObjectKey, o client.Object, conditions func() []metav1.Condition) error {
	if err := s.admin.Get(context.Background(), key, o); err != nil {
		return err
	}
	for _, c := range conditions() {
		if c.Type == catalystv1.ConditionReady && c.Status == metav1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready: %+v", key.Name, conditions())
}

func (s *sovereign) organizationReady() error {
	var o catalystv1.Organization
	return s.condition(orgKey, &o, func() []metav1.Condition { return o.Status.Conditions })
}

func (s *sovereign) environmentReady() error {
	var e catalystv1.Environment
	return s.condition(envKey, &e, func() []metav1.Condition { return e.Status.Conditions })
}

// forgeState checks what Gitea holds of acme.
func (s *sovereign) forgeState(t *testing.T) {
	t.Helper()
	var org struct {
		Visibility string `json:"visibility"`
	}
	s.gitea.Call(t, http.MethodGet, "/orgs/acme", nil, &org)
	if org.Visibility != "private" {
		t.Errorf("visibility = %s", org.Visibility)
	}
	var teams []struct {
		ID               int64
		Name             string
		CanCreateOrgRepo bool              `json:"can_create_org_repo"`
		IncludesAll      bool              `json:"includes_all_repositories"`
		UnitsMap         map[string]string `json:"units_map"`
	}
	s.gitea.Call(t, http.MethodGet, "/orgs/acme/teams", nil, &teams)
	got := map[string]string{}
	for _, team := range teams {
		var members []struct{ Login string }
		s.gitea.Call(t, http.MethodGet, fmt.Sprintf("/teams/%d/members", team.ID), nil, &members)
		var logins []string
		for _, m := range members {
			logins = append(logins, m.Login)
		}
		slices.Sort(logins)
		got[team.Name] = fmt.Sprintf("%s %v %v %v", team.UnitsMap["repo.code"], team.CanCreateOrgRepo, team.IncludesAll, logins)
	}
	for name, want := range map[string]string{
		"org-admin": "admin false true []", "org-developer": "write false true []", "org-viewer": "read false true []",
		"catalyst-writers": "write true true [catalyst-provisioning]", "catalyst-readers": "read false true [catalyst-flux-acme catalyst-observer]",
	} {
		if got[name] != want {
			t.Errorf("team %s: %s, want %s", name, got[name], want)
		}
	}
	if n := len(s.hooks(t, "/orgs/acme")); n != 1 {
		t.Errorf("%d webhooks, want 1", n)
	}
}

func (s *sovereign) hooks(t *testing.T, place string) []int64 {
	t.Helper()
	var hooks []struct {
		ID     int64
		Active bool
		Config map[string]string
	}
	s.gitea.Call(t, http.MethodGet, place+"/hooks", nil, &hooks)
	var ids []int64
	for _, h := range hooks {
		if h.Active && h.Config["url"] == "http://127.0.0.1:15099/webhooks/gitea" {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

func (s *sovereign) makesAnOrganization(t *testing.T) {
	must(t, s.admin.Create(t.Context(), organizationNamed("acme")))
	t.Logf("ready after %s", eventually(t, 20*time.Second, s.organizationReady))
	s.forgeState(t)
}

func (s *sovereign) healsAnOrganization(t *testing.T) {
	var teams []struct {
		ID   int64
		Name string
	}
	s.gitea.Call(t, http.MethodGet, "/orgs/acme/teams", nil, &teams)
	for _, team := range teams {
		switch team.Name {
		case "org-developer":
			s.gitea.Call(t, http.MethodDelete, fmt.Sprintf("/teams/%d", team.ID), nil, nil)
		case "org-viewer":
			s.gitea.Call(t, http.MethodPatch, fmt.Sprintf("/teams/%d", team.ID), map[string]any{"name": "org-viewer", "permission": "write", "units": []string{"repo.code"}}, nil)
		case "catalyst-writers":
			s.gitea.Call(t, http.MethodDelete, fmt.Sprintf("/teams/%d/members/catalyst-provisioning", team.ID), nil, nil)
		}
	}
	for _, id := range s.hooks(t, "/orgs/acme") {
		s.gitea.Call(t, http.MethodDelete, fmt.Sprintf("/orgs/acme/hooks/%d", id), nil, nil)
	}
	s.gitea.Call(t, http.MethodPatch, "/orgs/acme", map[string]any{"visibility": "public"}, nil)
	// The next look comes within a minute; a change of the object has it come now.
	var o catalystv1.Organization
	must(t, s.admin.Get(t.Context(), orgKey, &o))
	o.Spec.DisplayName = "Acme"
	must(t, s.admin.Update(t.Context(), &o))
	eventually(t, 20*time.Second, func() error {
		if err := s.organizationReady(); err != nil {
			return err
		}
		must(t, s.admin.Get(t.Context(), orgKey, &o))
		if o.Status.ObservedGeneration != o.Generation {
			return errors.New("not looked at yet")
		}
		return nil
	})
	s.forgeState(t)
}

func (s *sovereign) makesAnEnvironment(t *testing.T) {
	must(t, s.admin.Create(t.Context(), environmentNamed("acme-dev", "acme", "dev", "develop")))
	t.Logf("ready after %s", eventually(t, 20*time.Second, s.environmentReady))
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-dev"}, &ns))
	if ns.Labels[catalystv1.LabelOrganization] != "acme" || ns.Labels[catalystv1.LabelEnvironment] != "acme-dev" {
		t.Errorf("labels = %v", ns.Labels)
	}
	for name, want := range map[string]map[string]string{
		"catalyst-git":            {"username": "catalyst-flux-acme"},
		"catalyst-blueprint-keys": {"catalyst.pub": "PUBLIC KEY"},
	} {
		var secret corev1.Secret
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: name}, &secret))
		for k, v := range want {
			if string(secret.Data[k]) != v {
				t.Errorf("secret %s: %s is not as given", name, k)
			}
		}
	}
	for _, kind := range []struct{ group, resource string }{
		{"source.toolkit.fluxcd.io", "ocirepositories"}, {"helm.toolkit.fluxcd.io", "helmreleases"}, {"kustomize.toolkit.fluxcd.io", "kustomizations"},
	} {
		for namespace, want := range map[string]bool{"acme-dev": true, "default": false, catalystv1.SystemNamespace: false} {
			if got := s.fluxMay(t, "create", kind.group, kind.resource, namespace); got != want {
				t.Errorf("flux may create %s in %s: %v, want %v", kind.resource, namespace, got, want)
			}
		}
	}
}

func (s *sovereign) fluxMay(t *testing.T, verb, group, resource, namespace string) bool {
	t.Helper()
	r := &authv1.SubjectAccessReview{Spec: authv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:acme-dev:flux",
		ResourceAttributes: &authv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Namespace: namespace},
	}}
	must(t, s.admin.Create(t.Context(), r))
	return r.Status.Allowed
}

func (s *sovereign) healsAnEnvironment(t *testing.T) {
	var account corev1.ServiceAccount
	key := client.ObjectKey{Namespace: "acme-dev", Name: "flux"}
	must(t, s.admin.Get(t.Context(), key, &account))
	must(t, s.admin.Delete(t.Context(), &account))
	var binding rbacv1.RoleBinding
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "catalyst-flux-admin"}, &binding))
	binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: "mallory"})
	must(t, s.admin.Update(t.Context(), &binding))
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-dev"}, &ns))
	ns.Labels[catalystv1.LabelOrganization], ns.Labels["theirs"] = "kestrel", "stays"
	delete(ns.Labels, catalystv1.LabelManagedBy)
	must(t, s.admin.Update(t.Context(), &ns))
	took := eventually(t, 5*time.Second, func() error {
		if err := s.admin.Get(t.Context(), key, &account); err != nil {
			return err
		}
		must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(&binding), &binding))
		must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(&ns), &ns))
		if len(binding.Subjects) != 1 || ns.Labels[catalystv1.LabelOrganization] != "acme" || ns.Labels[catalystv1.LabelManagedBy] == "" {
			return fmt.Errorf("subjects %v, labels %v", binding.Subjects, ns.Labels)
		}
		return nil
	})
	t.Logf("healed after %s", took)
	if ns.Labels["theirs"] != "stays" {
		t.Error("a label of somebody else is gone")
	}
	// What a binding refers to cannot be changed: it is made anew.
	must(t, s.admin.Delete(t.Context(), &binding))
	_ = s.admin.Create(t.Context(), &rbacv1.RoleBinding{ // the controller may be faster
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme-dev", Name: binding.Name, Labels: binding.Labels},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
	})
	eventually(t, 5*time.Second, func() error {
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(&binding), &binding); err != nil {
			return err
		}
		if binding.RoleRef.Name != "admin" || len(binding.Subjects) != 1 {
			return fmt.Errorf("refers to %s", binding.RoleRef.Name)
		}
		return nil
	})
}
