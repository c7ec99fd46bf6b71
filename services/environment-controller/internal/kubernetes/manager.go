package kubernetes

import (
	"context"
	"fmt"
	"time"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// needed are the kinds that have to be served before the controllers can start.
var needed = []metav1.GroupVersionKind{
	{Group: "catalyst.openova.io", Version: "v1alpha1", Kind: "Sovereign"},
	{Group: "catalyst.openova.io", Version: "v1alpha1", Kind: "Organization"},
	{Group: "catalyst.openova.io", Version: "v1alpha1", Kind: "Environment"},
	{Group: "catalyst.openova.io", Version: "v1alpha1", Kind: "Application"},
	{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"},
	{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"},
}

func servesAll(ctx context.Context, cfg *rest.Config) error {
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = 5 * time.Second
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return err
	}
	defer hc.CloseIdleConnections()
	d, err := discovery.NewDiscoveryClientForConfigAndClient(cfg, hc)
	if err != nil {
		return err
	}
	for _, k := range needed {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		gv := metav1.GroupVersion{Group: k.Group, Version: k.Version}.String()
		list, err := d.ServerResourcesForGroupVersion(gv)
		if err != nil {
			return fmt.Errorf("the cluster does not serve %s: %w", gv, err)
		}
		if !hasKind(list, k.Kind) {
			return fmt.Errorf("the cluster does not serve %s of %s", k.Kind, gv)
		}
	}
	return nil
}

func hasKind(list *metav1.APIResourceList, kind string) bool {
	for _, r := range list.APIResources {
		if r.Kind == kind {
			return true
		}
	}
	return false
}

func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, rbacv1.AddToScheme, networkingv1.AddToScheme, catalystv1.AddToScheme, sourcev1.AddToScheme, kustomizev1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// manager watches no more than it needs: Catalyst's own objects in their namespace, and of the rest only what carries
// our label. Secrets are never held.
func (c *Controllers) manager(cfg *rest.Config) (manager.Manager, error) {
	s, err := newScheme()
	if err != nil {
		return nil, err
	}
	ours := cache.ByObject{Label: apilabels.SelectorFromSet(apilabels.Set{catalystv1.LabelManagedBy: catalystv1.ManagedByController})}
	system := cache.ByObject{Namespaces: map[string]cache.Config{catalystv1.SystemNamespace: {}}}
	metrics := c.config.Metrics
	if metrics == "" {
		metrics = "0"
	}
	m, err := manager.New(cfg, manager.Options{
		Scheme: s, Logger: logger(c.log), Metrics: server.Options{BindAddress: metrics},
		Controller: config.Controller{SkipNameValidation: new(true)}, // the controllers may start anew
		Client:     client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&catalystv1.Sovereign{}: system, &catalystv1.Organization{}: system, &catalystv1.Environment{}: system, &catalystv1.Application{}: ours,
				&networkingv1.NetworkPolicy{}: ours, &corev1.ResourceQuota{}: ours, &corev1.LimitRange{}: ours,
				&corev1.Namespace{}: ours, &corev1.ServiceAccount{}: ours, &rbacv1.Role{}: ours, &rbacv1.RoleBinding{}: ours,
				&sourcev1.GitRepository{}: ours, &kustomizev1.Kustomization{}: ours,
			},
		},
	})
	if err != nil {
		return nil, err
	}
	return m, c.addControllers(m)
}

// limiter spaces out the tries after an unexpected failure.
func limiter[T comparable]() workqueue.TypedRateLimiter[T] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[T](100*time.Millisecond, 30*time.Second)
}
