package policy

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// architecture is the policy of the architecture document, as it stands there.
const architecture = `# Lives at: system/catalyst-config/policies/acme-prod-policy.yaml
# (in the Sovereign-admin's ` + "`system`" + ` Gitea Org)
apiVersion: catalyst.openova.io/v1alpha1
kind: EnvironmentPolicy
metadata:
  name: acme-prod-policy
  namespace: catalyst-system
spec:
  appliesTo:
    environments: [acme-prod]
  rules:
    - kind: pr-required
      approvers: [team-platform, team-security]
      minApprovals: 2
    - kind: re-score-gate
      minScore: 80
      severity: blocking
    - kind: soak
      sourceEnvironment: acme-stg
      duration: 72h
    - kind: change-window
      cron: "0 14 * * 2,4"  # Tue/Thu 14:00
      duration: 2h
`

func mustParse(t interface {
	Helper()
	Fatal(...any)
}, doc string) Policy {
	t.Helper()
	p, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withRules is a policy for acme-prod with these rules.
func withRules(name, rules string) string {
	return "apiVersion: " + APIVersion + "\nkind: " + PolicyKind + "\nmetadata: {name: " + name + "}\nspec:\n  appliesTo: {environments: [acme-prod]}\n  rules:\n" + rules
}

func TestThePolicyOfTheArchitectureIsReadAsItStands(t *testing.T) {
	p := mustParse(t, architecture)
	two, eighty := 2, 80
	want := Spec{
		AppliesTo: AppliesTo{Environments: []string{"acme-prod"}},
		Rules: []Rule{
			{Kind: PRRequired, Severity: Blocking, Approvers: []string{"team-platform", "team-security"}, MinApprovals: &two},
			{Kind: ScoreGate, Severity: Blocking, MinScore: &eighty},
			{Kind: Soak, Severity: Blocking, SourceEnvironment: "acme-stg", Duration: Duration(72 * time.Hour)},
			{Kind: ChangeWindow, Severity: Blocking, Cron: "0 14 * * 2,4", Duration: Duration(2 * time.Hour)},
		},
	}
	if diff := cmp.Diff(want, p.Spec); diff != "" || p.Name != "acme-prod-policy" {
		t.Fatal(p.Name, diff)
	}
}

func TestWhatTheAPIServerGivesIsRead(t *testing.T) {
	doc := `{"apiVersion":"catalyst.openova.io/v1alpha1","kind":"EnvironmentPolicy",
	 "metadata":{"name":"p","uid":"1","creationTimestamp":null,"managedFields":[{"x":{}}]},
	 "spec":{"appliesTo":{"envTypes":["prod"]},"rules":[{"kind":"max-parallel","max":3}]},"status":{"conditions":[]}}`
	if p := mustParse(t, doc); *p.Spec.Rules[0].Max != 3 {
		t.Fatal(p.Spec)
	}
}

// What was read is read again from its own JSON, unchanged: the API can show a policy and nothing of it is lost.
func TestASpecSurvivesJSON(t *testing.T) {
	for _, example := range examples(t) {
		p := mustParse(t, example.doc)
		spec, err := json.Marshal(p.Spec)
		if err != nil {
			t.Fatal(err)
		}
		again := mustParse(t, `{"apiVersion":"`+APIVersion+`","kind":"`+PolicyKind+`","metadata":{"name":"`+p.Name+`"},"spec":`+string(spec)+`}`)
		if diff := cmp.Diff(p.Spec, again.Spec); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestWhatIsWrongIsSaidByFieldAndLine(t *testing.T) {
	for reason, c := range map[string]struct{ doc, want string }{
		"an unknown field":       {withRules("p", "  - kind: soak\n    sourceEnvironment: a\n    duration: 1h\n    hours: 3\n"), "line 10: /spec/rules/0/hours is not a field of soak; there are: duration, except, kind, name, severity, sourceEnvType, sourceEnvironment"},
		"a field of another":     {withRules("p", "  - kind: max-parallel\n    max: 1\n    cron: x\n"), "line 9: /spec/rules/0/cron is not a field of max-parallel"},
		"an unknown kind":        {withRules("p", "  - kind: soaks\n"), "line 7: /spec/rules/0/kind must be pr-required, soak,"},
		"no duration":            {withRules("p", "  - kind: soak\n    sourceEnvironment: a\n"), "line 7: /spec/rules/0/duration is required by soak"},
		"a duration of nothing":  {withRules("p", "  - kind: soak\n    sourceEnvironment: a\n    duration: 0h\n"), "line 9: /spec/rules/0/duration must be longer than nothing"},
		"a number of hours":      {withRules("p", "  - kind: soak\n    sourceEnvironment: a\n    duration: 72\n"), "/spec/rules/0/duration must be a duration such as 90m"},
		"two sources":            {withRules("p", "  - kind: soak\n    sourceEnvironment: a\n    sourceEnvType: stg\n    duration: 1h\n"), "/spec/rules/0/sourceEnvironment is required by soak, or sourceEnvType"},
		"a bad cron":             {withRules("p", "  - kind: change-window\n    cron: 0 25 * * *\n    duration: 1h\n"), "line 8: /spec/rules/0/cron is not a cron expression"},
		"a cron of six fields":   {withRules("p", "  - kind: change-window\n    cron: 0 0 5 * * *\n    duration: 1h\n"), "must have five fields"},
		"a cron with a zone":     {withRules("p", "  - kind: change-window\n    cron: TZ=UTC 5 * * *\n    duration: 1h\n"), "/spec/rules/0/cron must be a cron expression of five fields"},
		"an empty entry":         {withRules("p", "  - kind: change-window\n    cron: '0 1, * * *'\n    duration: 1h\n"), "has nothing beside a comma"},
		"a day that never comes": {withRules("p", "  - kind: change-window\n    cron: 0 0 30 2 *\n    duration: 1h\n"), "never comes"},
		"a bad zone":             {withRules("p", "  - kind: change-window\n    cron: 0 0 * * *\n    duration: 1h\n    timeZone: Mars/Olympus\n"), "line 10: /spec/rules/0/timeZone is not a time zone"},
		"the machine's zone":     {withRules("p", "  - kind: change-window\n    cron: 0 0 * * *\n    duration: 1h\n    timeZone: Local\n"), "must be the name of a time zone"},
		"reserve eats it":        {withRules("p", "  - kind: change-window\n    cron: 0 0 * * *\n    duration: 1h\n    reserve: 1h\n"), "line 9: /spec/rules/0/duration must be longer than the reserve"},
		"a backward freeze":      {withRules("p", "  - kind: change-window\n    freezes:\n    - {from: 2026-12-20, until: 2026-12-19}\n"), "line 9: /spec/rules/0/freezes/0/until must be after from"},
		"nobody may approve":     {withRules("p", "  - kind: pr-required\n"), "/spec/rules/0/approvers is required"},
		"a bad number":           {withRules("p", "  - kind: re-score-gate\n    minScore: 101\n"), "/spec/rules/0/minScore must be a whole number from 0 to 100"},
		"two of a name":          {withRules("p", "  - {kind: signature, name: a}\n  - {kind: signature, name: a}\n"), "line 8: /spec/rules/1/name must be a name that no other rule has"},
		"twice the same key":     {withRules("p", "  - kind: soak\n    kind: soak\n"), `line 8: the key "kind" is there twice`},
		"an alias":               {withRules("p", "  - &a {kind: signature}\n  - *a\n"), "anchors, aliases and merge keys"},
		"no rules":               {strings.Split(architecture, "  rules:")[0], "/spec/rules is required"},
		"bound to nothing":       {strings.Replace(architecture, "    environments: [acme-prod]\n", "", 1), "/spec/appliesTo must be a mapping"},
		"not YAML":               {"a: [", "is not YAML"},
		"nothing":                {"", "the document is empty"},
		"two documents":          {architecture + "---\n" + architecture, "more than one YAML document"},
		"another kind":           {strings.Replace(architecture, "kind: EnvironmentPolicy", "kind: Policy", 1), "/kind must be EnvironmentPolicy"},
		"a role for everyone":    {architecture + "  breakGlass: {}\n", "/spec/breakGlass/roles is required"},
	} {
		p, err := Parse([]byte(c.doc))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", reason, err, c.want)
		}
		// And what could not be read stays closed for the promotion that it was meant for, and names what is wrong.
		d := Evaluate([]Policy{p}, fine(), noon)
		if d.Allowed || !strings.Contains(reasons(d, Broken), strings.TrimPrefix(c.want, "line 8: the")) {
			t.Errorf("%s: allowed %v: %s", reason, d.Allowed, reasons(d, Broken))
		}
	}
}

// A rule that is wrong closes its own gate and leaves the others as they are.
func TestAWrongRuleLeavesTheOthersInForce(t *testing.T) {
	p, err := Parse([]byte(withRules("p", "  - {kind: re-score-gate, minScore: 80}\n  - {kind: soak, severity: audit, duration: 1x}\n")))
	if err == nil {
		t.Fatal("read")
	}
	d := Evaluate([]Policy{p}, fine(), noon)
	if d.Allowed || len(d.Gates) != 2 || d.Gates[0].State != Open || d.Gates[1].State != Broken || d.Gates[1].ID != "p/soak" || d.Gates[1].Severity != Blocking {
		t.Fatalf("%+v", d)
	}
}

func TestAPolicyThatIsNotThereStaysClosed(t *testing.T) {
	prod := AppliesTo{Environments: []string{"acme-prod"}}
	for reason, p := range map[string]Policy{
		"unavailable":        Unavailable("prod", prod, "system/catalyst-config cannot be read"),
		"never parsed":       {Name: "prod", Spec: Spec{AppliesTo: prod, Rules: []Rule{{Kind: Signature}}}},
		"nothing at all":     {},
		"nothing, but named": {Name: "prod", Spec: Spec{AppliesTo: prod}},
	} {
		if d := Evaluate([]Policy{p}, fine(), noon); d.Allowed || d.Gates[0].State != Broken {
			t.Errorf("%s: %+v", reason, d)
		}
		other := fine()
		other.Environment = "acme-dev"
		if d := Evaluate([]Policy{p}, other, noon); reason == "unavailable" && !d.Allowed {
			t.Errorf("%s: binds another Environment: %+v", reason, d)
		}
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{"72h": 72 * time.Hour, "90m": 90 * time.Minute, "1d12h": 36 * time.Hour, "2w": 336 * time.Hour, "1h30m15s": 5415 * time.Second} {
		d, err := ParseDuration(s)
		if err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v %v", s, d, err)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s reads as %v, %v", d, again, err)
		}
	}
	for _, s := range []string{"", "h", "1", "-1h", "1h1d", "1.5h", "1h ", "99999999999999999999h", "400d", "365d72h", "1H", "٣h"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("%q is read as %s", s, d)
		}
	}
}

// Whatever is read, it ends without a panic, errors are our own, and what was refused is closed.
func FuzzParse(f *testing.F) {
	f.Add([]byte(architecture))
	f.Add([]byte(withRules("p", "  - {kind: change-window, windows: [{cron: '0 14 * * TUE#1', duration: 2h}], freezes: [{from: 2026-12-20, until: 2027-01-03}, {cron: '0 0 L * *', duration: 1d}], timeZone: Asia/Kathmandu}\n")))
	f.Add([]byte(withRules("p", "  - {kind: pr-required, minApprovalsByTeam: {a: 2}}\n  - {kind: soak, duration: 1h\n")))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {a: b}\n: !!set {x}"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Parse(doc)
		facts := fine()
		if a := p.Spec.AppliesTo; len(a.Environments)+len(a.EnvTypes)+len(a.Organizations)+len(a.Applications) > 0 {
			for list, field := range map[*[]string]*string{&a.Environments: &facts.Environment, &a.EnvTypes: &facts.EnvType, &a.Organizations: &facts.Organization, &a.Applications: &facts.Application} {
				if len(*list) > 0 {
					*field = (*list)[0]
				}
			}
		}
		d := Evaluate([]Policy{p}, facts, noon)
		if err == nil {
			if len(d.Gates) != len(p.Spec.Rules) || strings.Contains(reasons(d, Broken), "rule cannot be read") {
				t.Fatalf("read, and then: %+v", d)
			}
			return
		}
		var own *InvalidError
		if !errors.As(err, &own) || len(own.Fields) == 0 {
			t.Fatalf("not our error: %v", err)
		}
		if d.Allowed || reasons(d, Broken) == "" {
			t.Fatalf("refused with %v, and yet: %+v", err, d)
		}
	})
}
