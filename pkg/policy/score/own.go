package score

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"go.yaml.in/yaml/v3"
)

// Rules are what a Sovereign says about scoring: weights of the built-in rules, and rules of its own.
type Rules struct {
	weights map[string]int
	own     []ownRule
	source  []byte
}

// Limits of a Sovereign's rules, so that no rule costs more than it should.
const (
	maxDocument   = 256 << 10
	maxOwn        = 50
	maxExpression = 4096
	maxWeight     = 100
	costOfOne     = 100_000    // of one rule on one object, in the units of CEL
	costOfAll     = 20_000_000 // of one rule on all objects
)

// document is the form in which a Sovereign writes its rules.
type document struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		Weights map[string]int `yaml:"weights"`
		Rules   []struct {
			ID      string `yaml:"id"`
			Title   string `yaml:"title"`
			Weight  int    `yaml:"weight"`
			When    string `yaml:"when"`
			Check   string `yaml:"check"`
			Message string `yaml:"message"`
			Fix     string `yaml:"fix"`
		} `yaml:"rules"`
	} `yaml:"spec"`
}

type ownRule struct {
	id, title, message, fix string
	weight                  int
	when, check             cel.Program
}

var ruleID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$`)

// Parse reads ScoreRules. The error names the rule, the field and what is wrong.
func Parse(doc []byte) (*Rules, error) {
	if len(doc) > maxDocument {
		return nil, fmt.Errorf("the score rules have %d bytes; at most %d are allowed", len(doc), maxDocument)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	decoder.KnownFields(true)
	var d document
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("the score rules cannot be read: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the score rules must be exactly one YAML document")
	}
	if d.APIVersion != "catalyst.openova.io/v1alpha1" || d.Kind != "ScoreRules" {
		return nil, errors.New("the score rules must say apiVersion: catalyst.openova.io/v1alpha1 and kind: ScoreRules")
	}
	if len(d.Spec.Rules) > maxOwn {
		return nil, fmt.Errorf("spec.rules has %d rules; at most %d are allowed", len(d.Spec.Rules), maxOwn)
	}
	r := &Rules{weights: d.Spec.Weights}
	taken := map[string]bool{}
	for _, b := range builtin {
		taken[b.id] = true
	}
	for id, weight := range d.Spec.Weights {
		if !taken[id] || weight < 0 || weight > maxWeight {
			return nil, fmt.Errorf("spec.weights.%s must be the name of a built-in rule and a number from 0 to %d", id, maxWeight)
		}
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	for i, rule := range d.Spec.Rules {
		where := fmt.Sprintf("spec.rules[%d]", i)
		switch {
		case !ruleID.MatchString(rule.ID) || taken[rule.ID]:
			return nil, fmt.Errorf("%s.id must be a name of lower-case letters, digits and dashes that no other rule has", where)
		case rule.Weight < 1 || rule.Weight > maxWeight:
			return nil, fmt.Errorf("%s.weight of %s must be a number from 1 to %d", where, rule.ID, maxWeight)
		case rule.Check == "" || rule.Message == "" || rule.Fix == "":
			return nil, fmt.Errorf("%s: %s must have check, message (what is wrong) and fix (what raises the score)", where, rule.ID)
		}
		taken[rule.ID] = true
		own := ownRule{id: rule.ID, title: cmp.Or(rule.Title, rule.ID), message: rule.Message, fix: rule.Fix, weight: rule.Weight}
		if own.when, err = compile(env, cmp.Or(rule.When, "true")); err != nil {
			return nil, fmt.Errorf("%s.when of %s %w", where, rule.ID, err)
		}
		if own.check, err = compile(env, rule.Check); err != nil {
			return nil, fmt.Errorf("%s.check of %s %w", where, rule.ID, err)
		}
		r.own = append(r.own, own)
	}
	r.source, err = json.Marshal(d)
	return r, err
}

// environment is what an expression may speak of: the object, all objects, and where they are to run.
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("object", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("objects", cel.ListType(cel.MapType(cel.StringType, cel.DynType))),
		cel.Variable("application", cel.StringType),
		cel.Variable("environment", cel.MapType(cel.StringType, cel.StringType)),
	)
}

func compile(env *cel.Env, expression string) (cel.Program, error) {
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("has %d characters; at most %d are allowed", len(expression), maxExpression)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, fmt.Errorf("is not a CEL expression: %w", issues.Err())
	}
	if ast.OutputType() != cel.BoolType && ast.OutputType() != cel.DynType {
		return nil, fmt.Errorf("must be true or false, not %s", ast.OutputType())
	}
	return env.Program(ast, cel.CostLimit(costOfOne), cel.CostTracking(nil))
}

func (r *Rules) weight(id string, otherwise int) int {
	if r != nil {
		if w, ok := r.weights[id]; ok {
			return w
		}
	}
	return otherwise
}

// ask asks each of the Sovereign's rules of every object that it is for. A rule that cannot be evaluated was not met,
// and the finding says why.
func (r *Rules) ask(m *manifests, s Subject, add func(Rule, asked)) {
	if r == nil {
		return
	}
	for _, rule := range r.own {
		var a asked
		spent := uint64(0)
		for _, o := range m.all {
			input := map[string]any{
				"object": o, "objects": m.all, "application": s.Application,
				"environment": map[string]string{"name": s.Environment, "type": s.EnvType},
			}
			met, cost, err := rule.holds(input)
			if spent += cost; spent > costOfAll {
				a.want(false, nameOf(o), "the rule "+rule.id+" costs too much for so many objects", "make the rule "+rule.id+" simpler")
				break
			}
			switch {
			case err != nil:
				a.want(false, nameOf(o), "the rule "+rule.id+" cannot be evaluated: "+firstLine(err), "correct the rule "+rule.id+", or what it speaks of")
			case met != nil:
				a.want(*met, nameOf(o), rule.message, rule.fix)
			}
		}
		add(Rule{ID: rule.id, Title: rule.title, Weight: rule.weight}, a)
	}
}

// holds says whether the object meets the rule; nil, if the rule is not for it.
func (r *ownRule) holds(input map[string]any) (met *bool, cost uint64, err error) {
	for i, program := range []cel.Program{r.when, r.check} {
		out, details, err := program.Eval(input)
		if c := details.ActualCost(); c != nil {
			cost += *c
		}
		if err != nil {
			return nil, cost, err
		}
		yes, ok := out.Value().(bool)
		switch {
		case !ok:
			return nil, cost, fmt.Errorf("it is %s, not true or false", out.Type().TypeName())
		case i == 1:
			return &yes, cost, nil
		case !yes:
			return nil, cost, nil
		}
	}
	return nil, cost, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if runes := []rune(line); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return line
}
