package kubernetes

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// shelf holds what is known of the objects of one kind. The watcher's lock guards it, so that what is told of an object
// is told in the order in which it was seen.
type shelf struct {
	kind    kind
	watcher *Watcher
	entries map[string]*entry            // by key
	places  map[string]map[string]*entry // by namespace, then key
	listed  string                       // the version of the last complete listing, "" before the first
	// undecided is until when nothing is decided of what is missing.
	undecided time.Time

	lister *lister
	cancel context.CancelFunc
	feed   *feed
}

// entry is one object.
type entry struct {
	*object
	told *place // where it was told to be, nil if it was not told
	// partial entries are known from an earlier process by their identity alone.
	partial bool
	// missing entries were not in the last listing. That alone is no evidence that they are gone.
	missing bool
}

func newShelf(w *Watcher, k kind) *shelf {
	return &shelf{kind: k, watcher: w, entries: map[string]*entry{}, places: map[string]map[string]*entry{}}
}

// begin starts to list and watch, in place of an earlier start. Call it with the lock.
func (s *shelf) begin(ctx context.Context) {
	s.end()
	ctx, s.cancel = context.WithCancel(ctx)
	s.lister = newLister(s.watcher.client, s.kind)
	s.feed = &feed{shelf: s}
	lister, feed := s.lister, s.feed
	s.watcher.running.Go(func() { mirror(ctx, lister, feed) })
}

// end stops listing and watching. Call it with the lock.
func (s *shelf) end() {
	if s.cancel != nil {
		s.cancel()
	}
	s.feed, s.listed = nil, ""
}

// adopt takes over an object that an earlier process told of. Call it with the lock.
func (s *shelf) adopt(o *object, at place) {
	if _, there := s.entries[o.key]; !there {
		s.set(o.key, &entry{object: o, told: &at, partial: true, missing: true})
	}
}

func (s *shelf) set(key string, e *entry) {
	s.entries[key] = e
	in := s.places[e.namespace]
	if in == nil {
		in = map[string]*entry{}
		s.places[e.namespace] = in
	}
	in[key] = e
}

func (s *shelf) unset(key string) {
	e, ok := s.entries[key]
	if !ok {
		return
	}
	delete(s.entries, key)
	delete(s.places[e.namespace], key)
	if len(s.places[e.namespace]) == 0 {
		delete(s.places, e.namespace)
	}
}

// upsert takes in what was seen. Call it with the lock.
func (s *shelf) upsert(o *object) {
	e := &entry{object: o}
	if before, ok := s.entries[o.key]; ok {
		e.told = before.told
		same := !before.partial && before.said.GetResourceVersion() == o.said.GetResourceVersion()
		if same && before.namespace == o.namespace {
			before.missing = false
			return
		}
		s.unset(o.key)
	}
	s.set(o.key, e)
	s.watcher.changed(s, e)
}

// remove takes note of an end for which there is evidence, at a version of the cluster. Call it with the lock.
func (s *shelf) remove(key, version string) {
	if e, ok := s.entries[key]; ok {
		s.unset(key)
		s.watcher.gone(s, e, version)
	}
}

// replace takes in a complete listing. What it lacks is missing from then on; whether it is gone is decided elsewhere.
// Call it with the lock.
func (s *shelf) replace(objects []*object, version string) {
	there := make(map[string]bool, len(objects))
	for _, o := range objects {
		there[o.key] = true
		s.upsert(o)
	}
	for key, e := range s.entries {
		e.missing = !there[key]
	}
	s.listed = version
}

// missing are the versions of the missing entries by their key. Call it with the lock.
func (s *shelf) missing() map[string]string {
	out := map[string]string{}
	for key, e := range s.entries {
		if e.missing {
			out[key] = e.said.GetResourceVersion()
		}
	}
	return out
}

// feed is the store that a reflector fills. It does nothing any more when the shelf has begun anew.
type feed struct{ shelf *shelf }

var _ cache.TransformingStore = (*feed)(nil)

// Transformer implements cache.TransformingStore: what the reflector gathers is digested before it is kept.
func (f *feed) Transformer() cache.TransformFunc {
	return func(o any) (any, error) { return f.digest(o), nil }
}

func (f *feed) digest(o any) any {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return digest(f.shelf.watcher.cluster, f.shelf.kind, u)
	}
	return o
}

// do calls change with the lock, unless the shelf has begun anew.
func (f *feed) do(change func(*shelf)) error {
	f.shelf.watcher.mu.Lock()
	defer f.shelf.watcher.mu.Unlock()
	if f.shelf.feed == f {
		change(f.shelf)
	}
	return nil
}

// Add implements cache.ReflectorStore.
func (f *feed) Add(o any) error {
	d, ok := f.digest(o).(*object)
	if !ok {
		return nil
	}
	return f.do(func(s *shelf) { s.upsert(d) })
}

// Update implements cache.ReflectorStore.
func (f *feed) Update(o any) error { return f.Add(o) }

// Delete implements cache.ReflectorStore. It is called for an end that was watched.
func (f *feed) Delete(o any) error {
	d, ok := f.digest(o).(*object)
	if !ok {
		return nil
	}
	return f.do(func(s *shelf) { s.remove(d.key, d.said.GetResourceVersion()) })
}

// Replace implements cache.ReflectorStore. It is called with complete listings only.
func (f *feed) Replace(list []any, version string) error {
	objects := make([]*object, 0, len(list))
	for _, o := range list {
		if d, ok := f.digest(o).(*object); ok {
			objects = append(objects, d)
		}
	}
	return f.do(func(s *shelf) {
		s.replace(objects, version)
		s.watcher.hurry()
	})
}

// Resync implements cache.ReflectorStore.
func (f *feed) Resync() error { return nil }
