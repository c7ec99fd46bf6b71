package sovereign

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The resources that an Application becomes.
var (
	Deployments      = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	Pods             = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Services         = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	Secrets          = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	Namespaces       = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	GitRepositories  = schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "gitrepositories"}
	OCIRepositories  = schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "ocirepositories"}
	Kustomizations   = schema.GroupVersionResource{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"}
	HelmReleases     = schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}
	Organizations    = schema.GroupVersionResource{Group: "catalyst.openova.io", Version: "v1alpha1", Resource: "organizations"}
	Environments     = schema.GroupVersionResource{Group: "catalyst.openova.io", Version: "v1alpha1", Resource: "environments"}
	applicationKinds = []schema.GroupVersionResource{Deployments, Pods, GitRepositories, OCIRepositories, Kustomizations, HelmReleases}
)

// Cluster is the Kubernetes API of the Sovereign, as its administrator sees it: to look, and to set a floor beside.
func (s *Sovereign) Cluster(t testing.TB) dynamic.Interface {
	t.Helper()
	file := os.Getenv("KUBECONFIG")
	if file == "" {
		file = filepath.Join(s.Home, "kubeconfig", "bootstrap")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1 // the API server decides how much it takes
	c, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Leftovers names every object in a namespace that carries the name of an Application: its Flux objects, its
// Deployments and their pods.
func Leftovers(ctx context.Context, c dynamic.Interface, namespace, app string) ([]string, error) {
	var left []string
	for _, gvr := range applicationKinds {
		list, err := c.Resource(gvr).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, o := range list.Items {
			if o.GetName() == app || belongs(o, app) {
				left = append(left, o.GetKind()+"/"+o.GetName())
			}
		}
	}
	return left, nil
}

func belongs(o unstructured.Unstructured, app string) bool {
	l := o.GetLabels()
	return l["catalyst.openova.io/application"] == app || l["app.kubernetes.io/instance"] == app
}
