package score

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

func manifestsOf(t testing.TB, doc []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	for {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
}

func read(t testing.TB, name string) []map[string]any {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return manifestsOf(t, doc)
}

var prod = Subject{Application: "shop", Environment: "acme-prod", EnvType: "prod"}

func words(r Result) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "score %d\n\nrules: weight, met of asked\n", r.Score)
	for _, rule := range r.Rules {
		fmt.Fprintf(out, "%4d  %2d of %2d  %s: %s\n", rule.Weight, rule.Met, rule.Asked, rule.ID, rule.Title)
	}
	fmt.Fprint(out, "\nfindings: points, rule, what and where\n")
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%4.1f  %-18s %s: %s. To raise it: %s.\n", f.Points, f.Rule, f.Object, f.Message, f.Fix)
	}
	return out.String()
}

func TestScores(t *testing.T) {
	for _, name := range []string{"bare", "sound", "stateful"} {
		for _, envType := range []string{"prod", "dev"} {
			s := prod
			s.EnvType = envType
			result, err := Evaluate(read(t, name+".yaml"), s, nil)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+"."+envType+".txt")
			got := words(result)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s in %s:\n%s\nwant:\n%s", name, envType, got, want)
			}
		}
	}
}

// The weights are the table of the documentation, and add up to 100.
func TestTheTableOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, b := range builtin {
		total += b.weight
		if !strings.Contains(string(page), fmt.Sprintf("| `%s` | %d | ", b.id, b.weight)) {
			t.Errorf("the page does not say that %s weighs %d", b.id, b.weight)
		}
	}
	if total != 100 {
		t.Errorf("the weights add up to %d", total)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	parsed := 0
	for _, e := range examples {
		if !strings.Contains(e[1], "kind: ScoreRules") {
			continue
		}
		parsed++
		rules, err := Parse([]byte(e[1]))
		if err != nil {
			t.Fatal(err)
		}
		result, err := Evaluate(read(t, "bare.yaml"), prod, rules)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(words(result), "owner-label        Deployment acme-prod/shop: does not say who owns it") {
			t.Errorf("the example of the page answers\n%s", words(result))
		}
	}
	if parsed == 0 {
		t.Error("the page has no ScoreRules")
	}
}

func TestNothingIsNotAScore(t *testing.T) {
	for _, objects := range [][]map[string]any{nil, {}, {{}}, {{"kind": "List"}}} {
		if _, err := Evaluate(objects, prod, nil); !errors.Is(err, ErrNothing) {
			t.Errorf("%v: %v", objects, err)
		}
	}
}

const ownRules = `apiVersion: catalyst.openova.io/v1alpha1
kind: ScoreRules
metadata: {name: sovereign}
spec:
  weights: {backup: 0, probes: 40}
  rules:
  - id: owned
    weight: 10
    when: object.kind == 'Deployment'
    check: %s
    message: does not say who owns it
    fix: set the label owner
`

func TestRulesOfTheSovereign(t *testing.T) {
	for reason, c := range map[string]struct{ check, finding string }{
		"met":                  {"environment.type == 'prod' && objects.exists(o, o.kind == 'Service')", ""},
		"not met":              {"has(object.metadata.labels) && 'owner' in object.metadata.labels", "does not say who owns it"},
		"speaks of nothing":    {"object.metadata.labels.owner != ''", "the rule owned cannot be evaluated: no such key: labels"},
		"is not true or false": {"object.metadata.name", "the rule owned cannot be evaluated: it is string, not true or false"},
		"costs too much":       {"objects.all(a, objects.all(b, objects.all(c, objects.all(d, objects.all(e, objects.all(f, objects.all(g, objects.all(h, objects.all(i, objects.all(j, objects.all(k, objects.all(l, objects.all(m, objects.all(n, objects.all(o, objects.all(p, objects.all(q, true)))))))))))))))))", "the rule owned cannot be evaluated: operation cancelled: actual cost limit exceeded"},
	} {
		rules, err := Parse(fmt.Appendf(nil, ownRules, `"`+c.check+`"`))
		if err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		result, err := Evaluate(read(t, "bare.yaml"), prod, rules)
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, f := range result.Findings {
			if f.Rule == "owned" {
				found += f.Message
			}
		}
		if found != c.finding {
			t.Errorf("%s: %q, want %q", reason, found, c.finding)
		}
		for _, r := range result.Rules {
			if r.ID == "backup" || r.ID == "probes" && r.Weight != 40 {
				t.Errorf("%s: the weights are not those of the Sovereign: %+v", reason, r)
			}
		}
	}
}

func TestScoreRulesThatAreWrong(t *testing.T) {
	good := fmt.Sprintf(ownRules, "'true'")
	for reason, c := range map[string]struct{ from, to, want string }{
		"no CEL":          {"check: 'true'", "check: object.kind ==", "spec.rules[0].check of owned is not a CEL expression"},
		"a number":        {"check: 'true'", "check: '1'", "must be true or false, not int"},
		"an unknown word": {"check: 'true'", "check: tenant == ''", "undeclared reference to 'tenant'"},
		"too long":        {"check: 'true'", "check: '" + strings.Repeat("true && ", 600) + "true'", "at most 4096 are allowed"},
		"an unknown rule": {"backup: 0", "backups: 0", "spec.weights.backups must be the name of a built-in rule"},
		"a weight":        {"weight: 10", "weight: 0", "spec.rules[0].weight of owned must be a number from 1 to 100"},
		"our name":        {"id: owned", "id: probes", "spec.rules[0].id must be a name"},
		"no fix":          {"fix: set the label owner", "fix: ''", "must have check, message (what is wrong) and fix"},
		"another kind":    {"kind: ScoreRules", "kind: Rules", "kind: ScoreRules"},
		"another field":   {"message:", "massage: x\n    message:", "field massage not found"},
		"two documents":   {"spec:", "---\nspec:", "exactly one YAML document"},
	} {
		if _, err := Parse([]byte(strings.Replace(good, c.from, c.to, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", reason, err, c.want)
		}
	}
}

func TestTheDigestNamesTheRules(t *testing.T) {
	var none *Rules
	one, err := Parse(fmt.Appendf(nil, ownRules, "'true'"))
	if err != nil {
		t.Fatal(err)
	}
	same, _ := Parse(append([]byte("# a comment\n"), fmt.Appendf(nil, ownRules, "'true'")...))
	other, _ := Parse(fmt.Appendf(nil, ownRules, "'false'"))
	if one.Digest() != same.Digest() || one.Digest() == other.Digest() || one.Digest() == none.Digest() {
		t.Error(none.Digest(), one.Digest(), same.Digest(), other.Digest())
	}
}

// Whatever the manifests are: the score is 0 to 100, the points of the findings are what is missing of it, and the
// order of the objects does not matter.
func TestPointsAddUp(t *testing.T) {
	rules, err := Parse(fmt.Appendf(nil, ownRules, "has(object.spec.replicas)"))
	if err != nil {
		t.Fatal(err)
	}
	var pool []map[string]any
	for _, name := range []string{"bare.yaml", "sound.yaml", "stateful.yaml"} {
		pool = append(pool, read(t, name)...)
	}
	rapid.Check(t, func(t *rapid.T) {
		var objects []map[string]any
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, len(pool)-1), 1, 8).Draw(t, "objects") {
			o := clone(pool[n]).(map[string]any)
			o["metadata"].(map[string]any)["name"] = fmt.Sprint("o", i)
			objects = append(objects, spoil(t, o).(map[string]any))
		}
		s := Subject{EnvType: rapid.SampledFrom([]string{"prod", "stg", "dev"}).Draw(t, "envType")}
		own := rapid.SampledFrom([]*Rules{nil, rules}).Draw(t, "rules")
		r, err := Evaluate(objects, s, own)
		if errors.Is(err, ErrNothing) {
			return
		}
		if err != nil || r.Score < 0 || r.Score > 100 {
			t.Fatal(r.Score, err)
		}
		points := 0.0
		for _, f := range r.Findings {
			points += f.Points
		}
		if sum := float64(r.Score) + points; math.Abs(sum-100) > 1+0.05*float64(len(r.Findings)) {
			t.Fatalf("%d and %g points make %g", r.Score, points, sum)
		}
		shuffled := rapid.Permutation(objects).Draw(t, "shuffled")
		if again, _ := Evaluate(shuffled, s, own); words(again) != words(r) {
			t.Fatalf("in another order:\n%s\n%s", words(r), words(again))
		}
	})
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, clone(e))
		}
		return out
	}
	return v
}

// spoil puts something that does not belong there into a manifest.
func spoil(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(v)), func(k string) bool { return k == "metadata" })
		if len(keys) > 0 && rapid.IntRange(0, 4).Draw(t, "leave") > 0 {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			v[key] = spoil(t, v[key])
		}
		return v
	case []any:
		if len(v) > 0 {
			v[0] = spoil(t, v[0])
		}
		return v
	}
	return rapid.SampledFrom([]any{v, nil, "x", -1, 1.5, true, []any{nil}, map[string]any{}}).Draw(t, "instead")
}

// A fix raises the score by the points that its finding says.
func TestAFixRaisesTheScoreByItsPoints(t *testing.T) {
	objects := read(t, "bare.yaml")
	before, err := Evaluate(objects, prod, nil)
	if err != nil {
		t.Fatal(err)
	}
	container := at(objects[0], "spec", "template", "spec")["containers"].([]any)[0].(map[string]any)
	container["readinessProbe"] = map[string]any{"httpGet": map[string]any{"port": 80}}
	after, err := Evaluate(objects, prod, nil)
	if err != nil {
		t.Fatal(err)
	}
	var points float64
	for _, f := range before.Findings {
		if f.Fix == "set a readiness probe" {
			points = f.Points
		}
	}
	if gain := float64(after.Score - before.Score); points == 0 || math.Abs(gain-points) > 1 {
		t.Errorf("from %d to %d, and the finding says %g", before.Score, after.Score, points)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fmt.Sprintf(ownRules, "'true'"))
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, doc string) {
		rules, err := Parse([]byte(doc))
		if err != nil {
			return
		}
		if _, err := Evaluate([]map[string]any{{"kind": "Deployment", "metadata": map[string]any{"name": "a"}}}, prod, rules); err != nil {
			t.Fatal(err)
		}
	})
}
