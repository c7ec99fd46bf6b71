package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// rememberEnds is how long the end of an object is remembered: as long as it may take until everybody who reads the
// spine has heard of it, so that it can be told again when the spine has lost it.
const rememberEnds = time.Hour

// end is that of an object, as it was told.
type end struct {
	env   string
	event spine.Event
}

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// changed is called when an object appeared or changed. Call it with the lock.
func (w *Watcher) changed(s *shelf, e *entry) {
	switch {
	case e.crd != nil:
		w.hurry()
	case s.kind == namespaces:
		w.move(e.said.GetObject().GetName(), w.valid(e.said.GetObject().GetName(), e.place))
	case s.kind.name == events:
		w.note(s, e, e.said.GetResourceVersion(), false)
	default:
		if d := e.said.GetEnvironmentDetail(); d != nil {
			w.environment(observation.Environment{
				Name: e.said.GetObject().GetName(), Organization: d.GetOrganization(), EnvType: d.GetEnvType(), Branch: d.GetBranch(),
			})
		}
		if e.said.GetOrganizationDetail() != nil {
			w.queue.Expect(e.said.GetObject().GetName(), true)
		}
		w.tell(s, e)
	}
}

// gone is called when there is evidence that an object has ended. Call it with the lock.
func (w *Watcher) gone(s *shelf, e *entry, version string) {
	name := e.said.GetObject().GetName()
	switch {
	case s.kind == definitions:
		w.hurry()
	case s.kind == namespaces:
		delete(w.places, name) // what was in it ends by itself
	case s.kind.name == events:
		w.note(s, e, version, true)
	case e.told != nil:
		w.publishEnd(s.kind.class, e.as(*e.told, time.Now()), version)
		switch s.kind.groupKind().String() {
		case "Environment.catalyst.openova.io":
			delete(w.environments, name)
			delete(w.heard, name)
		case "Organization.catalyst.openova.io":
			w.queue.Expect(name, false)
		}
	}
}

// valid returns the place of a namespace if its labels agree: an Environment belongs to the Organization in its name.
func (w *Watcher) valid(namespace string, at place) place {
	if at.environment == "" {
		return place{}
	}
	if organization, err := observation.OrganizationOf(at.environment); err != nil || organization == "" || organization != at.organization {
		w.complain("labels of "+namespace, fmt.Sprintf("namespace %s says that it belongs to Environment %q of Organization %q, which cannot be", namespace, at.environment, at.organization))
		return place{}
	}
	return at
}

// move learns where a namespace belongs, and tells again of what is in it if that changed. Call it with the lock.
func (w *Watcher) move(namespace string, at place) {
	before := w.places[namespace]
	w.places[namespace] = at
	if before == at {
		return
	}
	for _, s := range w.shelves {
		if s.kind == namespaces || s.kind == definitions {
			continue
		}
		for _, e := range s.places[namespace] {
			if !e.partial {
				w.changed(s, e)
			}
		}
	}
}

func (w *Watcher) environment(e observation.Environment) {
	if w.environments[e.Name] != e {
		w.environments[e.Name] = e
		go w.onEnvironment(e) // it may ask back
	}
}

// tell says what an object is like, if it belongs to an Environment or to the Sovereign. Call it with the lock.
func (w *Watcher) tell(s *shelf, e *entry) {
	at := w.places[e.namespace]
	o := e.as(at, time.Now())
	if at.environment == "" {
		at = place{}
		if o.GetOrganizationDetail() == nil && o.GetEnvironmentDetail() == nil && o.GetNode() == nil {
			return // somebody else's
		}
	}
	if p := o.GetPod(); p != nil && o.GetApplication() == "" {
		// The label of an Application is on what Git says, and pods are made by what makes them.
		kind, name, _ := strings.Cut(p.GetWorkload(), "/")
		o.Application = w.find(e.namespace, kind, name)
	}
	known := e.told != nil
	e.told = &at
	w.publish(s.kind.class, o)
	if o.GetWorkload() != nil && !known {
		w.tellPods(e)
	}
}

// tellPods tells again of the pods of a workload that was not known when they were told. Call it with the lock.
func (w *Watcher) tellPods(workload *entry) {
	of := workload.said.GetObject().GetKind() + "/" + workload.said.GetObject().GetName()
	s := w.shelves[schema.GroupKind{Kind: "Pod"}]
	if s == nil {
		return
	}
	for _, e := range s.places[workload.namespace] {
		if !e.partial && e.told != nil && e.said.GetPod().GetWorkload() == of {
			w.tell(s, e)
		}
	}
}

// publish puts an observation on its way, and remembers what is needed to tell of the object's end. Call it with the lock.
func (w *Watcher) publish(class string, o *spinev1.ObjectObserved) {
	key := memoryKey(o.GetObject())
	delete(w.ended, key)
	w.memory.Remember(key, encode(identity(o)))
	w.queue.Put(w.event(class, o))
}

// publishEnd does the same for the end of an object, at a version of the cluster.
func (w *Watcher) publishEnd(class string, o *spinev1.ObjectObserved, version string) {
	seen := o.GetObservedAt()
	o = identity(o)
	o.Deleted, o.ResourceVersion, o.ObservedAt = true, version, seen
	key := memoryKey(o.GetObject())
	env, event := w.event(class, o)
	w.ended[key] = end{env, event}
	w.memory.Remember(key, encode(o))
	w.queue.Put(env, event)
}

func (w *Watcher) event(class string, o *spinev1.ObjectObserved) (env string, e spine.Event) {
	if env = o.GetEnvironment(); env == "" {
		env = spine.System
	}
	ref := o.GetObject()
	return env, spine.Event{
		ID: w.id(o), Source: w.Name(), Subject: spine.Object(env, class, distinct(ref), ref.GetNamespace(), ref.GetName()),
		Time: o.GetObservedAt().AsTime(), Data: o,
	}
}

// id is the same for the same fact however often it is seen: it is made of what is told, but for the time. Nobody else
// may have the observation yet.
func (w *Watcher) id(o *spinev1.ObjectObserved) string {
	seen := o.GetObservedAt()
	o.ObservedAt = nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	o.ObservedAt = seen
	if err != nil {
		b = []byte(err.Error()) // the spine refuses it too, and sets it aside
	}
	hash := sha256.Sum256(b)
	return fmt.Sprintf("%s/%s/%s/%s", w.cluster, o.GetObject().GetUid(), o.GetResourceVersion(), hex.EncodeToString(hash[:12]))
}

// distinct is the kind by which an object is told from all others. The providers of Crossplane share names: Buckets of
// two clouds are two kinds.
func distinct(ref *spinev1.ObjectRef) string {
	if gk := kindOf(ref); classOf(gk) == classCrossplane {
		return gk.String()
	}
	return ref.GetKind()
}

func memoryKey(ref *spinev1.ObjectRef) string {
	return spine.Encode(distinct(ref)) + "/" + spine.Encode(ref.GetNamespace()) + "/" + spine.Encode(ref.GetName())
}

// identity is what is the same of an object for as long as it lives where it does.
func identity(o *spinev1.ObjectObserved) *spinev1.ObjectObserved {
	return &spinev1.ObjectObserved{
		Object: o.GetObject(), Organization: o.GetOrganization(), Environment: o.GetEnvironment(), Application: o.GetApplication(),
	}
}

// encode is how the memory keeps an observation.
func encode(o *spinev1.ObjectObserved) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	if err != nil {
		return ""
	}
	return string(b)
}

// recall reads what an earlier process told of: the ends are told once more, for that process may have ended before they
// were published, and the rest waits for the kinds to be listed.
func (w *Watcher) recall(ctx context.Context) error {
	known, err := w.memory.Load(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, value := range known {
		var o spinev1.ObjectObserved
		if err := proto.Unmarshal([]byte(value), &o); err != nil || o.GetObject() == nil {
			w.log.Error("observer: an entry of the memory cannot be read and is dropped", "key", key)
			w.memory.Forget(key)
			continue
		}
		if env := o.GetEnvironment(); env != "" {
			w.heard[env] = true
		}
		gk := kindOf(o.GetObject())
		if o.GetDeleted() {
			env, event := w.event(classOf(gk), &o)
			w.ended[key] = end{env, event}
			w.queue.Put(env, event)
			continue
		}
		w.unclaimed[gk] = append(w.unclaimed[gk], &o)
	}
	return nil
}

// Tell implements observation.Source.
func (w *Watcher) Tell(organization string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if organization == "" {
		w.tellCluster()
	}
	for _, e := range w.ended {
		if belongs(e.env, organization) {
			w.queue.Put(e.env, e.event)
		}
	}
	for _, s := range w.shelves {
		for _, e := range s.entries {
			if e.told != nil && !e.partial && s.kind.name != events && belongs(e.told.environment, organization) {
				w.tell(s, e)
			}
		}
	}
	for key, of := range w.warnings {
		if of.told != nil && belongs(of.told.environment, organization) {
			w.dirty[key] = true
		}
	}
	w.tellWarnings()
}

func belongs(env, organization string) bool {
	if env == "" {
		env = spine.System
	}
	of, err := observation.OrganizationOf(env)
	return err == nil && of == organization
}

// sweep forgets the ends that everybody has heard of.
func (w *Watcher) sweep(ctx context.Context) {
	if w.queue.Ready(ctx) != nil {
		return // some may not have left yet
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, e := range w.ended {
		if time.Since(e.event.Time) > rememberEnds {
			delete(w.ended, key)
			w.memory.Forget(key)
		}
	}
}
