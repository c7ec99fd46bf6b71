package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"catalyst.openova.io/services/observer/internal/observation"
)

// pageSize is how many objects one answer of a listing holds.
const pageSize = 500

// lister lists and watches one kind, and knows how that goes.
type lister struct {
	kind   kind
	client dynamic.ResourceInterface

	mu       sync.Mutex
	watching int // watches that are open
	failure  error
}

func newLister(client dynamic.Interface, k kind) *lister {
	return &lister{kind: k, client: client.Resource(k.GroupVersionResource), failure: errors.New("it has not been asked yet")}
}

// status returns nil while there is a watch.
func (l *lister) status() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watching > 0 {
		return nil
	}
	return l.failure
}

func (l *lister) note(err error) {
	l.mu.Lock()
	l.failure = err
	l.mu.Unlock()
}

// ListWithContext implements cache.ListerWatcherWithContext.
func (l *lister) ListWithContext(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	o.FieldSelector = l.kind.fields
	list, err := l.client.List(ctx, o)
	if err != nil {
		l.note(err)
		return nil, err
	}
	return list, nil
}

// WatchWithContext implements cache.ListerWatcherWithContext.
func (l *lister) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.FieldSelector = l.kind.fields
	w, err := l.client.Watch(ctx, o)
	if err != nil {
		l.note(err)
		return nil, err
	}
	l.mu.Lock()
	l.watching++
	l.failure = errors.New("the watch has ended and is being renewed")
	l.mu.Unlock()
	return newMeter(w, func() {
		l.mu.Lock()
		l.watching--
		l.mu.Unlock()
	}), nil
}

// List and Watch are the forms without a context, which are not used.
func (l *lister) List(o metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), o)
}

// Watch is the form without a context.
func (l *lister) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), o)
}

// meter is a watch that says when it has ended.
type meter struct {
	watch.Interface
	out   chan watch.Event
	end   sync.Once
	stop  chan struct{}
	ended func()
}

func newMeter(w watch.Interface, ended func()) *meter {
	m := &meter{Interface: w, out: make(chan watch.Event), stop: make(chan struct{}), ended: ended}
	go m.pass()
	return m
}

func (m *meter) pass() {
	defer close(m.out)
	defer m.ended()
	for e := range m.Interface.ResultChan() {
		select {
		case m.out <- e:
		case <-m.stop:
			return
		}
	}
}

// ResultChan implements watch.Interface.
func (m *meter) ResultChan() <-chan watch.Event { return m.out }

// Stop implements watch.Interface.
func (m *meter) Stop() {
	m.end.Do(func() { close(m.stop) })
	m.Interface.Stop()
}

// mirror keeps a store up to date until ctx ends. It tries again soon, for a cluster that comes back must not look quiet
// for longer than it was. What fails is known to the lister and told by the watcher; the library's own words about it are
// not kept.
func mirror(ctx context.Context, l *lister, store cache.ReflectorStore) {
	silent := logr.Discard()
	ctx = klog.NewContext(ctx, silent)
	cache.NewReflectorWithOptions(l, &unstructured.Unstructured{}, store, cache.ReflectorOptions{
		Name:    "observer",
		Logger:  &silent,
		Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Cap: 3 * time.Second, Steps: 5, Jitter: 0.5},
	}).RunWithContext(ctx)
}

// names lists every object of a kind by its key, straight from the store of the cluster and not from a cache of the API
// server. An error never comes with a part.
func names(ctx context.Context, client metadata.Interface, k kind) (observation.Listing, error) {
	out := observation.Listing{Names: map[string]bool{}}
	o := metav1.ListOptions{Limit: pageSize, FieldSelector: k.fields}
	for {
		list, err := client.Resource(k.GroupVersionResource).List(ctx, o)
		if err != nil {
			return observation.Listing{}, fmt.Errorf("list %s: %w", k.Resource, err)
		}
		for i := range list.Items {
			out.Names[keyOf(list.Items[i].Namespace, list.Items[i].Name)] = true
		}
		out.Version = list.ResourceVersion
		if o.Continue = list.Continue; o.Continue == "" {
			return out, nil
		}
	}
}

func keyOf(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}
