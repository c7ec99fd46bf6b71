package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"catalyst.openova.io/cmd/catalyst/internal/kube"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

func (b *Bootstrap) kube() (*kube.Client, error) {
	return kube.Load(b.Settings.KubeconfigOf("bootstrap"))
}

func (b *Bootstrap) startCluster(ctx context.Context, r *step.Report) error {
	s := b.Settings
	if s.Simulated() {
		b.Supervisor.Start(s.ClusterNames()...)
		r.Detail("starts")
		if err := b.wait(ctx, "apiserver"); err != nil {
			return err
		}
	}
	r.Detail("custom resources")
	k, err := b.kube()
	if err != nil {
		return err
	}
	for _, file := range b.manifests() {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := eventually(ctx, patience/4, func(ctx context.Context) error { return k.Apply(ctx, content) }); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	r.Detail("")
	return nil
}

// manifests are the files to apply, in order.
func (b *Bootstrap) manifests() []string {
	s := b.Settings
	files := []string{s.Source("deploy", "sovereign", "namespaces.yaml")}
	for _, pattern := range []string{filepath.Join(b.bin.Cluster, "crds", "*", "*.yaml"), s.Source("deploy", "crds", "*.yaml")} {
		found, err := filepath.Glob(pattern)
		if err == nil { // the only error is a bad pattern
			slices.Sort(found)
			files = append(files, found...)
		}
	}
	if s.Simulated() {
		files = append(files, s.Source("deploy", "local", "cluster", "rbac.yaml"), s.Source("deploy", "local", "cluster", "node.yaml"))
	}
	return files
}

// CheckExisting tells why an existing cluster cannot be used: it does not answer, or it has a Flux of its own, which
// would fight with ours about the same objects.
func (b *Bootstrap) CheckExisting(ctx context.Context) error {
	k, err := b.kube()
	if err != nil {
		return step.WithHint(err, "name a kubeconfig whose current context is the cluster")
	}
	var deployments struct {
		Items []struct {
			Metadata struct {
				Name      string            `json:"name"`
				Namespace string            `json:"namespace"`
				Labels    map[string]string `json:"labels"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if err := k.Get(ctx, "/apis/apps/v1/deployments?limit=5000", &deployments); err != nil {
		var refused *kube.StatusError
		if errors.As(err, &refused) {
			return step.WithHint(fmt.Errorf("the cluster at %s refuses: %w", k.Server(), err),
				"the account in %s must be an administrator of the cluster", b.Settings.Kubeconfig)
		}
		return step.WithHint(fmt.Errorf("the cluster at %s does not answer: %w", k.Server(), err),
			"check the current context of %s, or leave KUBECONFIG away for a simulated cluster", b.Settings.Kubeconfig)
	}
	var found []string
	for _, d := range deployments.Items {
		m := d.Metadata
		if slices.Contains([]string{"source-controller", "kustomize-controller", "helm-controller"}, m.Name) || m.Labels["app.kubernetes.io/part-of"] == "flux" {
			found = append(found, m.Namespace+"/"+m.Name)
		}
	}
	if len(found) > 0 {
		return step.WithHint(fmt.Errorf("Flux already runs in the cluster at %s (%s)", k.Server(), strings.Join(found, ", ")), //nolint:staticcheck // a name
			"two of them would fight about the same objects: name another cluster, or take that Flux away (flux uninstall)")
	}
	return nil
}
