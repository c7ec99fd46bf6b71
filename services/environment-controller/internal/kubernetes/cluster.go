package kubernetes

import (
	"context"
	"maps"
	"slices"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

const mergePatch = types.MergePatchType

// cluster is the Kubernetes cluster as the port of package environment: an Application is a GitRepository and a
// Kustomization of its name in the namespace of its Environment, beside the object that tells of it.
type cluster struct {
	client client.Client
	live   client.Reader
	gitURL string
	tell   teller
}

var _ environment.Cluster = (*cluster)(nil)

// Applications implements environment.Cluster. It reads the cache, which holds only what carries our label.
func (c *cluster) Applications(ctx context.Context, env environment.Environment) ([]environment.Running, error) {
	seen := map[string]*environment.Running{}
	ours := []client.ListOption{client.InNamespace(env.Name), client.MatchingLabels{catalystv1.LabelManagedBy: catalystv1.ManagedByController}}
	for _, list := range []client.ObjectList{&sourcev1.GitRepositoryList{}, &kustomizev1.KustomizationList{}, &catalystv1.ApplicationList{}} {
		if err := c.client.List(ctx, list, append(ours, client.UnsafeDisableDeepCopy)...); err != nil {
			return nil, err
		}
		err := apimeta.EachListItem(list, func(o runtime.Object) error {
			m, err := apimeta.Accessor(o)
			if err != nil {
				return err
			}
			r := seen[m.GetName()]
			if r == nil {
				r = &environment.Running{Name: m.GetName()}
				seen[r.Name] = r
			}
			if k, ok := o.(*kustomizev1.Kustomization); ok {
				r.Awaited = k.Spec.Wait
				for _, d := range k.Spec.DependsOn {
					r.Waits = append(r.Waits, d.Name)
				}
				slices.Sort(r.Waits)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]environment.Running, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, *seen[name])
	}
	return out, nil
}

// Apply implements environment.Cluster.
func (c *cluster) Apply(ctx context.Context, env environment.Environment, a environment.Application) (bool, error) {
	url := strings.TrimSuffix(c.gitURL, "/") + "/" + env.Organization + "/" + a.Name + ".git"
	wrote := false
	// What is new is no drift: the object that tells of the Application is made first and goes last.
	settled, err := c.describes(ctx, env, a.Name)
	if err != nil {
		return false, err
	}
	var live client.Reader
	if settled {
		live = c.live
	}
	for _, o := range []client.Object{gitRepository(env, a.Name, url), kustomization(env, a)} {
		d, err := ensure(ctx, c.client, live, o)
		if err != nil {
			return wrote, err
		}
		wrote = wrote || d.wrote
		c.tell.of(o, d, settled)
	}
	if err := c.describe(ctx, env, a); err != nil || wrote || !a.Fetch {
		return wrote, err
	}
	return false, c.fetch(ctx, env, a.Name, a.Head)
}

// fetch tells Flux to look at Git now if what it fetched last is not the head. The request is named by the commit, so
// that one commit is asked for once.
func (c *cluster) fetch(ctx context.Context, env environment.Environment, app, head string) error {
	repo := &sourcev1.GitRepository{ObjectMeta: metav1.ObjectMeta{Namespace: env.Name, Name: app}}
	if err := c.client.Get(ctx, client.ObjectKeyFromObject(repo), repo); err != nil {
		return client.IgnoreNotFound(err)
	}
	has := repo.Status.Artifact != nil && strings.HasSuffix(repo.Status.Artifact.Revision, ":"+head)
	if has || head == "" || repo.Annotations[meta.ReconcileRequestAnnotation] == head {
		return nil
	}
	before := repo.DeepCopy()
	metav1.SetMetaDataAnnotation(&repo.ObjectMeta, meta.ReconcileRequestAnnotation, head)
	err := c.client.Patch(ctx, repo, client.MergeFrom(before), client.FieldOwner(catalystv1.ManagedByController))
	if client.IgnoreNotFound(err) != nil {
		return describe(c.client, "ask Flux to fetch", repo, err)
	}
	return nil
}

// Remove implements environment.Cluster. What tells of the Application goes first, so that nobody takes the rest for
// drift; then the Kustomization, and Flux prunes what it applied.
func (c *cluster) Remove(ctx context.Context, env environment.Environment, app string) error {
	m := metav1.ObjectMeta{Namespace: env.Name, Name: app}
	if err := remove(ctx, c.client, &catalystv1.Application{ObjectMeta: m}); err != nil {
		return err
	}
	if err := remove(ctx, c.client, &kustomizev1.Kustomization{ObjectMeta: m}); err != nil {
		return err
	}
	return remove(ctx, c.client, &sourcev1.GitRepository{ObjectMeta: m})
}
