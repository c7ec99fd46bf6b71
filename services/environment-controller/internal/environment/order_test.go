package environment

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func hereAre(names ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

func TestMakeOrder(t *testing.T) {
	for _, tt := range []struct {
		name              string
		declared, inForce map[string][]string
		here              map[string]bool
		waits             map[string][]string
		left              []string
	}{
		{name: "nothing is declared", here: hereAre("a"), waits: map[string][]string{}},
		{name: "a chain", declared: map[string][]string{"shop": {"db", "cache"}, "db": {"disk"}}, here: hereAre("shop", "db", "cache", "disk"),
			waits: map[string][]string{"shop": {"cache", "db"}, "db": {"disk"}}},
		{name: "one that is named twice", declared: map[string][]string{"shop": {"db", "db"}}, here: hereAre("shop", "db"), waits: map[string][]string{"shop": {"db"}}},
		{name: "one that is not here", declared: map[string][]string{"shop": {"db"}}, here: hereAre("shop"), waits: map[string][]string{},
			left: []string{"shop depends on db, which is not in this Environment: it is applied without waiting for it"}},
		{name: "itself", declared: map[string][]string{"shop": {"shop"}}, here: hereAre("shop"), waits: map[string][]string{},
			left: []string{"the dependencies go in a circle, shop → shop: shop is applied without waiting for shop"}},
		{name: "the edit that closes a circle has no effect", here: hereAre("a", "b", "c"),
			declared: map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"a"}}, inForce: map[string][]string{"b": {"c"}, "c": {"a"}},
			waits: map[string][]string{"b": {"c"}, "c": {"a"}},
			left:  []string{"the dependencies go in a circle, a → b → c → a: a is applied without waiting for b"}},
		{name: "of a circle that comes at once, the last by name is left out", here: hereAre("a", "b"),
			declared: map[string][]string{"a": {"b"}, "b": {"a"}}, waits: map[string][]string{"a": {"b"}},
			left: []string{"the dependencies go in a circle, b → a → b: b is applied without waiting for a"}},
		{name: "what is in force and no longer declared is over", here: hereAre("a", "b"),
			declared: map[string][]string{"b": {"a"}}, inForce: map[string][]string{"a": {"b"}}, waits: map[string][]string{"b": {"a"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := MakeOrder(tt.declared, tt.inForce, tt.here)
			var left []string
			for _, l := range got.Left {
				left = append(left, l.Why)
			}
			if d := cmp.Diff(tt.waits, got.Waits); d != "" {
				t.Errorf("waits: %s", d)
			}
			if d := cmp.Diff(tt.left, left); d != "" {
				t.Errorf("left out: %s", d)
			}
		})
	}
}

// TestMakeOrderNeverDeadlocks: whatever is declared, nothing waits for itself in the end or for what is not here; every
// edge that is left out has to be; and with the outcome in force, the next look changes nothing.
func TestMakeOrderNeverDeadlocks(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	graph := func(t *rapid.T, label string) map[string][]string {
		return rapid.MapOfN(rapid.SampledFrom(names), rapid.SliceOfN(rapid.SampledFrom(names), 0, 4), 0, 6).Draw(t, label)
	}
	rapid.Check(t, func(t *rapid.T) {
		declared, inForce := graph(t, "declared"), graph(t, "in force")
		here := hereAre(rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, "here")...)
		o := MakeOrder(declared, inForce, here)
		for from, tos := range o.Waits {
			for _, to := range tos {
				if !here[to] || !slices.Contains(declared[from], to) {
					t.Fatalf("%s waits for %s", from, to)
				}
				if o.way(to, from) != nil {
					t.Fatalf("%s waits for itself, by %v", from, o.way(to, from))
				}
			}
		}
		n := 0
		for _, l := range o.Left {
			n++
			if here[l.To] && o.way(l.To, l.From) == nil {
				t.Fatalf("%s need not be left out", l.Why)
			}
			if slices.Contains(o.Waits[l.From], l.To) || l.Why == "" || !strings.Contains(l.Why, l.To) {
				t.Fatalf("left out and in force: %+v", l)
			}
		}
		for from, tos := range declared {
			n -= len(slices.Compact(slices.Sorted(slices.Values(tos)))) - len(o.Waits[from])
		}
		if n != 0 {
			t.Fatalf("%d edges are neither in force nor left out", -n)
		}
		again := MakeOrder(declared, o.Waits, here)
		if !maps.EqualFunc(o.Waits, again.Waits, slices.Equal) {
			t.Fatalf("then %v, and now %v", o.Waits, again.Waits)
		}
	})
}

func TestReadDeclaration(t *testing.T) {
	got := ReadDeclaration([]byte(`
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  blueprint: {name: bp-podinfo, version: 6.14.0, digest: "sha256:1"}
  size: small
  dependencies:
    - {alias: cache, blueprint: bp-valkey, application: shop-valkey, owned: true}
  rejectedVersions: []
`))
	want := Declaration{Blueprint: "bp-podinfo", Version: "6.14.0", Size: "small", Dependencies: []Dependency{{Alias: "cache", Application: "shop-valkey"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, doc := range map[string]string{
		"no YAML": "a: [", "another shape": "spec: {dependencies: 3}", "a nameless dependency": "spec: {dependencies: [{alias: db}]}",
		"too many": "spec: {dependencies: [" + strings.Repeat("{application: a},", 101) + "]}", "too large": "# " + strings.Repeat("x", maxDescription),
	} {
		if d := ReadDeclaration([]byte(doc)); d.Problem == "" || len(d.Dependencies) > 0 {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func FuzzReadDeclaration(f *testing.F) {
	f.Add([]byte("spec: {blueprint: {name: a}, dependencies: [{application: b}]}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d := ReadDeclaration(doc)
		if d.Problem != "" && len(d.Dependencies) > 0 || len(d.Dependencies) > maxDependencies || len(d.Blueprint) > maxWord {
			t.Errorf("%+v", d)
		}
	})
}
