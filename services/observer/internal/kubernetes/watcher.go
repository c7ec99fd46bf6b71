// Package kubernetes watches a cluster with informers and tells the spine of every object that people care about.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// kind is one resource that is watched, with its class on the spine.
type kind struct {
	schema.GroupVersionResource
	class string
}

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

var namespaces = kind{gvr("", "v1", "namespaces"), "k8s"}

// kinds are watched as soon as the cluster knows them. Secrets are not among them, and never will be.
var kinds = []kind{
	{gvr("", "v1", "nodes"), "k8s"},
	{gvr("", "v1", "services"), "k8s"},
	{gvr("apps", "v1", "deployments"), "k8s"},
	{gvr("apps", "v1", "statefulsets"), "k8s"},
	{gvr("apps", "v1", "daemonsets"), "k8s"},
	{gvr("catalyst.openova.io", "v1alpha1", "organizations"), "k8s"},
	{gvr("catalyst.openova.io", "v1alpha1", "environments"), "k8s"},
	{gvr("source.toolkit.fluxcd.io", "v1", "gitrepositories"), "flux"},
	{gvr("source.toolkit.fluxcd.io", "v1", "ocirepositories"), "flux"},
	{gvr("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"), "flux"},
	{gvr("helm.toolkit.fluxcd.io", "v2", "helmreleases"), "flux"},
}

// Memory keeps the identity of what was told of, across restarts.
type Memory interface {
	Remember(context.Context, *spinev1.ObjectObserved) error
	Forget(context.Context, *spinev1.ObjectRef) error
	Known(context.Context) ([]*spinev1.ObjectObserved, error)
}

// Environment is what the forge side needs to know of one.
type Environment struct{ Name, Organization, EnvType, Branch string }

// Watcher watches one cluster.
type Watcher struct {
	cluster, kubeconfig string
	queue               *observation.Queue
	memory              Memory
	log                 *slog.Logger
	onEnvironment       func(Environment)

	mu           sync.Mutex
	client       dynamic.Interface
	places       map[string]place // by namespace
	environments map[string]Environment
	informers    map[kind]cache.SharedIndexInformer
	tasks        chan func(context.Context)
	synced       bool
}

// New makes a Watcher; the cluster may come later.
func New(cluster, kubeconfig string, queue *observation.Queue, memory Memory, log *slog.Logger) *Watcher {
	return &Watcher{
		cluster: cluster, kubeconfig: kubeconfig, queue: queue, memory: memory, log: log, onEnvironment: func(Environment) {},
		places: map[string]place{}, environments: map[string]Environment{}, informers: map[kind]cache.SharedIndexInformer{},
		tasks: make(chan func(context.Context), 4096),
	}
}

// OnEnvironment registers what is to happen when an Environment appears or changes. Call it before Run.
func (w *Watcher) OnEnvironment(f func(Environment)) { w.onEnvironment = f }

// Ready tells whether every kind that is known to the cluster has been listed.
func (w *Watcher) Ready(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return errors.New("the cluster cannot be reached yet")
	}
	if !w.synced || len(w.informers) < len(kinds)+1 {
		return fmt.Errorf("%d of %d kinds are watched", len(w.informers), len(kinds)+1)
	}
	return nil
}

// Environments lists the Environments of an Organization that the cluster holds.
func (w *Watcher) Environments(organization string) []Environment {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Environment
	for _, e := range w.environments {
		if organization == "" || e.Organization == organization {
			out = append(out, e)
		}
	}
	return out
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	disco, ok := w.connect(ctx)
	if !ok {
		return
	}
	go w.remember(ctx)
	w.start(ctx, namespaces)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for waiting := kinds; ; {
		var later []kind
		for _, k := range waiting {
			if served(disco, k) {
				w.start(ctx, k)
			} else {
				later = append(later, k)
			}
		}
		waiting = later
		if len(waiting) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	w.mu.Lock()
	w.synced = true
	w.mu.Unlock()
	w.tellOfTheGone(ctx)
	<-ctx.Done()
}

func (w *Watcher) connect(ctx context.Context) (discovery.DiscoveryInterface, bool) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		cfg, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
		if err == nil {
			cfg.QPS, cfg.Burst = 100, 200
			var client dynamic.Interface
			var disco *discovery.DiscoveryClient
			if client, err = dynamic.NewForConfig(cfg); err == nil {
				if disco, err = discovery.NewDiscoveryClientForConfig(cfg); err == nil {
					if _, err = disco.ServerVersion(); err == nil {
						w.mu.Lock()
						w.client = client
						w.mu.Unlock()
						return disco, true
					}
				}
			}
		}
		w.log.Debug("observer: the cluster cannot be reached yet", "error", err)
		select {
		case <-ctx.Done():
			return nil, false
		case <-tick.C:
		}
	}
}

func served(disco discovery.DiscoveryInterface, k kind) bool {
	list, err := disco.ServerResourcesForGroupVersion(k.GroupVersion().String())
	if err != nil {
		return false
	}
	for _, r := range list.APIResources {
		if r.Name == k.Resource {
			return true
		}
	}
	return false
}

// start watches one kind and returns when it has been listed.
func (w *Watcher) start(ctx context.Context, k kind) {
	inf := dynamicinformer.NewFilteredDynamicInformer(w.client, k.GroupVersionResource, metav1.NamespaceAll, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}, nil).Informer()
	if err := inf.SetTransform(strip); err != nil {
		w.log.Error("observer: transform", "kind", k.Resource, "error", err)
		return
	}
	if _, err := inf.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { w.seen(k, o, false) },
		UpdateFunc: func(_, o any) { w.seen(k, o, false) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			w.seen(k, o, true)
		},
	}); err != nil {
		w.log.Error("observer: handler", "kind", k.Resource, "error", err)
		return
	}
	w.mu.Lock()
	w.informers[k] = inf
	w.mu.Unlock()
	go inf.RunWithContext(ctx)
	cache.WaitForCacheSync(ctx.Done(), inf.HasSynced)
}

// strip drops what is large or may be secret before it is kept.
func strip(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	u.SetManagedFields(nil)
	if a := u.GetAnnotations(); len(a) > 0 {
		keep := map[string]string{}
		if v, ok := a["kwok.x-k8s.io/node"]; ok {
			keep["kwok.x-k8s.io/node"] = v
		}
		u.SetAnnotations(keep)
	}
	// The environment of containers may hold values that somebody should have put into a Secret.
	if containers, found, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers"); found && err == nil {
		var images []any
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				images = append(images, map[string]any{"image": m["image"]})
			}
		}
		if err := unstructured.SetNestedField(u.Object, map[string]any{"containers": images}, "spec", "template", "spec"); err != nil {
			return nil, err
		}
	}
	unstructured.RemoveNestedField(u.Object, "spec", "values")
	unstructured.RemoveNestedField(u.Object, "status", "images")
	return u, nil
}

func (w *Watcher) seen(k kind, o any, deleted bool) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	if k == namespaces {
		w.namespace(u, deleted)
		return
	}
	if u.GetKind() == "Environment" {
		w.environment(u, deleted)
	}
	w.tell(k, u, deleted)
}

func (w *Watcher) tell(k kind, u *unstructured.Unstructured, deleted bool) {
	w.mu.Lock()
	at := w.places[u.GetNamespace()]
	w.mu.Unlock()
	o := summarise(w.cluster, u, at, time.Now())
	o.Deleted = deleted
	w.publish(k.class, o)
}

func (w *Watcher) publish(class string, o *spinev1.ObjectObserved) {
	env := o.GetEnvironment()
	if env == "" {
		env = spine.System
	}
	ref := o.GetObject()
	if env == spine.System && o.GetOrganizationDetail() == nil && o.GetEnvironmentDetail() == nil && o.GetNode() == nil && !o.GetDeleted() {
		return // belongs to no Environment: somebody else's
	}
	w.queue.Put(spine.Event{
		ID:     fmt.Sprintf("%s/%s/%s/%s/%t", ref.GetCluster(), ref.GetUid(), o.GetResourceVersion(), env, o.GetDeleted()),
		Source: "/observer/" + w.cluster, Subject: spine.Object(env, class, ref.GetKind(), ref.GetNamespace(), ref.GetName()),
		Time: o.GetObservedAt().AsTime(), Data: o,
	})
	select {
	case w.tasks <- func(ctx context.Context) { w.note(ctx, o) }:
	default:
		w.log.Error("observer: too much at once to remember; a deletion while the observer is away may be missed", "object", ref.GetName())
	}
}

// namespace learns where a namespace belongs, and tells again of what is in it when that changed.
func (w *Watcher) namespace(u *unstructured.Unstructured, deleted bool) {
	at := place{u.GetLabels()[catalystv1.LabelOrganization], u.GetLabels()[catalystv1.LabelEnvironment]}
	if deleted {
		at = place{}
	}
	w.mu.Lock()
	changed := w.places[u.GetName()] != at
	w.places[u.GetName()] = at
	informers := make(map[kind]cache.SharedIndexInformer, len(w.informers))
	for k, inf := range w.informers {
		informers[k] = inf
	}
	w.mu.Unlock()
	if !changed || deleted {
		return
	}
	for k, inf := range informers {
		objects, err := inf.GetIndexer().ByIndex(cache.NamespaceIndex, u.GetName())
		if err != nil {
			continue
		}
		for _, o := range objects {
			if u, ok := o.(*unstructured.Unstructured); ok {
				w.tell(k, u, false)
			}
		}
	}
}

func (w *Watcher) environment(u *unstructured.Unstructured, deleted bool) {
	e := Environment{Name: u.GetName(), Organization: str(u, "spec", "organization"), EnvType: str(u, "spec", "envType"), Branch: str(u, "spec", "branch")}
	w.mu.Lock()
	before := w.environments[e.Name]
	if deleted {
		delete(w.environments, e.Name)
	} else {
		w.environments[e.Name] = e
	}
	w.mu.Unlock()
	if !deleted && before != e {
		w.onEnvironment(e)
	}
}

// Nudge asks Flux to fetch a source now; one that is not there needs no nudge.
func (w *Watcher) Nudge(ctx context.Context, namespace, name string) error {
	w.mu.Lock()
	client := w.client
	w.mu.Unlock()
	if client == nil {
		return nil
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, time.Now().Format(time.RFC3339Nano))
	_, err := client.Resource(gvr("source.toolkit.fluxcd.io", "v1", "gitrepositories")).Namespace(namespace).
		Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
