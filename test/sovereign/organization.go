package sovereign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
)

// Chief is the demo's sovereign-admin, who may do everything in every Organization.
const Chief = "sam@sovereign.example"

// NewOrganization brings in an Organization with the Environment dev, by a commit like any other, and returns when it
// can be used. At the end of the test nothing of it is left.
func (s *Sovereign) NewOrganization(t testing.TB, p *Person, name string) {
	t.Helper()
	clone := s.Clone(t, "sam", "system", "catalyst-config", "main")
	folder := filepath.Join(clone.Dir, "organizations", name)
	for file, text := range map[string]string{
		"organization.yaml": "kind: Organization\nmetadata:\n  name: %[1]s\n  namespace: catalyst-system\nspec:\n  displayName: %[1]s\n",
		"environments/" + name + "-dev.yaml": "kind: Environment\nmetadata:\n  name: %[1]s-dev\n  namespace: catalyst-system\n" +
			"spec:\n  organization: %[1]s\n  envType: dev\n  branch: develop\n",
	} {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, "apiVersion: catalyst.openova.io/v1alpha1\n"+text, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	admin := s.Forge(t, Administrator)
	t.Cleanup(func() { s.removeOrganization(t, clone, admin, name) })
	clone.Git("add", "--all")
	clone.Push("Bring in the Organization " + name)
	Eventually(t, 2*time.Minute, func() error {
		a, err := p.Try(http.MethodGet, "/api/v1/organizations/"+name+"/environments/"+name+"-dev", nil)
		if err != nil {
			return err
		}
		var e view.Environment
		if a.Status == http.StatusOK {
			a.Decode(t, &e)
		}
		if !e.Ready {
			return fmt.Errorf("Environment %s-dev: %d: %s", name, a.Status, a.Body)
		}
		return nil
	})
}

// letGo returns nil once an object is gone that Flux has deleted, and takes away what holds it.
func letGo(ctx context.Context, objects dynamic.ResourceInterface, name string) error {
	o, err := objects.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case o.GetDeletionTimestamp() == nil:
		return fmt.Errorf("%s is still there", name)
	}
	_, err = objects.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	return errors.Join(fmt.Errorf("%s is being deleted", name), err)
}

// removeOrganization takes away what is left of an Organization where its removal by Git would keep it: for people, the
// history and what runs are worth keeping.
func (s *Sovereign) removeOrganization(t testing.TB, clone *Clone, admin *Forge, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	clone.Git("rm", "--quiet", "-r", "organizations/"+name)
	clone.Git("commit", "--quiet", "--message", "Take the Organization "+name+" away")
	clone.Git("pull", "--quiet", "--rebase")
	clone.Git("push", "--quiet")
	cluster := s.Cluster(t)
	for _, object := range []struct {
		gvr  schema.GroupVersionResource
		name string
	}{{Environments, name + "-dev"}, {Organizations, name}} {
		Eventually(t, 2*time.Minute, func() error {
			return letGo(ctx, cluster.Resource(object.gvr).Namespace("catalyst-system"), object.name)
		})
	}
	if err := cluster.Resource(Namespaces).Delete(ctx, name+"-dev", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("remove %s: %v", name, err)
	}
	repos, err := admin.Repos(ctx, name)
	if errors.Is(err, forge.ErrNotFound) {
		return
	}
	for _, r := range repos {
		_, gone := admin.Call(http.MethodDelete, "/repos/"+r.String(), nil, nil)
		err = errors.Join(err, gone)
	}
	_, gone := admin.Call(http.MethodDelete, "/orgs/"+name, nil, nil)
	if err := errors.Join(err, gone); err != nil {
		t.Errorf("remove %s from the forge: %v", name, err)
	}
}
