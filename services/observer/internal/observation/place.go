package observation

import (
	"sync"

	"catalyst.openova.io/pkg/api/v1alpha1"
)

// Place is the Environment that a namespace stands for.
type Place struct{ Organization, Environment string }

// PlaceOf reads it from the labels of a namespace; ok is false for a namespace that belongs to no Environment.
func PlaceOf(labels map[string]string) (p Place, ok bool) {
	p = Place{Organization: labels[v1alpha1.LabelOrganization], Environment: labels[v1alpha1.LabelEnvironment]}
	return p, p.Organization != "" && p.Environment != ""
}

// Places knows the Environment of each namespace. It is safe for concurrent use.
type Places struct {
	mu          sync.RWMutex
	byNamespace map[string]Place
}

// NewPlaces knows none.
func NewPlaces() *Places { return &Places{byNamespace: map[string]Place{}} }

// Set records the labels of a namespace (nil once it is gone) and tells whether its Environment changed.
func (p *Places) Set(namespace string, labels map[string]string) (changed bool) {
	place, ok := PlaceOf(labels)
	p.mu.Lock()
	defer p.mu.Unlock()
	old, had := p.byNamespace[namespace]
	if ok {
		p.byNamespace[namespace] = place
	} else {
		delete(p.byNamespace, namespace)
	}
	return ok != had || old != place
}

// Of returns the Environment of a namespace.
func (p *Places) Of(namespace string) (Place, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	place, ok := p.byNamespace[namespace]
	return place, ok
}
