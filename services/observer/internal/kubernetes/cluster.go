package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"catalyst.openova.io/services/observer/internal/observation"
)

// Clusters are all clusters together, as the forge side needs them.
type Clusters []*Watcher

// Environments lists the Environments of an Organization, or of all if the name is empty.
func (c Clusters) Environments(organization string) []observation.Environment {
	var out []observation.Environment
	seen := map[string]bool{}
	for _, w := range c {
		w.mu.Lock()
		for _, e := range w.environments {
			if (organization == "" || e.Organization == organization) && !seen[e.Name] {
				seen[e.Name] = true
				out = append(out, e)
			}
		}
		w.mu.Unlock()
	}
	return out
}

// Nudge asks Flux, in each cluster, to fetch a source now; one that is not there needs no nudge.
func (c Clusters) Nudge(ctx context.Context, namespace, name string) error {
	var errs []error
	for _, w := range c {
		errs = append(errs, w.nudge(ctx, namespace, name))
	}
	return errors.Join(errs...)
}

func (w *Watcher) nudge(ctx context.Context, namespace, name string) error {
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
