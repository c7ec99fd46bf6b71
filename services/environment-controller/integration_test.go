//go:build integration

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	natsserver "github.com/nats-io/nats-server/v2/server"
	authv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// sovereign is the controller with real servers around it.
type sovereign struct {
	*apiServer
	gitea  *giteatest.Server
	faults *faultyForge
	git    *forgegitea.Client
	events *spine.Spine
	listen string
	seq    int
}

var (
	acme    = forge.Repo{Organization: "acme"}
	envKey  = client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: "acme-dev"}
	orgKey  = client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: "acme"}
	ada     = forge.Person{Name: "Ada Lindqvist", Email: "ada@acme.example"}
	present = map[string][]byte{"application.yaml": []byte("kind: Application\n"), "overlays/dev/kustomization.yaml": []byte("resources: [../..]\n"), "README.md": []byte("#\n")}
)

func (s *sovereign) start(t *testing.T) {
	t.Helper()
	opts := &natsserver.Options{Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: t.TempDir(), NoSigs: true}
	nats, err := natsserver.NewServer(opts)
	must(t, err)
	nats.Start()
	t.Cleanup(nats.Shutdown)
	s.listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	kubeconfig := filepath.Join(s.dir, "kubeconfig") // written later: services start in any order
	env := map[string]string{
		"CATALYST_LISTEN": s.listen, "CATALYST_NATS_URL": nats.ClientURL(), "KUBECONFIG": kubeconfig,
		"CATALYST_GITEA_URL": s.faults.url, "CATALYST_GITEA_TOKEN": s.gitea.AdminToken,
		"CATALYST_WEBHOOK_URL": "http://127.0.0.1:15099/webhooks/gitea", "CATALYST_WEBHOOK_SECRET": "s3cret",
		"CATALYST_FLUX_GIT_USER": "catalyst-flux", "CATALYST_FLUX_GIT_TOKEN": "flux-token",
		"CATALYST_SIGNING_PUBLIC_KEY_FILE": writeFile(t, s.dir, "catalyst.pub", "PUBLIC KEY"),
		"CATALYST_GITEA_WRITERS":           "catalyst-provisioning", "CATALYST_GITEA_READERS": "catalyst-observer,catalyst-flux",
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
	s.events, err = spine.Connect(spine.Config{URL: nats.ClientURL(), Name: "test"}, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(s.events.Close)
	must(t, s.events.EnsureStream(t.Context()))
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
	s := &sovereign{apiServer: startAPIServer(t), gitea: g, faults: newFaultyForge(t, g.URL)}
	for _, account := range []string{"catalyst-observer", "catalyst-flux"} {
		g.User(t, account)
	}
	token := g.User(t, "catalyst-provisioning")
	var err error
	s.git, err = forgegitea.New(forgegitea.Config{URL: g.URL, Token: token})
	must(t, err)
	must(t, v1alpha1.AddToScheme(scheme.Scheme))
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
		{"an Application comes by event", (*sovereign).findsByEvent},
		{"an Application comes by listing", (*sovereign).findsByListing},
		{"Flux objects are healed", (*sovereign).healsFluxObjects},
		{"a new commit is fetched at once", (*sovereign).fetches},
		{"a failing or silent forge removes nothing", (*sovereign).removesNothingWithoutEvidence},
		{"a steady state writes nothing", (*sovereign).writesNothing},
		{"a tombstone removes", (*sovereign).removesATombstone},
		{"a repository that is deleted removes", (*sovereign).removesADeletedRepository},
		{"the configuration has its webhook", (*sovereign).hooksTheConfiguration},
		{"a namespace of somebody else is not taken", (*sovereign).leavesNamespacesOfOthers},
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
	must(t, s.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.SystemNamespace}}))
	took := eventually(t, 20*time.Second, func() error {
		if ok, why := s.ready(); !ok {
			return errors.New(why)
		}
		return nil
	})
	t.Logf("ready %s after the custom resources", took)
}

func organizationNamed(name string) *v1alpha1.Organization {
	return &v1alpha1.Organization{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.SystemNamespace, Name: name},
		Spec:       v1alpha1.OrganizationSpec{DisplayName: "Acme Inc."},
	}
}

func environmentNamed(name, org string, envType v1alpha1.EnvType, branch string) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.SystemNamespace, Name: name},
		Spec:       v1alpha1.EnvironmentSpec{Organization: org, EnvType: envType, Branch: branch},
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
		if c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready: %+v", key.Name, conditions())
}

func (s *sovereign) organizationReady() error {
	var o v1alpha1.Organization
	return s.condition(orgKey, &o, func() []metav1.Condition { return o.Status.Conditions })
}

func (s *sovereign) environmentReady() error {
	var e v1alpha1.Environment
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
		"catalyst-writers": "write true true [catalyst-provisioning]", "catalyst-readers": "read false true [catalyst-flux catalyst-observer]",
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
	var o v1alpha1.Organization
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
	if ns.Labels[v1alpha1.LabelOrganization] != "acme" || ns.Labels[v1alpha1.LabelEnvironment] != "acme-dev" {
		t.Errorf("labels = %v", ns.Labels)
	}
	for name, want := range map[string]map[string]string{
		"catalyst-git":            {"username": "catalyst-flux", "password": "flux-token"},
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
		for namespace, want := range map[string]bool{"acme-dev": true, "default": false, v1alpha1.SystemNamespace: false} {
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
	ns.Labels[v1alpha1.LabelOrganization], ns.Labels["theirs"] = "kestrel", "stays"
	delete(ns.Labels, v1alpha1.LabelManagedBy)
	must(t, s.admin.Update(t.Context(), &ns))
	took := eventually(t, 5*time.Second, func() error {
		if err := s.admin.Get(t.Context(), key, &account); err != nil {
			return err
		}
		must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(&binding), &binding))
		must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(&ns), &ns))
		if len(binding.Subjects) != 1 || ns.Labels[v1alpha1.LabelOrganization] != "acme" || ns.Labels[v1alpha1.LabelManagedBy] == "" {
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

// push commits to the branch develop, and makes the repository if need be.
func (s *sovereign) push(t *testing.T, name string, change forge.Change) string {
	t.Helper()
	repo := forge.Repo{Organization: acme.Organization, Name: name}
	head, err := s.git.Head(t.Context(), repo, "develop")
	if errors.Is(err, forge.ErrNotFound) {
		if err := s.git.CreateRepo(t.Context(), repo, "an Application"); !errors.Is(err, forge.ErrExists) {
			must(t, err)
		}
	} else {
		must(t, err)
	}
	s.seq++
	heads, err := s.git.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Expect: head.SHA, Draft: &forge.Draft{
		Parent: head.SHA, Change: change, Author: ada, Message: fmt.Sprintf("change %d", s.seq), At: time.Now(),
	}}})
	must(t, err)
	return heads["develop"]
}

// observe publishes what the observer says after a push. Its content is not what the controller acts on.
func (s *sovereign) observe(t *testing.T, app string) {
	t.Helper()
	s.seq++
	must(t, s.events.Publish(t.Context(), spine.Event{
		ID: fmt.Sprintf("test-%d", s.seq), Source: "/test", Subject: spine.Branch("acme-dev", app), Time: time.Now(),
		Data: &spinev1.BranchObserved{Organization: "acme", Environment: "acme-dev", Application: app, Branch: "develop", Present: s.seq%2 == 0},
	}))
}

func (s *sovereign) flux(app string) (*sourcev1.GitRepository, *kustomizev1.Kustomization, error) {
	key := client.ObjectKey{Namespace: "acme-dev", Name: app}
	var g sourcev1.GitRepository
	var k kustomizev1.Kustomization
	return &g, &k, errors.Join(s.admin.Get(context.Background(), key, &g), s.admin.Get(context.Background(), key, &k))
}

func (s *sovereign) has(app string) func() error {
	return func() error { _, _, err := s.flux(app); return err }
}

func (s *sovereign) hasNot(app string) func() error {
	return func() error {
		key := client.ObjectKey{Namespace: "acme-dev", Name: app}
		for _, o := range []client.Object{&sourcev1.GitRepository{}, &kustomizev1.Kustomization{}} {
			if err := s.admin.Get(context.Background(), key, o); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%T is still there: %w", o, err)
			}
		}
		return nil
	}
}

func (s *sovereign) count(t *testing.T) int32 {
	t.Helper()
	var e v1alpha1.Environment
	must(t, s.admin.Get(t.Context(), envKey, &e))
	return e.Status.Applications
}

func (s *sovereign) findsByEvent(t *testing.T) {
	s.push(t, "shop", forge.Change{Write: present})
	s.observe(t, "shop")
	t.Logf("set up %s after the event", eventually(t, 5*time.Second, s.has("shop")))
	g, k, err := s.flux("shop")
	must(t, err)
	got, err := json.Marshal(map[string]any{"source": g.Spec, "applier": k.Spec, "labels": g.Labels})
	must(t, err)
	for _, want := range []string{
		`"url":"` + s.faults.url + `/acme/shop.git"`, `"ref":{"branch":"develop"}`, `"secretRef":{"name":"catalyst-git"}`, `"interval":"10m0s"`,
		`"path":"./overlays/dev"`, `"targetNamespace":"acme-dev"`, `"serviceAccountName":"flux"`, `"prune":true`,
		`"commonMetadata":{"labels":{"catalyst.openova.io/application":"shop"}}`, `"catalyst.openova.io/environment":"acme-dev"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	eventually(t, 5*time.Second, func() error {
		if n := s.count(t); n != 1 {
			return fmt.Errorf("%d Applications", n)
		}
		return nil
	})
	for range 5 { // and once more for the figure, warm
		s.seq++
		app := fmt.Sprintf("warm%d", s.seq)
		s.push(t, app, forge.Change{Write: present})
		s.observe(t, app)
		t.Logf("set up %s after the event", eventually(t, 5*time.Second, s.has(app)))
		s.push(t, app, forge.Change{Remove: []string{"application.yaml", "overlays/dev/kustomization.yaml"}})
		s.observe(t, app)
		t.Logf("removed %s after the event", eventually(t, 5*time.Second, s.hasNot(app)))
	}
}

// relook has the whole Environment looked at now, and waits until that is done.
func (s *sovereign) relook(t *testing.T) {
	t.Helper()
	var e v1alpha1.Environment
	must(t, s.admin.Get(t.Context(), envKey, &e))
	for _, branch := range []string{"main", "develop"} {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"branch":%q}}`, branch))
		must(t, s.admin.Patch(t.Context(), &e, patch))
	}
	eventually(t, 10*time.Second, func() error {
		must(t, s.admin.Get(t.Context(), envKey, &e))
		if e.Status.ObservedGeneration != e.Generation {
			return errors.New("not looked at yet")
		}
		return nil
	})
}

func (s *sovereign) findsByListing(t *testing.T) {
	s.push(t, "blog", forge.Change{Write: present})
	s.relook(t)
	eventually(t, 5*time.Second, s.has("blog"))
}

func (s *sovereign) healsFluxObjects(t *testing.T) {
	g, k, err := s.flux("shop")
	must(t, err)
	must(t, s.admin.Delete(t.Context(), g))
	uid := g.UID
	k.Spec.Suspend, k.Spec.Prune, k.Spec.NamePrefix = true, false, "mallory-"
	k.Labels = map[string]string{v1alpha1.LabelApplication: "other"}
	must(t, s.admin.Update(t.Context(), k))
	took := eventually(t, 5*time.Second, func() error {
		g, k, err := s.flux("shop")
		if err != nil {
			return err
		}
		if g.UID == uid || k.Spec.Suspend || !k.Spec.Prune || k.Spec.NamePrefix != "" || k.Labels[v1alpha1.LabelApplication] != "shop" || k.Labels[v1alpha1.LabelManagedBy] == "" {
			return fmt.Errorf("%+v %v", k.Spec, k.Labels)
		}
		return nil
	})
	t.Logf("healed after %s", took)
}

func (s *sovereign) fetches(t *testing.T) {
	head := s.push(t, "shop", forge.Change{Write: map[string][]byte{"values.yaml": []byte("replicas: 2\n")}})
	s.observe(t, "shop")
	t.Logf("asked %s after the event", eventually(t, 5*time.Second, func() error {
		g, _, err := s.flux("shop")
		if err == nil && g.Annotations[meta.ReconcileRequestAnnotation] != head {
			err = fmt.Errorf("annotations %v, want the request %s", g.Annotations, head)
		}
		return err
	}))
}

func (s *sovereign) removesNothingWithoutEvidence(t *testing.T) {
	s.push(t, "blog", forge.Change{Remove: []string{"application.yaml", "overlays/dev/kustomization.yaml"}})
	for name, fault := range map[string]interface{ Store(bool) }{"down": &s.faults.down, "blind": &s.faults.blind} {
		fault.Store(true)
		s.observe(t, "shop")
		s.observe(t, "blog")
		s.relookUnready(t)
		for _, app := range []string{"shop", "blog"} {
			if err := s.has(app)(); err != nil {
				t.Errorf("forge %s: %v", name, err)
			}
		}
		var e v1alpha1.Environment
		must(t, s.admin.Get(t.Context(), envKey, &e))
		t.Logf("forge %s: %s: %s", name, e.Status.Conditions[0].Reason, e.Status.Conditions[0].Message)
		fault.Store(false)
	}
	s.push(t, "blog", forge.Change{Write: present})
	eventually(t, 20*time.Second, s.environmentReady)
	must(t, s.has("shop")())
	must(t, s.has("blog")())
}

func (s *sovereign) relookUnready(t *testing.T) {
	t.Helper()
	s.relook(t)
	if s.environmentReady() == nil {
		t.Error("the Environment is called ready although Git cannot be read")
	}
}

func (s *sovereign) versions(t *testing.T) string {
	t.Helper()
	var out []string
	for _, list := range []client.ObjectList{
		&corev1.NamespaceList{}, &corev1.ServiceAccountList{}, &corev1.SecretList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
		&sourcev1.GitRepositoryList{}, &kustomizev1.KustomizationList{}, &v1alpha1.OrganizationList{},
	} {
		must(t, s.admin.List(t.Context(), list))
		b, err := json.Marshal(list)
		must(t, err)
		var v struct {
			Items []struct{ Metadata metav1.ObjectMeta }
		}
		must(t, json.Unmarshal(b, &v))
		for _, i := range v.Items {
			out = append(out, fmt.Sprintf("%T %s/%s %s", list, i.Metadata.Namespace, i.Metadata.Name, i.Metadata.ResourceVersion))
		}
	}
	return strings.Join(out, "\n")
}

func (s *sovereign) writesNothing(t *testing.T) {
	// The one write that is due: Flux is not here to answer the last request, so it is asked for the newest head.
	s.relookNow(t)
	before, writes, reads := s.versions(t), s.faults.writes.Load(), s.faults.reads.Load()
	s.relookNow(t)
	if after := s.versions(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if n := s.faults.writes.Load() - writes; n != 0 {
		t.Errorf("%d writes to the forge", n)
	}
	t.Logf("%d reads of the forge", s.faults.reads.Load()-reads)
}

// relookNow has the Environment looked at without changing what it says: by a label on its namespace, put right.
func (s *sovereign) relookNow(t *testing.T) {
	t.Helper()
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-dev"}, &ns))
	reads := s.faults.reads.Load()
	ns.Labels["touched"] = fmt.Sprint(time.Now().UnixNano())
	must(t, s.admin.Update(t.Context(), &ns))
	eventually(t, 10*time.Second, func() error {
		if s.faults.reads.Load() < reads+3 {
			return errors.New("not looked at yet")
		}
		return nil
	})
	time.Sleep(300 * time.Millisecond) // what comes after the last read
	must(t, s.environmentReady())
}

func (s *sovereign) removesATombstone(t *testing.T) {
	n := s.count(t)
	s.push(t, "blog", forge.Change{Remove: []string{"application.yaml", "overlays/dev/kustomization.yaml"}})
	s.observe(t, "blog")
	t.Logf("removed %s after the event", eventually(t, 5*time.Second, s.hasNot("blog")))
	eventually(t, 5*time.Second, func() error {
		if got := s.count(t); got != n-1 {
			return fmt.Errorf("%d Applications, want %d", got, n-1)
		}
		return nil
	})
	// A tombstone is no end: an Application may come back to its repository.
	s.push(t, "blog", forge.Change{Write: present})
	s.observe(t, "blog")
	eventually(t, 5*time.Second, s.has("blog"))
}

func (s *sovereign) removesADeletedRepository(t *testing.T) {
	s.gitea.Call(t, http.MethodDelete, "/repos/acme/blog", nil, nil)
	s.observe(t, "blog")
	eventually(t, 5*time.Second, s.hasNot("blog"))
	must(t, s.has("shop")())
}

func (s *sovereign) hooksTheConfiguration(t *testing.T) {
	s.gitea.Call(t, http.MethodPost, "/orgs", map[string]any{"username": "system", "visibility": "private"}, nil)
	s.gitea.Call(t, http.MethodPost, "/orgs/system/repos", map[string]any{"name": "catalyst-config", "private": true}, nil)
	t.Logf("hooked after %s", eventually(t, 10*time.Second, func() error {
		if n := len(s.hooks(t, "/repos/system/catalyst-config")); n != 1 {
			return fmt.Errorf("%d webhooks", n)
		}
		return nil
	}))
}

func (s *sovereign) leavesNamespacesOfOthers(t *testing.T) {
	must(t, s.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme-prod"}}))
	must(t, s.admin.Create(t.Context(), environmentNamed("acme-prod", "acme", "prod", "main")))
	eventually(t, 10*time.Second, func() error {
		var e v1alpha1.Environment
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: "acme-prod"}, &e))
		if len(e.Status.Conditions) == 0 || e.Status.Conditions[0].Reason != "NamespaceTaken" {
			return fmt.Errorf("%+v", e.Status.Conditions)
		}
		return nil
	})
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-prod"}, &ns))
	if ns.Labels[v1alpha1.LabelManagedBy] != "" {
		t.Error("it was taken")
	}
}
