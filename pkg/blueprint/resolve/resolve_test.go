package resolve

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/pkg/blueprint"
)

// candidate is a version with the lines that follow spec's own, indented by two.
func candidate(t testing.TB, name, version, more string) Candidate {
	t.Helper()
	doc := fmt.Sprintf(`apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: %s, version: %s}
spec:
  card: {title: T, summary: S, category: web}
  owner: platform
  manifests: {engine: helm, path: chart}
%s`, name, version, more)
	b, err := blueprint.Parse([]byte(doc))
	if err == nil {
		err = b.Validate()
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, version, err, doc)
	}
	return Candidate{Version: version, Blueprint: b}
}

// shelf makes a catalog from lines such as "bp-a 1.0.0: bp-b ^1, bp-c as x": what a version needs.
func shelf(t testing.TB, lines ...string) map[string][]Candidate {
	t.Helper()
	out := map[string][]Candidate{}
	for _, line := range lines {
		head, needs, _ := strings.Cut(line, ":")
		name, version, _ := strings.Cut(strings.TrimSpace(head), " ")
		more := ""
		for _, need := range strings.Split(needs, ",") {
			if need = strings.TrimSpace(need); need == "" {
				continue
			}
			need, alias, _ := strings.Cut(need, " as ")
			dep, versions, _ := strings.Cut(need, " ")
			more += fmt.Sprintf("    - {blueprint: %s, version: %q, alias: %q}\n", dep, versions, alias)
		}
		if more != "" {
			more = "  depends:\n" + more
		}
		out[name] = append(out[name], candidate(t, name, version, more))
	}
	return out
}

func input(name string, catalog map[string][]Candidate) Input {
	return Input{Application: "shop", Organization: "acme", Environment: "acme-dev", EnvType: "dev", Blueprint: name, Catalog: catalog}
}

// drawn is a tree as text: one dependency a line.
func drawn(t *Tree) string {
	var out strings.Builder
	var draw func(n *Node)
	draw = func(n *Node) {
		fmt.Fprintf(&out, "%s %s %s@%s", n.name(), n.Use, n.Name, n.Version)
		if n.Use != Off {
			fmt.Fprintf(&out, " = %s", n.Application)
		}
		if n.SharedWith != "" {
			fmt.Fprintf(&out, " with %s", n.SharedWith)
		}
		out.WriteByte('\n')
		for _, d := range n.Depends {
			draw(d)
		}
	}
	draw(t.Root)
	out.WriteString("order:")
	for _, n := range t.Order {
		out.WriteString(" " + n.Application)
	}
	return out.String()
}

func (n *Node) name() string {
	if n.Path == "" {
		return "."
	}
	return n.Path
}

func resolved(t testing.TB, in Input) *Tree {
	t.Helper()
	tree, err := Resolve(in)
	if err != nil {
		t.Fatalf("Resolve: %v", err)
	}
	return tree
}

func refused(t testing.TB, in Input) []Problem {
	t.Helper()
	tree, err := Resolve(in)
	var problems *Problems
	if !errors.As(err, &problems) || len(problems.List) == 0 {
		t.Fatalf("got %v, %v; want problems", tree, err)
	}
	return problems.List
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		reason  string
		catalog []string
		change  func(*Input)
		want    string
	}{
		{"alone", []string{"bp-a 1.0.0", "bp-a 1.10.0", "bp-a 1.9.0", "bp-a 2.0.0-rc.1"}, nil, ". new bp-a@1.10.0 = shop\norder: shop"},
		{"an exact version", []string{"bp-a 1.0.0", "bp-a 1.10.0"}, func(in *Input) { in.Version = "1.0.0" }, ". new bp-a@1.0.0 = shop\norder: shop"},
		{"a pre-release when asked for", []string{"bp-a 1.0.0: bp-b ^2.0.0-0", "bp-b 2.0.0-rc.1", "bp-b 1.0.0"}, nil,
			". new bp-a@1.0.0 = shop\nb new bp-b@2.0.0-rc.1 = shop-b\norder: shop-b shop"},
		{"a range", []string{"bp-a 1.0.0: bp-pg ^1.4 as db", "bp-pg 1.3.0", "bp-pg 1.4.2", "bp-pg 2.0.0"}, nil,
			". new bp-a@1.0.0 = shop\ndb new bp-pg@1.4.2 = shop-pg\norder: shop-pg shop"},
		{"the same twice", []string{"bp-a 1.0.0: bp-pg as orders, bp-pg as users", "bp-pg 1.0.0"}, nil,
			". new bp-a@1.0.0 = shop\norders new bp-pg@1.0.0 = shop-orders\nusers new bp-pg@1.0.0 = shop-users\norder: shop-orders shop-users shop"},
		{"deep", []string{"bp-a 1.0.0: bp-b", "bp-b 1.0.0: bp-c", "bp-c 1.0.0: bp-d", "bp-d 1.0.0"}, nil,
			". new bp-a@1.0.0 = shop\nb new bp-b@1.0.0 = shop-b\nb/c new bp-c@1.0.0 = shop-b-c\nb/c/d new bp-d@1.0.0 = shop-b-c-d\norder: shop-b-c-d shop-b-c shop-b shop"},
		{"an inner one is satisfied around", []string{"bp-a 1.0.0: bp-x, bp-y", "bp-x 1.0.0", "bp-x 1.2.0", "bp-y 1.0.0: bp-x ^1"}, nil,
			". new bp-a@1.0.0 = shop\nx new bp-x@1.2.0 = shop-x\ny new bp-y@1.0.0 = shop-y\ny/x shared bp-x@1.2.0 = shop-x with x\norder: shop-x shop-y shop"},
		{"what is nearer gets the newer version", []string{"bp-a 1.0.0: bp-y, bp-x", "bp-x 1.0.0", "bp-x 1.2.0", "bp-y 2.0.0: bp-x ~1.0", "bp-y 1.0.0: bp-x ^1"}, nil,
			". new bp-a@1.0.0 = shop\ny new bp-y@2.0.0 = shop-y\ny/x shared bp-x@1.0.0 = shop-x with x\nx new bp-x@1.0.0 = shop-x\norder: shop-x shop-y shop"},
		{"an older one, because the newest cannot be resolved", []string{"bp-a 1.0.0: bp-b", "bp-b 2.0.0: bp-c ^9", "bp-b 1.0.0: bp-c", "bp-c 1.0.0"}, nil,
			". new bp-a@1.0.0 = shop\nb new bp-b@1.0.0 = shop-b\nb/c new bp-c@1.0.0 = shop-b-c\norder: shop-b-c shop-b shop"},
		{"a dedicated one", []string{"bp-a 1.0.0: bp-x, bp-y", "bp-x 1.0.0", "bp-x 2.0.0", "bp-y 1.0.0: bp-x ^1"},
			func(in *Input) { in.Choices = map[string]Choice{"y/x": {Use: New, Application: "mine"}} },
			". new bp-a@1.0.0 = shop\nx new bp-x@2.0.0 = shop-x\ny new bp-y@1.0.0 = shop-y\ny/x new bp-x@1.0.0 = mine\norder: shop-x mine shop-y shop"},
		{"an existing one, for two", []string{"bp-a 1.0.0: bp-x, bp-y", "bp-y 1.0.0: bp-x ^1"},
			func(in *Input) {
				in.Choices = map[string]Choice{"x": {Use: Existing, Application: "pg"}}
				in.Installed = []Installed{{Application: "pg", Blueprint: "bp-x", Version: "1.4.0"}}
			},
			". new bp-a@1.0.0 = shop\nx existing bp-x@1.4.0 = pg\ny new bp-y@1.0.0 = shop-y\ny/x shared bp-x@1.4.0 = pg with x\norder: shop-y shop"},
		{"a cycle that an existing one breaks", []string{"bp-a 1.0.0: bp-b", "bp-b 1.0.0: bp-a"},
			func(in *Input) {
				in.Choices = map[string]Choice{"b/a": {Use: Existing, Application: "other"}}
				in.Installed = []Installed{{Application: "other", Blueprint: "bp-a", Version: "1.0.0"}}
			},
			". new bp-a@1.0.0 = shop\nb new bp-b@1.0.0 = shop-b\nb/a existing bp-a@1.0.0 = other\norder: shop-b shop"},
		{"names that are taken", []string{"bp-a 1.0.0: bp-b, bp-c-values as v, bp-values", "bp-b 1.0.0", "bp-c-values 1.0.0", "bp-values 1.0.0"},
			func(in *Input) { in.Taken = map[string]bool{"shop-b": true, "shop-b-2": true} },
			". new bp-a@1.0.0 = shop\nb new bp-b@1.0.0 = shop-b-3\nv new bp-c-values@1.0.0 = shop-c-values-app\nvalues new bp-values@1.0.0 = shop-values-app\norder: shop-b-3 shop-c-values-app shop-values-app shop"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			in := input("bp-a", shelf(t, tc.catalog...))
			if tc.change != nil {
				tc.change(&in)
			}
			if diff := cmp.Diff(tc.want, drawn(resolved(t, in))); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	existing := func(path, application string, installed ...Installed) func(*Input) {
		return func(in *Input) {
			in.Choices = map[string]Choice{path: {Use: Existing, Application: application}}
			in.Installed = installed
		}
	}
	named := func(path, name string) func(*Input) {
		return func(in *Input) {
			in.Choices = map[string]Choice{path: {Use: New, Application: name}}
			in.Taken = map[string]bool{"taken": true}
		}
	}
	pg := []string{"bp-a 1.0.0: bp-pg ^1 as db", "bp-pg 1.0.0"}
	for _, tc := range []struct {
		reason        string
		catalog       []string
		change        func(*Input)
		path, code    string
		want, wantToo string
	}{
		{"no Blueprint", []string{"bp-b 1.0.0"}, nil, "", CodeMissing, "The catalog has no Blueprint bp-a.", ""},
		{"no such version", []string{"bp-a 1.0.0"}, func(in *Input) { in.Version = "9.0.0" }, "", CodeVersion, "Blueprint bp-a has no version 9.0.0; the catalog has 1.0.0.", ""},
		{"no version in the range", []string{"bp-a 1.0.0: bp-pg ^2 as db", "bp-pg 1.0.0", "bp-pg 1.1.0"}, nil, "db", CodeVersion,
			"bp-a 1.0.0 needs bp-pg ^2 as db; the catalog has 1.1.0, 1.0.0. Publish one that fits, or choose an existing Application.", ""},
		{"nothing of that name", []string{"bp-a 1.0.0: bp-pg as db"}, nil, "db", CodeMissing, "bp-a 1.0.0 needs bp-pg as db, and the catalog has no bp-pg.", ""},
		{"no version helps", []string{"bp-a 1.0.0: bp-b", "bp-b 2.0.0: bp-c ^2", "bp-b 1.0.0: bp-c ^3", "bp-c 1.0.0"}, nil, "b/c", CodeVersion,
			"bp-b 2.0.0 needs bp-c ^2 as b/c; the catalog has 1.0.0.", "No other version that could be used helps."},
		{"a conflict", []string{"bp-a 1.0.0: bp-x ^1, bp-y", "bp-x 1.0.0", "bp-x 2.0.0", "bp-y 1.0.0: bp-x ^2"}, nil, "y/x", CodeConflict,
			"No version of bp-x suits all that would share x: shop (bp-a 1.0.0) needs ^1 as x, y (bp-y 1.0.0) needs ^2 as y/x; the catalog has 2.0.0, 1.0.0.", "Use a dedicated one for y/x."},
		{"a cycle", []string{"bp-a 1.0.0: bp-b", "bp-b 1.0.0: bp-c", "bp-c 1.0.0: bp-b"}, nil, "b/c/b", CodeCycle, "bp-b would need itself: b → b/c → b.", "Choose an existing Application"},
		{"a cycle of new ones", []string{"bp-a 1.0.0: bp-b", "bp-b 1.0.0: bp-a"}, nil, "b/a", CodeCycle, "bp-a would need itself: bp-a → bp-b → bp-a.", ""},
		{"a cycle of shared ones", []string{"bp-a 1.0.0: bp-x, bp-y", "bp-x 1.0.0: bp-y", "bp-y 1.0.0: bp-x"}, nil, "y/x", CodeCycle, "bp-x would need itself: x → y → x.", ""},
		{"an existing one that is not there", pg, existing("db", "pg"), "db", CodeExisting, `There is no Application "pg" in acme-dev`, ""},
		{"an existing one of another kind", pg, existing("db", "pg", Installed{Application: "pg", Blueprint: "bp-mysql", Version: "1.0.0"}), "db", CodeExisting, "is made from bp-mysql, not from bp-pg", ""},
		{"an existing one that is too old", pg, existing("db", "pg", Installed{Application: "pg", Blueprint: "bp-pg", Version: "0.9.0"}), "db", CodeUnfit, "pg cannot be db for shop: it has version 0.9.0, and ^1 is needed.", ""},
		{"an existing one that needs this one", pg, existing("db", "pg", Installed{Application: "pg", Blueprint: "bp-pg", Version: "1.0.0", DependsOn: []string{"q"}},
			Installed{Application: "q", DependsOn: []string{"shop"}}), "db", CodeUnfit, "it needs shop itself (pg → q → shop)", ""},
		{"a name that is taken", pg, named("db", "taken"), "db", CodeName, "The name taken, chosen for db, is taken", ""},
		{"a name that is this one", pg, named("db", "shop"), "db", CodeName, "is that of shop already", ""},
		{"a name that is none", pg, named("db", "../x"), "db", CodeName, "cannot be the name of db", ""},
		{"a name that Catalyst uses", pg, named("db", "shop-values"), "db", CodeName, "does not end in", ""},
		{"a choice that is none", pg, func(in *Input) { in.Choices = map[string]Choice{"db": {Use: "maybe"}} }, "db", CodeChoice, `the choice is "maybe"`, ""},
		{"no name", pg, func(in *Input) { in.Application = "Shop" }, "", CodeName, `"Shop" cannot be the name`, ""},
		{"a size that is none", pg, func(in *Input) { in.Size = "huge" }, "", CodeSize, `bp-a 1.0.0 has no size "huge"; it has none.`, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			in := input("bp-a", shelf(t, tc.catalog...))
			for _, name := range []string{"bp-a", "bp-pg"} {
				in.Catalog[name] = append([]Candidate{}, in.Catalog[name]...)
			}
			if tc.change != nil {
				tc.change(&in)
			}
			got := refused(t, in)[0]
			if got.Path != tc.path || got.Code != tc.code || !strings.Contains(got.Message, tc.want) || !strings.Contains(got.Message, tc.wantToo) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRefusedVersions(t *testing.T) {
	in := input("bp-a", shelf(t, "bp-a 1.0.0: bp-b"))
	in.Catalog["bp-b"] = append(shelf(t, "bp-b 1.0.0")["bp-b"], Candidate{Version: "2.0.0", Refused: "is not signed"}, Candidate{Version: "latest"})
	if got := resolved(t, in).Root.Depends[0].Version; got != "1.0.0" {
		t.Errorf("uses %s", got)
	}
	in.Catalog["bp-b"] = in.Catalog["bp-b"][1:]
	if got := refused(t, in)[0]; !strings.Contains(got.Message, "the catalog has 2.0.0 (refused: it is not signed)") {
		t.Errorf("got %+v", got)
	}
	in.Blueprint, in.Version = "bp-b", "2.0.0"
	if got := refused(t, in)[0]; got.Code != CodeRefused || got.Message != "Blueprint bp-b 2.0.0 cannot be installed: it is not signed." {
		t.Errorf("got %+v", got)
	}
}

// What is asked for comes level by level, so that a deep tree needs as many rounds as it has levels.
func TestNeed(t *testing.T) {
	all := shelf(t, "bp-a 1.0.0: bp-b, bp-c", "bp-b 1.0.0: bp-d", "bp-c 1.0.0: bp-e, bp-d as f", "bp-d 1.0.0", "bp-e 1.0.0")
	in := input("bp-a", map[string][]Candidate{})
	var rounds []string
	for {
		_, err := Resolve(in)
		if err == nil {
			break
		}
		var need *NeedError
		if !errors.As(err, &need) || len(rounds) > 5 {
			t.Fatal(err)
		}
		rounds = append(rounds, strings.Join(need.Blueprints, " "))
		for _, name := range need.Blueprints {
			in.Catalog[name] = all[name]
		}
	}
	if diff := cmp.Diff([]string{"bp-a", "bp-b bp-c", "bp-d bp-e"}, rounds); diff != "" {
		t.Error(diff)
	}
}

func TestOffers(t *testing.T) {
	in := input("bp-a", shelf(t, "bp-a 1.0.0: bp-pg ^1 as db", "bp-pg 1.0.0"))
	in.Installed = []Installed{
		{Application: "old", Blueprint: "bp-pg", Version: "0.9.0", Phase: "Running"},
		{Application: "pg", Blueprint: "bp-pg", Version: "1.4.0", Phase: "Degraded"},
		{Application: "loop", Blueprint: "bp-pg", Version: "1.4.0", DependsOn: []string{"shop"}},
		{Application: "site", Blueprint: "bp-site", Version: "1.0.0"},
	}
	want := []Offer{
		{Application: "pg", Version: "1.4.0", Phase: "Degraded", Fits: true},
		{Application: "loop", Version: "1.4.0", Reason: "needs shop itself (loop → shop)"},
		{Application: "old", Version: "0.9.0", Phase: "Running", Reason: "has version 0.9.0, and ^1 is needed"},
	}
	if diff := cmp.Diff(want, resolved(t, in).Root.Depends[0].Offers); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
}
