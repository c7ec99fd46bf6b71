package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// Kubernetes makes a new Event for each wording and lets each expire. People want to know that something is warned of:
// all Events of one reason about one object are one warning, told as one object whose name is made of these.

// warn digests an Event. What is told is the warning that it is part of; the key stays that of the Event.
func warn(o *object, u *unstructured.Unstructured) {
	about := clip(str(u, "involvedObject", "kind")+"/"+str(u, "involvedObject", "name"), 2*maxName)
	reason := str(u, "reason")
	o.said.Object.Name, o.said.Object.Uid = warningName(about, reason), ""
	w := &spinev1.Warning{Reason: clip(reason, 256), Message: clip(str(u, "message"), maxText), Count: 1, About: about}
	for _, path := range [][]string{{"count"}, {"series", "count"}} {
		w.Count = max(w.GetCount(), count(u, path...))
	}
	seen := u.GetCreationTimestamp().Time
	for _, path := range [][]string{{"firstTimestamp"}, {"lastTimestamp"}, {"eventTime"}, {"series", "lastObservedTime"}} {
		if at, err := time.Parse(time.RFC3339Nano, str(u, path...)); err == nil && at.After(seen) {
			seen = at
		}
	}
	w.LastSeen = timestamppb.New(seen)
	o.said.Detail = &spinev1.ObjectObserved_Warning{Warning: w}
}

// maxName is the length of the longest name that readers of the spine take.
const maxName = 253

// warningName names a warning. Where the parts are too long together a hash stands for their end.
func warningName(about, reason string) string {
	name := about + "/" + clip(reason, maxName)
	if len(name) <= maxName {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:maxName-17], "") + "/" + hex.EncodeToString(hash[:8])
}

// warningKey is the warning that an Event is part of.
func warningKey(o *spinev1.ObjectObserved) string {
	return o.GetObject().GetNamespace() + "/" + o.GetObject().GetName()
}

// warning is all Events of one reason about one object.
type warning struct {
	entries map[string]*entry
	// version is the newest at which any of them changed or ended.
	version string
	told    *place
	said    *spinev1.ObjectObserved // the last that was told
}

// note takes in that an Event appeared, changed or ended. What follows is told with the next tick, so that a storm of
// Events is one change a second. Call it with the lock.
func (w *Watcher) note(s *shelf, e *entry, version string, gone bool) {
	key := warningKey(e.said)
	of := w.warnings[key]
	if of == nil {
		of = &warning{entries: map[string]*entry{}}
		w.warnings[key] = of
	}
	if newer(version, of.version) {
		of.version = version
	}
	if e.partial {
		of.told, of.said = e.told, e.said
	}
	if gone {
		delete(of.entries, e.key)
	} else {
		of.entries[e.key] = e
		if !e.partial { // now that it is seen, the memory of it has done its service
			delete(of.entries, key)
			s.unset(key)
		}
	}
	w.dirty[key] = true
}

// tellWarnings tells of the warnings that changed. Call it with the lock.
func (w *Watcher) tellWarnings() {
	for key := range w.dirty {
		delete(w.dirty, key)
		w.tellWarning(key)
	}
}

func (w *Watcher) tellWarning(key string) {
	of := w.warnings[key]
	if of == nil {
		return
	}
	var newest *entry
	missing := false
	for _, e := range of.entries {
		missing = missing || e.missing
		if !e.partial && (newest == nil || newer(e.said.GetResourceVersion(), newest.said.GetResourceVersion())) {
			newest = e
		}
	}
	switch {
	case newest == nil && missing: // an earlier process knew of it
	case newest == nil:
		delete(w.warnings, key)
		if of.told != nil && of.said != nil {
			o := identity(of.said)
			o.ObservedAt = timestamppb.Now()
			w.publishEnd(classKubernetes, o, of.version)
		}
	default:
		at := w.places[newest.namespace]
		if at.environment == "" {
			return // somebody else's
		}
		o := newest.as(at, time.Now())
		if newer(of.version, o.GetResourceVersion()) {
			o.ResourceVersion = of.version
		}
		o.Application = w.applicationOf(newest.namespace, o.GetWarning().GetAbout())
		of.told, of.said = &at, o
		w.publish(classKubernetes, o)
	}
}

// applicationOf finds the Application of kind/name in a namespace. A pod that is gone already is looked for by the
// workload that its name comes from.
func (w *Watcher) applicationOf(namespace, about string) string {
	name, object, _ := strings.Cut(about, "/")
	if app := w.find(namespace, name, object); app != "" {
		return app
	}
	parts := strings.Split(object, "-")
	parent := func(drop int) string { return strings.Join(parts[:max(0, len(parts)-drop)], "-") }
	switch name {
	case "Pod":
		for _, guess := range [][2]string{{"Deployment", parent(2)}, {"StatefulSet", parent(1)}, {"DaemonSet", parent(1)}} {
			if app := w.find(namespace, guess[0], guess[1]); app != "" {
				return app
			}
		}
	case "ReplicaSet":
		return w.find(namespace, "Deployment", parent(1))
	}
	return ""
}

func (w *Watcher) find(namespace, name, object string) string {
	for k, s := range w.shelves {
		if k.Kind == name && name != events {
			if e, ok := s.entries[keyOf(namespace, object)]; ok {
				return e.application
			}
		}
	}
	return ""
}

// newer compares versions of the cluster.
func newer(a, b string) bool {
	// A longer number is a larger one; it has no leading zeros.
	return len(a) > len(b) || len(a) == len(b) && slices.Compare([]byte(a), []byte(b)) > 0
}
