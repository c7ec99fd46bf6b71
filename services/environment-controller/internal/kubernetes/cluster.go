package kubernetes

import (
	"context"
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
// Kustomization of its name in the namespace of its Environment.
type cluster struct {
	client client.Client
	gitURL string
}

var _ environment.Cluster = (*cluster)(nil)

// Applications implements environment.Cluster. It reads the cache, which holds only what carries our label.
func (c *cluster) Applications(ctx context.Context, env environment.Environment) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	for _, list := range []client.ObjectList{&sourcev1.GitRepositoryList{}, &kustomizev1.KustomizationList{}} {
		if err := c.client.List(ctx, list, client.InNamespace(env.Name), client.MatchingLabels{catalystv1.LabelManagedBy: catalystv1.ManagedByController}); err != nil {
			return nil, err
		}
		err := apimeta.EachListItem(list, func(o runtime.Object) error {
			m, err := apimeta.Accessor(o)
			if err == nil && !seen[m.GetName()] {
				seen[m.GetName()] = true
				out = append(out, m.GetName())
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Apply implements environment.Cluster.
func (c *cluster) Apply(ctx context.Context, env environment.Environment, app, head string) (bool, error) {
	url := strings.TrimSuffix(c.gitURL, "/") + "/" + env.Organization + "/" + app + ".git"
	source, err := ensure(ctx, c.client, gitRepository(env, app, url))
	if err != nil {
		return false, err
	}
	applier, err := ensure(ctx, c.client, kustomization(env, app))
	if err != nil || source || applier {
		return source || applier, err
	}
	return false, c.fetch(ctx, env, app, head)
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

// Remove implements environment.Cluster. The Kustomization goes first; Flux then prunes what it applied.
func (c *cluster) Remove(ctx context.Context, env environment.Environment, app string) error {
	m := metav1.ObjectMeta{Namespace: env.Name, Name: app}
	if err := remove(ctx, c.client, &kustomizev1.Kustomization{ObjectMeta: m}); err != nil {
		return err
	}
	return remove(ctx, c.client, &sourcev1.GitRepository{ObjectMeta: m})
}
