//go:build integration

package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
)

func (s *sovereign) patch(t *testing.T, o client.Object, patch string) {
	t.Helper()
	must(t, s.admin.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))))
}

func (s *sovereign) boundsAnEnvironment(t *testing.T) {
	env := &catalystv1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: envKey.Namespace, Name: envKey.Name}}
	pod := func(name string, change func(*corev1.PodSpec)) error {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "acme-dev", Name: name}, Spec: corev1.PodSpec{
			ServiceAccountName: "flux", Containers: []corev1.Container{{Name: "c", Image: "i", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		}}
		change(&p.Spec)
		return s.admin.Create(t.Context(), p, client.DryRunAll)
	}
	plain := func(p *corev1.PodSpec) { p.SecurityContext, p.Containers[0].SecurityContext = nil, nil }
	must(t, pod("restricted", func(*corev1.PodSpec) {}))
	if err := pod("plain", plain); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "restricted") {
		t.Errorf("a pod that asks for more than restricted: %v", err)
	}
	s.patch(t, env, `{"spec":{"podSecurity":{"level":"baseline","reason":"bp-mail binds port 25"},"quota":{"cpu":"2","memory":"1Gi","pods":10}}}`)
	eventually(t, 5*time.Second, func() error { return pod("plain", plain) })
	if err := pod("privileged", func(p *corev1.PodSpec) { p.HostNetwork = true }); !apierrors.IsForbidden(err) {
		t.Errorf("baseline lets a pod into the network of the node: %v", err)
	}
	eventually(t, 5*time.Second, func() error {
		err := pod("large", func(p *corev1.PodSpec) {
			p.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}
		})
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("a container larger than the Environment: %w", err)
		}
		return nil
	})
	var q corev1.ResourceQuota
	eventually(t, 5*time.Second, func() error {
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "catalyst-limits"}, &q))
		if v := q.Spec.Hard[corev1.ResourceRequestsCPU]; v.String() != "2" {
			return fmt.Errorf("cpu %s", v.String())
		}
		return nil
	})
	var n networkingv1.NetworkPolicy
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "catalyst-default"}, &n))
	n.Spec.Ingress = append(n.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
	must(t, s.admin.Update(t.Context(), &n))
	must(t, s.admin.Delete(t.Context(), &q))
	eventually(t, 5*time.Second, func() error {
		must(t, s.admin.Get(t.Context(), client.ObjectKeyFromObject(&n), &n))
		if len(n.Spec.Ingress) != 1 || len(n.Spec.Egress) != 2 {
			return errors.New("the network policy is not healed")
		}
		return s.admin.Get(t.Context(), client.ObjectKeyFromObject(&q), &q)
	})
	s.patch(t, env, `{"spec":{"podSecurity":null,"quota":null}}`)
	eventually(t, 5*time.Second, func() error {
		if err := pod("plain", plain); err == nil {
			return errors.New("the grant still holds")
		}
		return s.environmentReady()
	})
}

func (s *sovereign) pullSecret(t *testing.T) (string, string) {
	t.Helper()
	var secret corev1.Secret
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "catalyst-git"}, &secret))
	return string(secret.Data["username"]), string(secret.Data["password"])
}

func (s *sovereign) separatesCredentials(t *testing.T) {
	s.push(t, "ledger", forge.Change{Write: map[string][]byte{"README.md": []byte("#\n")}})
	s.gitea.Call(t, http.MethodPost, "/orgs", map[string]any{"username": "kestrel", "visibility": "public"}, nil)
	s.gitea.Call(t, http.MethodPost, "/orgs/kestrel/repos", map[string]any{"name": "shop", "private": true, "auto_init": true}, nil)
	_, token := s.pullSecret(t)
	c, err := forgegitea.New(forgegitea.Config{URL: s.gitea.URL, Token: token})
	must(t, err)
	if b, err := c.Branches(t.Context(), forge.Repo{Organization: "acme", Name: "ledger"}); err != nil || len(b) != 1 {
		t.Errorf("its own: %v, %v", b, err)
	}
	if _, err := c.Branches(t.Context(), forge.Repo{Organization: "kestrel", Name: "shop"}); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("another Organization's: %v", err)
	}
	if err := c.CreateRepo(t.Context(), forge.Repo{Organization: "acme", Name: "mine"}, ""); err == nil {
		t.Error("it may write")
	}
	t.Log("a token that no longer opens anything is replaced")
	s.patch(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: catalystv1.SystemNamespace, Name: "catalyst-flux-acme"}}, `{"stringData":{"password":"revoked"}}`)
	var o catalystv1.Organization
	must(t, s.admin.Get(t.Context(), orgKey, &o))
	s.patch(t, &o, `{"spec":{"displayName":"Acme again"}}`)
	eventually(t, 20*time.Second, func() error {
		s.relook(t)
		user, now := s.pullSecret(t)
		if now == token || now == "revoked" || user != "catalyst-flux-acme" {
			return errors.New("not replaced yet")
		}
		c, err := forgegitea.New(forgegitea.Config{URL: s.gitea.URL, Token: now})
		must(t, err)
		_, err = c.Branches(t.Context(), forge.Repo{Organization: "acme", Name: "ledger"})
		return err
	})
}

func needing(apps ...string) map[string][]byte {
	doc := "spec:\n  blueprint: {name: bp-podinfo, version: 1.0.0}\n  dependencies:\n"
	for _, a := range apps {
		doc += "    - {alias: " + a + ", application: " + a + "}\n"
	}
	return map[string][]byte{"application.yaml": []byte(doc), "overlays/dev/kustomization.yaml": []byte("resources: [../..]\n")}
}

func (s *sovereign) ordersDependencies(t *testing.T) {
	s.push(t, "api", forge.Change{Write: needing("db", "nowhere")})
	s.observe(t, "api")
	s.push(t, "db", forge.Change{Write: present})
	s.observe(t, "db")
	eventually(t, 10*time.Second, func() error {
		_, api, err := s.flux("api")
		_, db, dberr := s.flux("db")
		if err := errors.Join(err, dberr); err != nil {
			return err
		}
		if len(api.Spec.DependsOn) != 1 || api.Spec.DependsOn[0].Name != "db" || !db.Spec.Wait || api.Spec.Wait {
			return fmt.Errorf("api %+v, db waits %v", api.Spec.DependsOn, db.Spec.Wait)
		}
		var e catalystv1.Environment
		var a catalystv1.Application
		must(t, s.admin.Get(t.Context(), envKey, &e))
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "api"}, &a))
		for name, all := range map[string][]metav1.Condition{"environment": e.Status.Conditions, "application": a.Status.Conditions} {
			c := apimeta.FindStatusCondition(all, catalystv1.ConditionDependenciesMet)
			if c == nil || c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "nowhere") || strings.Contains(c.Message, "circle") {
				return fmt.Errorf("%s: %+v", name, c)
			}
		}
		if a.Status.Blueprint == nil || a.Status.Blueprint.Version != "1.0.0" || len(a.Status.Dependencies) != 2 || !a.Status.Dependencies[0].Waits || a.Status.Dependencies[1].Waits {
			return fmt.Errorf("%+v", a.Status)
		}
		return nil
	})
	s.push(t, "db", forge.Change{Write: needing("api")})
	s.observe(t, "db")
	eventually(t, 10*time.Second, func() error {
		var a catalystv1.Application
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Namespace: "acme-dev", Name: "db"}, &a))
		c := apimeta.FindStatusCondition(a.Status.Conditions, catalystv1.ConditionDependenciesMet)
		_, db, err := s.flux("db")
		if err != nil || c == nil || !strings.Contains(c.Message, "circle, db → api → db") || len(db.Spec.DependsOn) > 0 {
			return fmt.Errorf("%+v %+v", c, db.Spec.DependsOn)
		}
		return nil
	})
	for _, app := range []string{"api", "db"} {
		s.push(t, app, forge.Change{Remove: []string{"application.yaml", "overlays/dev/kustomization.yaml"}})
		s.observe(t, app)
		eventually(t, 5*time.Second, s.hasNot(app))
	}
}

func (s *sovereign) tellsDrift(t *testing.T) {
	want := map[string]string{"GitRepository": "it was deleted", "Kustomization": "spec.suspend", "NetworkPolicy": "spec.ingress was changed by ", "Namespace": "metadata.labels"}
	eventually(t, 10*time.Second, func() error {
		var all corev1.EventList
		must(t, s.admin.List(t.Context(), &all))
		missing := []string{}
		for kind, text := range want {
			found := false
			for _, e := range all.Items {
				found = found || e.Reason == "Drift" && e.Type == corev1.EventTypeWarning && e.InvolvedObject.Kind == kind && strings.Contains(e.Message, text)
			}
			if !found {
				missing = append(missing, kind)
			}
		}
		if len(missing) > 0 {
			var said []string
			for _, e := range all.Items {
				said = append(said, e.InvolvedObject.Kind+": "+e.Message)
			}
			return fmt.Errorf("no event for %v in\n%s", missing, strings.Join(said, "\n"))
		}
		return nil
	})
}

// config commits to the Sovereign's own repository.
func (s *sovereign) config(t *testing.T, change forge.Change) {
	t.Helper()
	c, err := forgegitea.New(forgegitea.Config{URL: s.gitea.URL, Token: s.gitea.AdminToken})
	must(t, err)
	repo := forge.Repo{Organization: "system", Name: "catalyst-config"}
	head, err := c.Head(t.Context(), repo, "main")
	if err != nil && !errors.Is(err, forge.ErrNotFound) {
		t.Fatal(err)
	}
	_, err = c.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "main", Expect: head.SHA, Draft: &forge.Draft{
		Parent: head.SHA, Change: change, Author: ada, Message: "config", At: time.Now(),
	}}})
	must(t, err)
}

func (s *sovereign) gone(key client.ObjectKey, o client.Object) func() error {
	return func() error {
		if err := s.admin.Get(s.ctx, key, o); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s is still there (%w)", key.Name, err)
		}
		return nil
	}
}

func (s *sovereign) survivesDeletionByHand(t *testing.T) {
	var e catalystv1.Environment
	must(t, s.admin.Get(t.Context(), envKey, &e))
	must(t, s.admin.Delete(t.Context(), &e))
	t.Log("while the Sovereign's own repository holds nothing, nothing is taken away")
	eventually(t, 10*time.Second, func() error {
		must(t, s.admin.Get(t.Context(), envKey, &e))
		c := apimeta.FindStatusCondition(e.Status.Conditions, catalystv1.ConditionReady)
		if c == nil || c.Reason != "Held" {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	must(t, s.has("shop")())
	t.Log("once it does, the object goes and what runs stays")
	s.config(t, forge.Change{Write: map[string][]byte{
		"organizations/acme/organization.yaml":                []byte("kind: Organization\nmetadata: {name: acme}\n"),
		"organizations/acme/environments/acme-dev.yaml":       []byte("kind: Environment\nmetadata: {name: acme-dev}\n"),
		"organizations/kestrel/organization.yaml":             []byte("kind: Organization\nmetadata: {name: kestrel}\n"),
		"organizations/kestrel/environments/kestrel-dev.yaml": []byte("kind: Environment\nmetadata: {name: kestrel-dev}\n"),
	}})
	eventually(t, 10*time.Second, s.gone(envKey, &e))
	must(t, s.has("shop")())
	must(t, s.admin.Create(t.Context(), environmentNamed("acme-dev", "acme", "dev", "develop")))
	eventually(t, 20*time.Second, s.environmentReady)
	must(t, s.has("shop")())
	var ns corev1.Namespace
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-dev"}, &ns))
	if ns.DeletionTimestamp != nil {
		t.Error("its namespace is being deleted")
	}
}

func (s *sovereign) retired() *metav1.Condition {
	var o catalystv1.Organization
	if err := s.admin.Get(s.ctx, orgKey, &o); err != nil {
		return nil
	}
	return apimeta.FindStatusCondition(o.Status.Conditions, catalystv1.ConditionRetired)
}

func (s *sovereign) refusesToRetire(t *testing.T) {
	s.patch(t, organizationNamed("acme"), `{"spec":{"retired":true}}`)
	eventually(t, 10*time.Second, func() error {
		if c := s.retired(); c == nil || c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "acme-dev/shop") {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	if s.archived(t, "shop") {
		t.Error("a repository is archived although its Application runs")
	}
	s.patch(t, organizationNamed("acme"), `{"spec":{"retired":false}}`)
	eventually(t, 10*time.Second, func() error {
		if c := s.retired(); c != nil {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
}

func (s *sovereign) archived(t *testing.T, repo string) bool {
	t.Helper()
	var v struct{ Archived bool }
	s.gitea.Call(t, http.MethodGet, "/repos/acme/"+repo, nil, &v)
	return v.Archived
}

func (s *sovereign) cleansUpAnEnvironment(t *testing.T) {
	s.config(t, forge.Change{Remove: []string{"organizations/acme/environments/acme-dev.yaml"}})
	for _, name := range []string{"acme-dev", "acme-prod"} { // the other one's namespace is not Catalyst's
		must(t, s.admin.Delete(t.Context(), environmentNamed(name, "acme", "dev", "develop")))
	}
	eventually(t, 10*time.Second, s.hasNot("shop"))
	var ns corev1.Namespace
	eventually(t, 10*time.Second, func() error {
		must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-dev"}, &ns))
		if ns.DeletionTimestamp == nil {
			return errors.New("its namespace is not being deleted")
		}
		return nil
	})
	ns.Spec.Finalizers = nil // as the controller of namespaces would, after it emptied it
	must(t, s.admin.SubResource("finalize").Update(t.Context(), &ns))
	eventually(t, 10*time.Second, s.gone(envKey, &catalystv1.Environment{}))
	eventually(t, 10*time.Second, s.gone(client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: "acme-prod"}, &catalystv1.Environment{}))
	must(t, s.admin.Get(t.Context(), client.ObjectKey{Name: "acme-prod"}, &ns))
	if ns.DeletionTimestamp != nil {
		t.Error("the namespace of somebody else is being deleted")
	}
	if err := s.organizationReady(); err != nil {
		t.Error(err)
	}
}

func (s *sovereign) retiresAnOrganization(t *testing.T) {
	s.patch(t, organizationNamed("acme"), `{"spec":{"retired":true}}`)
	eventually(t, 10*time.Second, func() error {
		if c := s.retired(); c == nil || c.Status != metav1.ConditionTrue || !s.archived(t, "shop") || !s.archived(t, "ledger") {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	s.config(t, forge.Change{Remove: []string{"organizations/acme/organization.yaml"}})
	must(t, s.admin.Delete(t.Context(), organizationNamed("acme")))
	eventually(t, 10*time.Second, s.gone(orgKey, &catalystv1.Organization{}))
	must(t, s.gone(client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: "catalyst-flux-acme"}, &corev1.Secret{})())
	if !s.archived(t, "shop") {
		t.Error("a repository is no longer archived")
	}
}
