package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/pkg/blueprint"
)

// A failure that has nothing to do with thirty others does not make the search try all of their versions.
func TestSearchGoesBackToTheCause(t *testing.T) {
	needs := []string{}
	lines := []string{}
	for i := range 30 {
		needs = append(needs, fmt.Sprintf("bp-n%d", i))
		for minor := range 5 {
			lines = append(lines, fmt.Sprintf("bp-n%d 1.%d.0", i, minor))
		}
	}
	lines = append(lines, "bp-last 1.0.0: bp-gone", "bp-last 1.1.0: bp-gone ^3", "bp-gone 1.0.0: bp-last", "bp-a 2.0.0: "+strings.Join(needs, ", ")+", bp-last", "bp-a 1.0.0: bp-n0")
	tree := resolved(t, input("bp-a", shelf(t, lines...)))
	if tree.Root.Version != "1.0.0" || len(tree.Order) != 2 || !strings.Contains(tree.Root.Reason, "bp-a 2.0.0 is passed over.") {
		t.Errorf("got %s: %s", tree.Root.Version, tree.Root.Reason)
	}
}

// A tree that doubles with each level, and a search without an end in sight, are refused while they are small.
func TestSearchIsBounded(t *testing.T) {
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("bp-d%d 1.0.0: bp-d%d as a, bp-d%d as b", i, i+1, i+1))
	}
	if got := refused(t, input("bp-d0", shelf(t, append(lines, "bp-d30 1.0.0")...)))[0]; got.Code != CodeTooLarge {
		t.Errorf("doubling: %+v", got)
	}
	lines = []string{"bp-a 1.0.0: bp-x ^1, bp-p0, bp-p1, bp-p2, bp-p3, bp-p4, bp-p5"}
	for i := range 12 { // each part accepts another version of what they share
		lines = append(lines, fmt.Sprintf("bp-x 1.%d.0", i))
		for p := range 6 {
			lines = append(lines, fmt.Sprintf("bp-p%d 1.%d.0: bp-x ~1.%d", p, i, (i*(p+2)+p)%12))
		}
	}
	tree, err := Resolve(input("bp-a", shelf(t, lines...)))
	if err == nil {
		checkRanges(t, tree.Root)
	} else if got := refused(t, input("bp-a", shelf(t, lines...)))[0]; got.Code != CodeConflict && got.Code != CodeTooLarge {
		t.Errorf("shared: %+v", got)
	}
}

func checkRanges(t *testing.T, n *Node) {
	t.Helper()
	if n.Use != Off && !contains(n.Range, n.Version) {
		t.Errorf("%s has %s, not in %s", n.Path, n.Version, n.Range)
	}
	for _, d := range n.Depends {
		checkRanges(t, d)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 40)
	in := input("bp-a", shelf(t, "bp-a 1.0.0: bp-"+strings.Repeat("b", 50)+", bp-c-d, bp-c as c", "bp-"+strings.Repeat("b", 50)+" 1.0.0", "bp-c-d 1.0.0", "bp-c 1.0.0: bp-d", "bp-d 1.0.0"))
	in.Application = long
	var got []string
	for _, n := range resolved(t, in).Order {
		if !validName(n.Application) {
			t.Errorf("%q is no name", n.Application)
		}
		got = append(got, n.Application)
	}
	for i, begins := range []string{long + "-bbb-", long + "-c-d", long + "-c-d-", long + "-c", long} { // a hash after the dash
		if !strings.HasPrefix(got[i], begins) || (len(got[i]) > len(begins)) != strings.HasSuffix(begins, "-") {
			t.Errorf("the name %d is %s, want %s", i, got[i], begins)
		}
	}
}

// Whatever an author writes, there is an answer: a tree that holds, or problems that can be read.
func FuzzResolve(f *testing.F) {
	f.Add("{{ .config.a }}", "^1", "x: '{{ application.name }}'", `a: {type: string, default: b}`)
	f.Add("config.a == 'b'", "", "x: [{y: '{{ config }}'}]", `a: {type: string}`)
	f.Add("has(config.a)", ">=1 <2 || 3.x", "x: '{{ {'a': 1}'}}'", `a: {type: integer, default: 1}`)
	f.Fuzz(func(t *testing.T, when, versions, values, properties string) {
		doc := func(name, more string) string {
			return fmt.Sprintf("apiVersion: catalyst.openova.io/v1alpha1\nkind: Blueprint\nmetadata: {name: %s, version: 1.0.0}\nspec:\n  card: {title: T, summary: S, category: web}\n  owner: o\n  manifests: {engine: helm, path: chart}\n%s", name, more)
		}
		root, err := blueprint.Parse([]byte(doc("bp-a", fmt.Sprintf("  configSchema: {type: object, properties: {%s}}\n  depends: [{blueprint: bp-b, when: %q, version: %q, values: {%s}}]\n", properties, when, versions, values))))
		if err != nil || root.Validate() != nil {
			return
		}
		other, err := blueprint.Parse([]byte(doc("bp-b", "  configSchema: {type: object, properties: {x: {}}}\n")))
		if err != nil {
			t.Fatal(err)
		}
		_ = Check(root)
		in := input("bp-a", map[string][]Candidate{"bp-a": {{Version: "1.0.0", Blueprint: root}}, "bp-b": {{Version: "1.0.0", Blueprint: other}}, "bp-c": nil})
		tree, err := Resolve(in)
		if err != nil {
			if len(err.Error()) == 0 || len(err.Error()) > 50_000 {
				t.Fatalf("the error has %d characters", len(err.Error()))
			}
			return
		}
		checkRanges(t, tree.Root)
		again, err := Resolve(in)
		if diff := cmp.Diff(tree, again, cmp.Comparer(func(a, b *blueprint.Blueprint) bool { return a == b })); err != nil || diff != "" {
			t.Fatalf("another tree: %v %s", err, diff)
		}
	})
}
