// Package kubernetes watches clusters: what their objects are like in summary, what Kubernetes warns of, and whether a
// cluster answers.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// Memory keeps the identity of what was told of, across restarts.
type Memory interface {
	// Load returns what an earlier process remembered. It is called first.
	Load(context.Context) (map[string]string, error)
	Remember(key, value string)
	Forget(key string)
}

// Watcher watches one cluster.
type Watcher struct {
	cluster, kubeconfig string
	queue               *observation.Queue
	memory              Memory
	log                 *slog.Logger
	onEnvironment       func(observation.Environment)

	running sync.WaitGroup
	wake    chan struct{} // something is missing, or a definition changed

	mu           sync.Mutex
	ctx          context.Context // of Run, for what begins later
	client       dynamic.Interface
	names        metadata.Interface
	disco        discovery.DiscoveryInterface
	failure      error // why there is no client
	version      string
	quiet        error
	since        time.Time // of quiet
	places       map[string]place
	environments map[string]observation.Environment
	shelves      map[schema.GroupKind]*shelf
	unclaimed    map[schema.GroupKind][]*spinev1.ObjectObserved // remembered, of kinds that are not watched
	warnings     map[string]*warning
	dirty        map[string]bool // warnings that have to be told
	ended        map[string]end  // by the key in the memory
	heard        map[string]bool // Environments that the memory knows
	complained   map[string]string
}

// New makes a Watcher; the cluster may come later.
func New(cluster, kubeconfig string, queue *observation.Queue, memory Memory, log *slog.Logger) *Watcher {
	return &Watcher{
		cluster: cluster, kubeconfig: kubeconfig, queue: queue, memory: memory, log: log.With("cluster", cluster),
		onEnvironment: func(observation.Environment) {}, wake: make(chan struct{}, 1), failure: errors.New("it has not been asked yet"),
		places: map[string]place{}, environments: map[string]observation.Environment{}, shelves: map[schema.GroupKind]*shelf{},
		unclaimed: map[schema.GroupKind][]*spinev1.ObjectObserved{}, warnings: map[string]*warning{}, dirty: map[string]bool{},
		ended: map[string]end{}, heard: map[string]bool{}, complained: map[string]string{},
	}
}

// OnEnvironment registers what is to happen when an Environment appears or changes. Call it before Run.
func (w *Watcher) OnEnvironment(f func(observation.Environment)) { w.onEnvironment = f }

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.running.Wait()
	if err := w.recall(ctx); err != nil || !w.connect(ctx) {
		return
	}
	w.mu.Lock()
	w.ctx = ctx
	for _, k := range builtin {
		w.watch(k)
	}
	w.mu.Unlock()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
		w.mu.Lock()
		w.follow()
		w.tellWarnings()
		w.mu.Unlock()
		w.decide(ctx)
		if time.Since(swept) > time.Minute {
			swept = time.Now()
			w.sweep(ctx)
		}
	}
}

func (w *Watcher) hurry() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// connect waits until the cluster answers.
func (w *Watcher) connect(ctx context.Context) bool {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := w.dial()
		w.mu.Lock()
		w.failure = err
		w.mu.Unlock()
		if err == nil {
			return true
		}
		w.log.Debug("observer: the cluster cannot be reached yet", "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (w *Watcher) dial() error {
	cfg, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS, cfg.Burst, cfg.UserAgent = 100, 200, "catalyst-observer"
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	names, err := metadata.NewForConfig(cfg)
	if err != nil {
		return err
	}
	short := rest.CopyConfig(cfg)
	short.Timeout = 4 * time.Second
	disco, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return err
	}
	version, err := disco.ServerVersion()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client, w.names, w.disco, w.version = client, names, disco, version.GitVersion
	return nil
}

// watch begins to watch a kind, and takes over what was remembered of it. Call it with the lock.
func (w *Watcher) watch(k kind) {
	s := newShelf(w, k)
	w.shelves[k.groupKind()] = s
	for _, o := range w.unclaimed[k.groupKind()] {
		s.adopt(remembered(o), place{o.GetOrganization(), o.GetEnvironment()})
	}
	delete(w.unclaimed, k.groupKind())
	if k.name == events {
		for _, e := range s.entries {
			w.note(s, e, "", false)
		}
	}
	s.begin(w.ctx)
}

// follow watches the kinds whose definitions have appeared, and gives up those whose definitions are gone. Call it with
// the lock.
func (w *Watcher) follow() {
	crds := w.shelves[definitions.groupKind()]
	if crds == nil || crds.listed == "" {
		return
	}
	wanted := map[schema.GroupKind]kind{}
	for _, e := range crds.entries {
		if k, ok := e.crd.watched(); ok && e.crd.established {
			wanted[k.groupKind()] = k
		} else if s := w.shelves[e.crd.GroupKind]; ok && s != nil {
			wanted[k.groupKind()] = s.kind // it was established once; what it holds is still there
		}
	}
	for gk, s := range w.shelves {
		if slices.ContainsFunc(builtin, func(k kind) bool { return k.groupKind() == gk }) {
			continue
		}
		k, ok := wanted[gk]
		switch {
		case !ok:
			// With its definition a custom resource ends.
			w.log.Info("observer: a kind is gone", "kind", s.kind.Resource, "group", s.kind.Group)
			s.end()
			for _, key := range slices.Collect(maps.Keys(s.entries)) {
				s.remove(key, crds.version())
			}
			delete(w.shelves, gk)
		case k != s.kind:
			s.kind = k
			s.begin(w.ctx)
		}
	}
	for gk, k := range wanted {
		if w.shelves[gk] == nil {
			w.log.Info("observer: a kind is watched", "kind", k.Resource, "group", k.Group)
			w.watch(k)
		}
	}
}

// Name implements observation.Source.
func (w *Watcher) Name() string { return "/observer/" + w.cluster }

// Heard implements observation.Source: the cluster answers from its store, and every kind is listed and watched.
func (w *Watcher) Heard(ctx context.Context) error {
	w.mu.Lock()
	client, failure := w.names, w.failure
	w.mu.Unlock()
	if failure != nil {
		return fmt.Errorf("the cluster cannot be reached: %w", failure)
	}
	if _, err := client.Resource(namespaces.GroupVersionResource).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return fmt.Errorf("the cluster does not answer: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shelves {
		err := s.lister.status()
		switch {
		case err != nil && s.kind.optional && apierrors.IsForbidden(err):
			w.complain("rights of "+s.kind.Resource, fmt.Sprintf("the observer may not read %s.%s, so nothing of them is shown", s.kind.Resource, s.kind.Group))
		case err != nil:
			return fmt.Errorf("%s are not watched: %w", s.kind.Resource, err)
		case s.listed == "":
			return fmt.Errorf("%s have not been listed yet", s.kind.Resource)
		}
	}
	w.tellWarnings()
	return nil
}

// complain says something in the log once. Call it with the lock.
func (w *Watcher) complain(about, what string) {
	if w.complained[about] != what {
		w.complained[about] = what
		w.log.Error("observer: " + what)
	}
}

// Environments implements observation.Source.
func (w *Watcher) Environments() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := maps.Clone(w.heard)
	for _, at := range w.places {
		if at.environment != "" {
			all[at.environment] = true
		}
	}
	for name := range w.environments {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Changed implements observation.Source.
func (w *Watcher) Changed(quiet error) {
	w.mu.Lock()
	disco := w.disco
	w.mu.Unlock()
	version := ""
	if quiet == nil && disco != nil {
		if v, err := disco.ServerVersion(); err == nil { // it may have been upgraded meanwhile
			version = v.GitVersion
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if version != "" {
		w.version = version
	}
	w.quiet, w.since = quiet, time.Now()
	w.tellCluster()
}

// tellCluster says whether the cluster answers. Call it with the lock.
func (w *Watcher) tellCluster() {
	if w.since.IsZero() {
		return
	}
	o := &spinev1.ClusterObserved{Cluster: w.cluster, Reachable: w.quiet == nil, Version: w.version, ObservedAt: stamp(w.since)}
	if w.quiet != nil {
		o.Message = clip(w.quiet.Error(), maxText)
	}
	w.queue.Put(spine.System, spine.Event{
		ID:     fmt.Sprintf("cluster/%s/%t/%d", w.cluster, o.GetReachable(), w.since.UnixNano()),
		Source: w.Name(), Subject: spine.Cluster(w.cluster), Time: w.since, Data: o,
	})
}
