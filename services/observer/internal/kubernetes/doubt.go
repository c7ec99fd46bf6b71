package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"catalyst.openova.io/services/observer/internal/observation"
)

const (
	// listFor is how long a second listing may take.
	listFor = time.Minute
	// undecidedFor is the pause before the next attempt when one could not decide.
	undecidedFor = 5 * time.Second
)

// version is the newest at which anything on the shelf was seen. Call it with the lock.
func (s *shelf) version() string {
	v := s.listed
	for _, e := range s.entries {
		if newer(e.said.GetResourceVersion(), v) {
			v = e.said.GetResourceVersion()
		}
	}
	return v
}

// decide finds out what became of that which is missing in a listing, by a second one.
func (w *Watcher) decide(ctx context.Context) {
	w.mu.Lock()
	var doubtful []*shelf
	for _, s := range w.shelves {
		if s.listed != "" && time.Now().After(s.undecided) && len(s.missing()) > 0 {
			doubtful = append(doubtful, s)
		}
	}
	w.mu.Unlock()
	for _, s := range doubtful {
		if err := w.confirm(ctx, s); err != nil && ctx.Err() == nil {
			w.mu.Lock()
			s.undecided = time.Now().Add(undecidedFor)
			w.complain("missing "+s.kind.Resource, fmt.Sprintf("whether %s are gone is not decided: %v", s.kind.Resource, err))
			w.mu.Unlock()
		}
	}
	w.decideUnclaimed(ctx)
}

func (w *Watcher) confirm(ctx context.Context, s *shelf) error {
	ctx, cancel := context.WithTimeout(ctx, listFor)
	defer cancel()
	w.mu.Lock()
	known, first, client := s.missing(), s.listed, w.names
	w.mu.Unlock()
	var second observation.Listing
	var err error
	if s.kind.name == events {
		second, err = w.warned(ctx, s)
	} else {
		second, err = names(ctx, client, s.kind)
	}
	if err != nil {
		return err
	}
	gone, err := observation.Gone(known, first, second)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range gone {
		if e, ok := s.entries[key]; ok && e.missing {
			s.remove(key, second.Version)
		}
	}
	if left := len(s.missing()); left > 0 && s.listed == first && w.shelves[s.kind.groupKind()] == s {
		w.log.Info("observer: a listing lacked what is there; it is listed anew", "kind", s.kind.Resource, "objects", left)
		s.begin(w.ctx)
	}
	delete(w.complained, "missing "+s.kind.Resource)
	return nil
}

// warned lists Events whole, for the names alone do not tell which warnings they are part of.
func (w *Watcher) warned(ctx context.Context, s *shelf) (observation.Listing, error) {
	w.mu.Lock()
	client := w.client.Resource(s.kind.GroupVersionResource)
	w.mu.Unlock()
	out := observation.Listing{Names: map[string]bool{}}
	o := metav1.ListOptions{Limit: pageSize, FieldSelector: s.kind.fields}
	for {
		list, err := client.List(ctx, o)
		if err != nil {
			return observation.Listing{}, fmt.Errorf("list %s: %w", s.kind.Resource, err)
		}
		for i := range list.Items {
			d := digest(w.cluster, s.kind, &list.Items[i])
			out.Names[d.key], out.Names[warningKey(d.said)] = true, true
		}
		out.Version = list.GetResourceVersion()
		if o.Continue = list.GetContinue(); o.Continue == "" {
			return out, nil
		}
	}
}

// decideUnclaimed tells the end of what an earlier process told of and whose definition is no more.
func (w *Watcher) decideUnclaimed(ctx context.Context) {
	w.mu.Lock()
	crds := w.shelves[definitions.groupKind()]
	known := map[string]string{}
	if crds != nil && crds.listed != "" {
		for gk := range w.unclaimed {
			if w.shelves[gk] == nil && !crds.defines(gk) {
				known[plural(gk)] = ""
			}
		}
	}
	if len(known) == 0 {
		w.mu.Unlock()
		return
	}
	first, client := crds.listed, w.names
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, listFor)
	defer cancel()
	second, err := names(ctx, client, definitions)
	if err != nil {
		return // it is tried again
	}
	gone, err := observation.Gone(known, first, second)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.complain("unclaimed", err.Error())
		return
	}
	for _, name := range gone {
		for gk, objects := range w.unclaimed {
			if plural(gk) != name || crds.defines(gk) {
				continue
			}
			for _, o := range objects {
				o.ObservedAt = stamp(time.Now())
				w.publishEnd(classOf(gk), o, second.Version)
			}
			delete(w.unclaimed, gk)
		}
	}
}

// defines tells whether a definition of a kind is on the shelf. Call it with the lock.
func (s *shelf) defines(gk schema.GroupKind) bool {
	for _, e := range s.entries {
		if e.crd != nil && e.crd.GroupKind == gk {
			return true
		}
	}
	return false
}

// plural is the name that the definition of a kind has by custom.
func plural(gk schema.GroupKind) string {
	name := strings.ToLower(gk.Kind)
	switch {
	case strings.HasSuffix(name, "y"):
		name = strings.TrimSuffix(name, "y") + "ies"
	case strings.HasSuffix(name, "s"):
		name += "es"
	default:
		name += "s"
	}
	return name + "." + gk.Group
}

// classOf is the class of a kind's events.
func classOf(gk schema.GroupKind) string {
	if class, ok := custom[gk]; ok {
		return class
	}
	switch gk.Group {
	case "", "apps", "networking.k8s.io":
		return classKubernetes
	}
	return classCrossplane
}
