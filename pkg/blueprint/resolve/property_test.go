package resolve

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/blueprint"
)

// world is a random catalog with what a person chose, in a form that the brute-force solver reads without the resolver.
type world struct {
	versions  map[string][]spec // newest first
	installed map[string]string // Application -> version, of the Blueprint that its name begins with
	choices   map[string]Choice
	on        bool // the root's flag
}

type spec struct {
	version string
	refused bool
	needs   []need
}

type need struct {
	blueprint, alias, versions string
	when                       bool // only with the flag
	pass                       string
}

func drawWorld(t *rapid.T, blueprints int) world {
	w := world{versions: map[string][]spec{}, installed: map[string]string{}, choices: map[string]Choice{}, on: rapid.Bool().Draw(t, "on")}
	name := func(i int) string { return fmt.Sprintf("bp-%c", 'a'+i) }
	for i := range blueprints {
		for _, v := range []string{"2.0.0", "1.1.0", "1.0.0"} {
			if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
				continue
			}
			s := spec{version: v, refused: rapid.IntRange(0, 9).Draw(t, "refused") == 0}
			for range rapid.SampledFrom([]int{0, 1, 1, 2, 2}).Draw(t, "needs") {
				to := rapid.IntRange(0, blueprints-1).Draw(t, "to")
				if to <= i && rapid.IntRange(0, 5).Draw(t, "back") > 0 { // a way back is rare
					to = min(i+1, blueprints-1)
				}
				n := need{
					blueprint: name(to), alias: fmt.Sprintf("%c%d", 'a'+to, len(s.needs)),
					versions: rapid.SampledFrom([]string{"", "", "^1", "^2", "~1.0", ">=1.1", "<2", "3"}).Draw(t, "versions"),
					when:     rapid.IntRange(0, 3).Draw(t, "when") == 0,
					pass:     rapid.SampledFrom([]string{"", "", "", "true", "false", "{{ config.flag }}"}).Draw(t, "pass"),
				}
				s.needs = append(s.needs, n)
			}
			w.versions[name(i)] = append(w.versions[name(i)], s)
		}
	}
	for _, alias := range []string{"b0", "c0", "c1", "b0/c0", "c1/d0"} {
		switch rapid.IntRange(0, 9).Draw(t, "choice") {
		case 0:
			w.choices[alias] = Choice{Use: New}
		case 1:
			blueprint := "bp-" + alias[strings.LastIndex(alias, "/")+1:][:1]
			application := fmt.Sprintf("%s-%d", blueprint[3:], len(w.choices))
			w.installed[application] = rapid.SampledFrom([]string{"2.0.0", "1.0.0"}).Draw(t, "installed")
			w.choices[alias] = Choice{Use: Existing, Application: application}
		}
	}
	return w
}

// drawShared is a world in which all that the root needs share one another, in narrow ranges: what one of them gets
// decides what is left for the others.
func drawShared(t *rapid.T) world {
	w := world{versions: map[string][]spec{}, installed: map[string]string{}, choices: map[string]Choice{}}
	root := spec{version: "1.0.0"}
	blueprints := rapid.IntRange(3, 6).Draw(t, "blueprints")
	for i := 1; i < blueprints; i++ {
		name := fmt.Sprintf("bp-%c", 'a'+i)
		root.needs = append(root.needs, need{blueprint: name, alias: name[3:]})
		for _, v := range []string{"2.0.0", "1.1.0", "1.0.0"} {
			s := spec{version: v}
			for to := range blueprints {
				if to > i && rapid.Bool().Draw(t, "needs") {
					other := fmt.Sprintf("bp-%c", 'a'+to)
					s.needs = append(s.needs, need{blueprint: other, alias: other[3:],
						versions: rapid.SampledFrom([]string{"^1", "^2", "~1.0", ">=1.1", "~1.1", "3", ""}).Draw(t, "versions")})
				}
			}
			w.versions[name] = append(w.versions[name], s)
		}
	}
	w.versions["bp-a"] = []spec{{version: "2.0.0", needs: rapid.Permutation(root.needs).Draw(t, "needed")}, {version: "1.0.0", needs: root.needs[:1]}}
	return w
}

// input writes the world down as Blueprints; shuffled changes every order that must not matter.
func (w world) input(t testing.TB, parsed map[string]*blueprint.Blueprint, shuffle *rand.Rand) Input {
	in := input("bp-a", map[string][]Candidate{})
	in.Values = map[string]any{"flag": w.on}
	in.Choices = maps.Clone(w.choices)
	for application, version := range w.installed {
		in.Installed = append(in.Installed, Installed{Application: application, Blueprint: "bp-" + application[:1], Version: version})
	}
	slices.SortFunc(in.Installed, func(a, b Installed) int { return strings.Compare(a.Application, b.Application) })
	for i := range 8 {
		name := fmt.Sprintf("bp-%c", 'a'+i)
		in.Catalog[name] = []Candidate{}
		for _, s := range w.versions[name] {
			c := Candidate{Version: s.version, Refused: "is not signed"}
			if !s.refused {
				c = s.candidate(t, name, parsed)
			}
			in.Catalog[name] = append(in.Catalog[name], c)
		}
		if shuffle != nil {
			shuffle.Shuffle(len(in.Catalog[name]), func(i, j int) {
				in.Catalog[name][i], in.Catalog[name][j] = in.Catalog[name][j], in.Catalog[name][i]
			})
		}
	}
	if shuffle != nil {
		shuffle.Shuffle(len(in.Installed), func(i, j int) { in.Installed[i], in.Installed[j] = in.Installed[j], in.Installed[i] })
	}
	return in
}

func (s spec) candidate(t testing.TB, name string, parsed map[string]*blueprint.Blueprint) Candidate {
	more := "  configSchema: {type: object, additionalProperties: false, properties: {flag: {type: boolean, default: false}}}\n"
	for i, n := range s.needs {
		if i == 0 {
			more += "  depends:\n"
		}
		more += fmt.Sprintf("    - {blueprint: %s, alias: %s, version: %q", n.blueprint, n.alias, n.versions)
		if n.when {
			more += ", when: config.flag"
		}
		switch n.pass {
		case "":
		case "true", "false":
			more += ", values: {flag: " + n.pass + "}"
		default:
			more += fmt.Sprintf(", values: {flag: %q}", n.pass)
		}
		more += "}\n"
	}
	key := name + s.version + more
	if parsed[key] == nil {
		parsed[key] = candidate(t, name, s.version, more).Blueprint
	}
	return Candidate{Version: s.version, Blueprint: parsed[key]}
}

// brute tries every assignment in order and judges it only when it is complete.
type brute struct {
	world
	nodes []*bruteNode
	left  int
}

type bruteNode struct {
	path, blueprint, versions string
	parent                    *bruteNode
	flag                      bool
	spec                      *spec
	links                     []bruteLink
}

type bruteLink struct {
	need     need
	path     string
	use      Use
	target   *bruteNode
	existing string
	shared   string
}

var errEnough = errors.New("too many assignments to try them all")

func (w world) solve() (string, error) {
	b := &brute{world: w, left: 30_000, nodes: []*bruteNode{{blueprint: "bp-a", flag: w.on}}}
	ok := b.try(0)
	switch {
	case b.left < 0:
		return "", errEnough
	case !ok:
		return "none", nil
	}
	var out []string
	for _, n := range b.nodes {
		out = append(out, fmt.Sprintf("%s=%s@%s", n.path, n.blueprint, n.spec.version))
		for _, l := range n.links {
			if l.use != New {
				out = append(out, fmt.Sprintf("%s %s %s%s", l.path, l.use, l.existing, l.shared))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n"), nil
}

func (b *brute) try(at int) bool {
	if b.left--; b.left < 0 {
		return false
	}
	if at == len(b.nodes) {
		return b.good()
	}
	n := b.nodes[at]
	for i := range b.versions[n.blueprint] {
		n.spec, n.links = &b.versions[n.blueprint][i], nil
		if n.spec.refused || !contains(n.versions, n.spec.version) || !b.grow(n) {
			b.nodes = b.nodes[:min(len(b.nodes), b.known(at))]
			continue
		}
		if b.try(at + 1) {
			return true
		}
		b.nodes = b.nodes[:b.known(at)]
	}
	n.spec, n.links = nil, nil
	return false
}

// known is how many nodes there were before a decision.
func (b *brute) known(at int) int {
	for i, n := range b.nodes {
		if n.parent == b.nodes[at] {
			return i
		}
	}
	return len(b.nodes)
}

func (b *brute) grow(n *bruteNode) bool {
	for _, need := range n.spec.needs {
		l := bruteLink{need: need, path: join(n.path, need.alias), use: Off}
		choice, chosen := b.choices[l.path]
		var around *bruteLink
		for up := n.parent; up != nil && around == nil; up = up.parent {
			for i := range up.links {
				if around == nil && up.links[i].use != Off && up.links[i].need.blueprint == need.blueprint {
					around = &up.links[i]
				}
			}
		}
		switch {
		case need.when && !n.flag:
		case chosen && choice.Use == Existing:
			l.use, l.existing = Existing, choice.Application
		case !chosen && need.pass == "" && around != nil:
			l.use, l.target, l.existing, l.shared = Shared, around.target, around.existing, around.path
			if around.shared != "" {
				l.shared = around.shared
			}
		default:
			for up := n; up != nil; up = up.parent {
				if up.blueprint == need.blueprint {
					return false // a cycle, which has no end to be judged at
				}
			}
			l.use = New
			l.target = &bruteNode{path: l.path, blueprint: need.blueprint, versions: need.versions, parent: n,
				flag: need.pass == "true" || (need.pass != "" && need.pass != "false" && n.flag)}
			b.nodes = append(b.nodes, l.target)
		}
		n.links = append(n.links, l)
	}
	return true
}

// good judges a whole assignment.
func (b *brute) good() bool {
	graph := map[*bruteNode][]*bruteNode{}
	for _, n := range b.nodes {
		for _, l := range n.links {
			switch {
			case l.use == Off:
			case l.target != nil:
				if !contains(l.need.versions, l.target.spec.version) {
					return false
				}
				graph[n] = append(graph[n], l.target)
			case l.existing[:1] != l.need.blueprint[3:] || !contains(l.need.versions, b.installed[l.existing]):
				return false
			}
		}
	}
	for range b.nodes { // take away what needs nothing that is left
		for n, needs := range graph {
			if !slices.ContainsFunc(needs, func(m *bruteNode) bool { return len(graph[m]) > 0 }) {
				delete(graph, n)
			}
		}
	}
	return len(graph) == 0
}

func contains(versions, v string) bool {
	if versions == "" {
		return true
	}
	c, err := semver.NewConstraint(versions)
	return err == nil && c.Check(semver.MustParse(v))
}

// summary is a tree in the words of the brute-force solver.
func summary(t *Tree) string {
	var out []string
	var visit func(n *Node)
	visit = func(n *Node) {
		switch n.Use {
		case New:
			out = append(out, fmt.Sprintf("%s=%s@%s", n.Path, n.Name, n.Version))
		case Existing:
			out = append(out, fmt.Sprintf("%s %s %s", n.Path, n.Use, n.Application))
		case Shared:
			application := ""
			if find(t.Root, n.SharedWith).Use == Existing {
				application = n.Application
			}
			out = append(out, fmt.Sprintf("%s %s %s%s", n.Path, n.Use, application, n.SharedWith))
		case Off:
			out = append(out, fmt.Sprintf("%s %s ", n.Path, n.Use))
		}
		for _, d := range n.Depends {
			visit(d)
		}
	}
	visit(t.Root)
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func find(n *Node, path string) *Node {
	if n.Path == path {
		return n
	}
	for _, d := range n.Depends {
		if f := find(d, path); f != nil {
			return f
		}
	}
	return nil
}

// The answer is that of a solver that knows no shortcut.
func TestResolveLikeBruteForce(t *testing.T) {
	parsed := map[string]*blueprint.Blueprint{}
	solved, refusals := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := drawShared(rt)
		if rapid.Bool().Draw(rt, "any") {
			w = drawWorld(rt, rapid.IntRange(2, 5).Draw(rt, "blueprints"))
		}
		want, err := w.solve()
		if err != nil {
			rt.Skip(err)
		}
		tree, err := Resolve(w.input(t, parsed, nil))
		got := "none"
		var problems *Problems
		switch {
		case err == nil:
			got = summary(tree)
			solved++
		case !errors.As(err, &problems) || len(problems.List) == 0 || problems.List[0].Code == CodeTooLarge:
			rt.Fatalf("no answer: %v", err)
		default:
			refusals++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("not the tree of the brute-force solver (-brute +resolve): %s\nerror: %v", diff, err)
		}
	})
	if !t.Failed() && (solved == 0 || refusals == 0) {
		t.Errorf("the worlds show nothing: %d solved, %d refused", solved, refusals)
	}
}

// What is accepted holds together, is the same however the input was ordered, and leaves the input alone.
func TestResolveHolds(t *testing.T) {
	parsed := map[string]*blueprint.Blueprint{}
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, rapid.IntRange(2, 8).Draw(rt, "blueprints"))
		in := w.input(t, parsed, nil)
		in.Application = rapid.StringMatching(`[a-z][a-z0-9]{0,50}`).Draw(rt, "application")
		in.Taken = map[string]bool{in.Application + "-b": true, "x": true}
		tree, err := Resolve(in)
		if diff := cmp.Diff(w.input(t, parsed, nil).Catalog, in.Catalog, cmp.Comparer(func(a, b *blueprint.Blueprint) bool { return a == b })); diff != "" {
			rt.Fatalf("the catalog was changed: %s", diff)
		}
		shuffled := w.input(t, parsed, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))) //nolint:gosec // no secret
		shuffled.Application, shuffled.Taken = in.Application, in.Taken
		again, errAgain := Resolve(shuffled)
		if diff := cmp.Diff(fmt.Sprint(err), fmt.Sprint(errAgain)); diff != "" {
			rt.Fatalf("another order, another error: %s", diff)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(tree, again, cmp.Comparer(func(a, b *blueprint.Blueprint) bool { return a == b })); diff != "" {
			rt.Fatalf("another order, another tree: %s", diff)
		}
		checkTree(rt, in, tree)
	})
}

func checkTree(t *rapid.T, in Input, tree *Tree) {
	made, done := map[string]bool{}, map[string]bool{}
	var visit func(n *Node)
	visit = func(n *Node) {
		if n.Use != Off && !contains(n.Range, n.Version) {
			t.Fatalf("%s has %s, which is not in %s", n.Path, n.Version, n.Range)
		}
		if n.Use == New {
			if made[n.Application] || !validName(n.Application) || (in.Taken[n.Application] && n.Path != "") {
				t.Fatalf("%s cannot be named %q", n.Path, n.Application)
			}
			made[n.Application] = true
		}
		if with := find(tree.Root, n.SharedWith); n.Use == Shared && (with == nil || with.Application != n.Application || with.Use == Shared) {
			t.Fatalf("%s is shared with %q", n.Path, n.SharedWith)
		}
		for _, d := range n.Depends {
			visit(d)
		}
	}
	visit(tree.Root)
	for _, n := range tree.Order {
		for _, d := range n.Depends {
			if made[d.Application] && !done[d.Application] && d.Use != Off {
				t.Fatalf("%s comes before %s, which it needs", n.Application, d.Application)
			}
		}
		done[n.Application] = true
	}
	if len(done) != len(made) || tree.Order[len(tree.Order)-1] != tree.Root {
		t.Fatalf("%d of %d are in order, the last is not the root", len(done), len(made))
	}
}
