//go:build integration

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

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
	account, err := s.events.Of(t.Context(), "acme-dev") // an Organization that is ready has one
	must(t, err)
	must(t, account.Publish(t.Context(), spine.Event{
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
	var e catalystv1.Environment
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
	var e catalystv1.Environment
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
	k.Labels = map[string]string{catalystv1.LabelApplication: "other"}
	must(t, s.admin.Update(t.Context(), k))
	took := eventually(t, 5*time.Second, func() error {
		g, k, err := s.flux("shop")
		if err != nil {
			return err
		}
		if g.UID == uid || k.Spec.Suspend || !k.Spec.Prune || k.Spec.NamePrefix != "" || k.Labels[catalystv1.LabelApplication] != "shop" || k.Labels[catalystv1.LabelManagedBy] == "" {
			return fmt.Errorf("%+v %v", k.Spec, k.Labels)
		}
		return nil
	})
	t.Logf("healed after %s", took)
}

func (s *sovereign) fetchesAfterALostWebhook(t *testing.T) {
	head := s.push(t, "shop", forge.Change{Write: map[string][]byte{"values.yaml": []byte("replicas: 2\n")}})
	s.relookNow(t)
	eventually(t, 5*time.Second, func() error {
		g, _, err := s.flux("shop")
		if err == nil && g.Annotations[meta.ReconcileRequestAnnotation] != head {
			err = fmt.Errorf("annotations %v, want the request %s", g.Annotations, head)
		}
		return err
	})
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
		var e catalystv1.Environment
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
		&corev1.ServiceAccountList{}, &corev1.SecretList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
		&sourcev1.GitRepositoryList{}, &kustomizev1.KustomizationList{}, &catalystv1.OrganizationList{}, &catalystv1.ApplicationList{},
		&networkingv1.NetworkPolicyList{}, &corev1.ResourceQuotaList{}, &corev1.LimitRangeList{}, &catalystv1.EnvironmentList{}, &catalystv1.SovereignList{},
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
		var e catalystv1.Environment
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: "acme-prod"}, &e))
		if len(e.Status.Conditions) == 0 || e.Status.Conditions[0].Reason != "NamespaceTaken" {
			return fmt.Errorf("%+v", e.Status.Conditions)
		}
		return nil
	})
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-prod"}, &ns))
	if ns.Labels[catalystv1.LabelManagedBy] != "" {
		t.Error("it was taken")
	}
}
