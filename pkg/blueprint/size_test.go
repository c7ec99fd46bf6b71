package blueprint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSized(t *testing.T) {
	b := mustParse(t, strings.Replace(good, "manifests:", "overlays: {large: {values: {replicas: 5, limits: {cpu: 4, gpu: 1}}}}\n  manifests:", 1))
	given := map[string]any{"host": "a.example", "limits": map[string]any{"cpu": 2.0}}
	got, err := b.Sized("large", given)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"host": "a.example", "replicas": int64(5), "limits": map[string]any{"cpu": int64(2), "gpu": int64(1)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sized (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"host": "a.example", "limits": map[string]any{"cpu": 2.0}}, given); diff != "" {
		t.Errorf("what was given was changed: %s", diff)
	}
	if !b.HasSize("") || !b.HasSize("large") || b.HasSize("small") {
		t.Error("it has other sizes")
	}
}

// What a person decided is all that is left when the size is taken away, and putting it back changes nothing.
func TestUnsized(t *testing.T) {
	b := mustParse(t, strings.Replace(good, "manifests:", "overlays: {large: {values: {replicas: 5, debug: true, limits: {cpu: 4, gpu: 1}}}}\n  manifests:", 1))
	rapid.Check(t, func(rt *rapid.T) {
		given := map[string]any{}
		for name, values := range map[string][]any{"replicas": {nil, 5, 6}, "debug": {nil, true, "x"}, "host": {nil, "a"}, "limits": {nil, "x",
			map[string]any{}, map[string]any{"cpu": 4}, map[string]any{"cpu": 1, "gpu": 1}, map[string]any{"other": []any{1}}}} {
			if v := rapid.SampledFrom(values).Draw(rt, name); v != nil {
				given[name] = v
			}
		}
		sized, err := b.Sized("large", given)
		if err != nil {
			rt.Fatal(err)
		}
		bare, err := b.Unsized("large", sized)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := b.Sized("large", bare)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(sized, again); diff != "" {
			rt.Fatalf("from %v: %s", given, diff)
		}
		if _, left := bare["replicas"]; left && given["replicas"] != 6 {
			rt.Fatalf("%v keeps what the size says: %v", given, bare)
		}
	})
}

func TestKnows(t *testing.T) {
	b := mustParse(t, strings.Replace(good, "limits:", "shared: {$ref: '#/$defs/s'}\n      limits:", 1))
	b.Spec.ConfigSchema.document["$defs"] = map[string]any{"s": map[string]any{"additionalProperties": false, "properties": map[string]any{"a": map[string]any{}}}}
	for path, want := range map[string]bool{"host": true, "nope": false, "limits/cpu": true, "limits/other": true, "shared/a": true, "shared/b": false, "shared/a/deep": true} {
		if got := b.Spec.ConfigSchema.Knows(strings.Split(path, "/")); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if (Schema{}).Knows([]string{"a"}) {
		t.Error("no schema knows a setting")
	}
}
