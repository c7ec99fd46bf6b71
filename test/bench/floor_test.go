//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"catalyst.openova.io/test/sovereign"
)

const floorNamespace = "bench-floor"

var roleBindings = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}

// floor is a repository that Catalyst knows nothing of, with a source and a Kustomization made by hand.
type floor struct {
	name    string
	cluster dynamic.Interface
	clone   *sovereign.Clone
}

func newFloor(t *testing.T, s *sovereign.Sovereign) *floor {
	t.Helper()
	f := &floor{name: "floor-" + strconv.FormatInt(time.Now().UnixNano(), 36), cluster: s.Cluster(t)}
	body, err := json.Marshal(map[string]any{"name": f.name, "auto_init": true, "default_branch": "main"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, s.Gitea+"/api/v1/user/repos", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("noor", sovereign.Password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("floor repository: %s", res.Status)
	}
	f.clone = s.Clone(t, "noor", "noor", f.name, "main")
	f.write(t, 0)
	f.clone.Git("add", "--all")
	f.clone.Push("floor")

	f.create(t, sovereign.Namespaces, "", "v1", "Namespace", floorNamespace, nil)
	// Flux applies as the account flux of a namespace, which is nobody's until it is given something.
	f.create(t, roleBindings, floorNamespace, "rbac.authorization.k8s.io/v1", "RoleBinding", "flux", map[string]any{
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "flux", "namespace": floorNamespace}},
	})
	f.create(t, sovereign.Secrets, floorNamespace, "v1", "Secret", f.name, map[string]any{"data": map[string]any{
		"username": base64.StdEncoding.EncodeToString([]byte("noor")),
		"password": base64.StdEncoding.EncodeToString([]byte(sovereign.Password)),
	}})
	f.create(t, sovereign.GitRepositories, floorNamespace, "source.toolkit.fluxcd.io/v1", "GitRepository", f.name, map[string]any{"spec": map[string]any{
		"interval": "1h", "url": s.Gitea + "/noor/" + f.name + ".git", "ref": map[string]any{"branch": "main"},
		"secretRef": map[string]any{"name": f.name},
	}})
	f.create(t, sovereign.Kustomizations, floorNamespace, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", f.name, map[string]any{"spec": map[string]any{
		"interval": "1h", "path": "./", "prune": true, "wait": false, "targetNamespace": floorNamespace,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": f.name},
	}})
	f.applied(t, f.clone.Git("rev-parse", "HEAD"))
	t.Cleanup(func() {
		// The Kustomization is removed first, so that it prunes what it applied.
		for _, gvr := range []schema.GroupVersionResource{sovereign.Kustomizations, sovereign.GitRepositories, sovereign.Secrets} {
			if err := f.cluster.Resource(gvr).Namespace(floorNamespace).Delete(context.WithoutCancel(t.Context()), f.name, metav1.DeleteOptions{}); err != nil {
				t.Logf("clean up: %v", err)
			}
		}
	})
	return f
}

func (f *floor) write(t *testing.T, round int) {
	t.Helper()
	for name, content := range map[string]string{
		"kustomization.yaml": "resources: [config.yaml]\n",
		"config.yaml":        fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  round: %q\n", f.name, strconv.Itoa(round)),
	} {
		if err := os.WriteFile(filepath.Join(f.clone.Dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// round pushes a commit and, once the push has returned, tells Flux by hand; it returns the time until it is applied.
func (f *floor) round(t *testing.T, i int) time.Duration {
	t.Helper()
	f.write(t, i+1)
	sha := f.clone.Push(fmt.Sprintf("round %d", i+1))
	start := time.Now()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, start.Format(time.RFC3339Nano))
	if _, err := f.cluster.Resource(sovereign.GitRepositories).Namespace(floorNamespace).Patch(ctxOf(t), f.name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	f.applied(t, sha)
	return time.Since(start)
}

func (f *floor) applied(t *testing.T, sha string) {
	t.Helper()
	ctx := ctxOf(t)
	w, err := f.cluster.Resource(sovereign.Kustomizations).Namespace(floorNamespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + f.name})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		if o, ok := e.Object.(*unstructured.Unstructured); ok {
			if rev, _, _ := unstructured.NestedString(o.Object, "status", "lastAppliedRevision"); strings.HasSuffix(rev, sha) {
				return
			}
		}
	}
	t.Fatalf("the floor's commit %s was not applied: %v", sha, ctx.Err())
}

func (f *floor) create(t *testing.T, gvr schema.GroupVersionResource, namespace, apiVersion, kind, name string, rest map[string]any) {
	t.Helper()
	o := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
	for k, v := range rest {
		o[k] = v
	}
	_, err := f.cluster.Resource(gvr).Namespace(namespace).Create(ctxOf(t), &unstructured.Unstructured{Object: o}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}
