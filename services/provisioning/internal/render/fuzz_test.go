package render_test

import (
	"testing"

	"catalyst.openova.io/services/provisioning/internal/manifest"
	"catalyst.openova.io/services/provisioning/internal/render"
)

// Whatever people push, rendering it ends with objects that have a name or with an error.
func FuzzTree(f *testing.F) {
	for _, seed := range []string{
		"resources: [x.yaml]", "resources: [..]", "patches: [{path: x.yaml, target: {kind: ConfigMap}}]", "configMapGenerator: [{name: a, files: [x.yaml]}]",
		"resources: [x.yaml]\nreplacements: [{path: x.yaml}]", "components: [.]", "namePrefix: a-\nresources: [x.yaml]", "resources: x.yaml", "- a", "&a [*a]",
	} {
		f.Add(seed, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n")
	}
	f.Add("resources: [x.yaml]", "kind: List\napiVersion: v1\nitems: [{kind: A, apiVersion: v1, metadata: {name: b}}]")
	f.Fuzz(func(t *testing.T, kustomization, resource string) {
		got, err := render.Flux{}.Tree(manifest.Tree{Environment: "acme-dev", EnvType: "dev", Application: "shop", Files: map[string][]byte{
			"overlays/dev/kustomization.yaml": []byte(kustomization), "overlays/dev/x.yaml": []byte(resource),
		}})
		if err != nil {
			return
		}
		for _, o := range got.Objects {
			if o.Kind() == "" || o.Name() == "" {
				t.Errorf("an object without kind or name: %v", o)
			}
		}
	})
}

// FuzzVariables puts what people set into a Blueprint.
func FuzzVariables(f *testing.F) {
	f.Add("title", "Hello", "${title:=Welcome}")
	f.Add("a", "x\ny: z", "${a//x/y} ${a:0:1} ${#a} ${a^^} $${a}")
	f.Add("0", "", "${")
	f.Fuzz(func(t *testing.T, name, value, text string) {
		tree := map[string][]byte{"kustomization.yaml": []byte("configMapGenerator: [{name: x, files: [text]}]"), "text": []byte(text)}
		got, err := render.Flux{}.Release(manifest.Release{
			Owner: manifest.Object{
				"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": map[string]any{"name": "shop", "namespace": "acme-dev"},
				"spec": map[string]any{"postBuild": map[string]any{"substituteFrom": []any{map[string]any{"kind": "ConfigMap", "name": "v"}}}},
			},
			Settings: manifest.Settings{"v": {name: value}}, Payload: tarball(t, tree),
		})
		if err == nil && len(got.Objects) != 1 {
			t.Errorf("%d objects", len(got.Objects))
		}
	})
}
