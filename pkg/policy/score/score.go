// Package score judges the reliability of rendered manifests: 0 to 100, with a weight and findings for each rule, and
// for each finding what would raise the score and by how much. It is pure: what it judges are decoded objects, as JSON
// knows them. A Sovereign adds rules of its own in CEL and changes the weights of ours.
package score

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Subject is what the manifests are scored for. What is asked of them depends on the type of the Environment.
type Subject struct {
	Application string
	Environment string
	EnvType     string // dev, stg, uat, prod, poc
}

// Result is a score and how it came about.
type Result struct {
	Score    int       `json:"score"`
	Rules    []Rule    `json:"rules"`
	Findings []Finding `json:"findings"` // the one that raises the score most first
	Digest   string    `json:"digest"`   // of the rules that it was made with
}

// Rule is one rule of a score. Its weight is shared out over what it was asked of; a rule that was asked of nothing
// does not count.
type Rule struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Weight int    `json:"weight"`
	Asked  int    `json:"asked"`
	Met    int    `json:"met"`
}

// Finding is one thing that a rule asked for and did not find.
type Finding struct {
	Rule    string  `json:"rule"`
	Object  string  `json:"object"`  // kind namespace/name, and the container
	Message string  `json:"message"` // what is wrong
	Fix     string  `json:"fix"`     // what would raise the score
	Points  float64 `json:"points"`  // by how much
}

// ErrNothing says that there was nothing to score: a rendering that yields no manifest has gone wrong.
var ErrNothing = errors.New("there are no manifests to score")

// builtin are the rules that every Sovereign has. Their weights add up to 100.
var builtin = []struct {
	id, title string
	weight    int
	ask       func(m *manifests, s Subject, a *asked)
}{
	{"probes", "containers say whether they are ready and alive", 12, askProbes},
	{"resources", "containers say what they need and how much memory they may take", 14, askResources},
	{"replicas", "there are enough replicas for the Environment", 12, askReplicas},
	{"disruption-budget", "maintenance leaves enough replicas running", 10, askDisruptionBudget},
	{"topology-spread", "replicas are not all on one node", 8, askTopologySpread},
	{"security-context", "containers have no rights that they do not need", 16, askSecurityContext},
	{"image-digest", "images are pinned by digest", 10, askImageDigest},
	{"network-policy", "a network policy says who may talk to the pods", 8, askNetworkPolicy},
	{"backup", "what holds data is backed up", 6, askBackup},
	{"update-strategy", "an update does not take all replicas away", 4, askUpdateStrategy},
}

// version changes when what a built-in rule asks changes, so that scores by the old rules are stale.
const version = "1"

// asked gathers what a rule asks and what it does not find.
type asked struct {
	count    int
	findings []Finding
}

// want asks for one thing. Without it there is a finding.
func (a *asked) want(ok bool, object, message, fix string) {
	a.count++
	if !ok {
		a.findings = append(a.findings, Finding{Object: object, Message: message, Fix: fix})
	}
}

// Evaluate scores manifests by the built-in rules and, if there are any, those of the Sovereign.
func Evaluate(objects []map[string]any, subject Subject, own *Rules) (Result, error) {
	m := sort(objects)
	if len(m.all) == 0 {
		return Result{}, ErrNothing
	}
	out := Result{Digest: own.Digest(), Rules: []Rule{}, Findings: []Finding{}}
	add := func(rule Rule, a asked) {
		rule.Asked, rule.Met = a.count, a.count-len(a.findings)
		out.Rules = append(out.Rules, rule)
		for _, f := range a.findings {
			f.Rule = rule.ID
			out.Findings = append(out.Findings, f)
		}
	}
	for _, b := range builtin {
		weight := own.weight(b.id, b.weight)
		if weight == 0 {
			continue
		}
		var a asked
		b.ask(m, subject, &a)
		add(Rule{ID: b.id, Title: b.title, Weight: weight}, a)
	}
	own.ask(m, subject, add)
	out.sum()
	return out, nil
}

// sum makes the score of the rules, and says what each finding costs. The score is rounded down: 79.9 is not 80.
func (r *Result) sum() {
	weights, met := 0.0, 0.0
	share := map[string]float64{}
	for _, rule := range r.Rules {
		if rule.Asked == 0 {
			continue
		}
		weights += float64(rule.Weight)
		met += float64(rule.Weight) * float64(rule.Met) / float64(rule.Asked)
		share[rule.ID] = float64(rule.Weight) / float64(rule.Asked)
	}
	r.Score = 100
	if weights > 0 {
		r.Score = int(math.Floor(100*met/weights + 1e-9))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Points = math.Round(1000*share[f.Rule]/weights) / 10
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Points, a.Points), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Object, b.Object))
	})
}

// Raises says in words what would raise the score, the most first, at most so many.
func (r *Result) Raises(most int) []string {
	var out []string
	for _, f := range r.Findings[:min(most, len(r.Findings))] {
		points := "points"
		if f.Points == 1 {
			points = "point"
		}
		out = append(out, fmt.Sprintf("%g %s: %s on %s", f.Points, points, f.Fix, f.Object))
	}
	return out
}

// Digest names the rules in force: the built-in ones and those of the Sovereign.
func (r *Rules) Digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "builtin %s\n", version)
	if r != nil {
		sum.Write(r.source)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
