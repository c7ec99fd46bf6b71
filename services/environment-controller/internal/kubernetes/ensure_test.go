package kubernetes

import (
	"encoding/json"
	"reflect"
	"testing"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"catalyst.openova.io/services/environment-controller/internal/environment"
)

var dev = environment.Environment{Name: "acme-dev", Organization: "acme", EnvType: "dev", Branch: "develop"}

var shop = environment.Application{Name: "shop", Waits: []string{"db"}, Awaited: true}

func TestDifference(t *testing.T) {
	tests := []struct {
		name   string
		change func(*kustomizev1.Kustomization)
		patch  string
	}{
		{"nothing", func(*kustomizev1.Kustomization) {}, ""},
		{"what the server adds", func(k *kustomizev1.Kustomization) {
			k.UID, k.ResourceVersion, k.Generation, k.CreationTimestamp = "u", "7", 3, metav1.Now()
			k.Status.LastAppliedRevision = "develop@sha1:1"
			k.Annotations = map[string]string{"reconcile.fluxcd.io/requestedAt": "now"}
			k.Finalizers = []string{"finalizers.fluxcd.io"}
			k.Labels["theirs"] = "stays"
		}, ""},
		{"a field that was added", func(k *kustomizev1.Kustomization) { k.Spec.Suspend = true }, `{"spec":{"suspend":null}}`},
		{"a field that was changed", func(k *kustomizev1.Kustomization) { k.Spec.Path = "./" }, `{"spec":{"path":"./overlays/dev"}}`},
		{"a field deep inside", func(k *kustomizev1.Kustomization) { k.Spec.CommonMetadata.Labels["x"] = "y" }, `{"spec":{"commonMetadata":{"labels":{"x":null}}}}`},
		{"a label of ours", func(k *kustomizev1.Kustomization) { delete(k.Labels, "catalyst.openova.io/application") },
			`{"metadata":{"labels":{"catalyst.openova.io/application":"shop"}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have := kustomization(dev, shop)
			tt.change(have)
			got, err := difference(kustomization(dev, shop), have)
			if err != nil || string(got) != tt.patch {
				t.Errorf("difference = %s, %v; want %s", got, err, tt.patch)
			}
		})
	}
}

// TestWantedObjectsDifferFromNothing: as the API server gives them back, they are as we want them.
func TestWantedObjectsDifferFromNothing(t *testing.T) {
	for _, o := range []client.Object{
		namespace(dev, nil), networkPolicy(dev), resourceQuota(dev, shipped()), limitRange(dev, shipped()), application(dev, "shop"), serviceAccount(dev), role(dev), roleBinding(dev, "a", "Role", "b"),
		secret(dev, "s", map[string][]byte{"k": []byte("v")}), gitRepository(dev, "shop", "http://forge.example/acme/shop.git"), kustomization(dev, shop),
	} {
		have, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("%T is no object", o)
		}
		if patch, err := difference(o, have); err != nil || patch != nil {
			t.Errorf("%T differs from itself: %s, %v", o, patch, err)
		}
	}
}

// TestMergeDiffIsTheWayFromHaveToWant: applied as RFC 7386 says, the patch makes the one into the other.
func TestMergeDiffIsTheWayFromHaveToWant(t *testing.T) {
	document := func() *rapid.Generator[map[string]any] {
		leaf := rapid.OneOf(rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.SliceOfN(rapid.String().AsAny(), 0, 2).AsAny())
		inner := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), leaf, 0, 3)
		return rapid.MapOfN(rapid.SampledFrom([]string{"x", "y", "z"}), rapid.OneOf(leaf, inner.AsAny()), 0, 3)
	}()
	rapid.Check(t, func(t *rapid.T) {
		have, want := document.Draw(t, "have"), document.Draw(t, "want")
		patch, differs := mergeDiff(have, want)
		if differs == reflect.DeepEqual(plain(have), plain(want)) {
			t.Fatalf("differs = %v", differs)
		}
		if got := mergeApply(plain(have), plain(patch)); !reflect.DeepEqual(got, plain(want)) {
			t.Fatalf("%v with %v = %v, want %v", have, patch, got, want)
		}
	})
}

func plain(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func mergeApply(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if t, ok := target.(map[string]any); ok {
		for k, v := range t {
			out[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = mergeApply(out[k], v)
		}
	}
	return out
}
