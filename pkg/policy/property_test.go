package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world draws facts and policies out of so few people, commits and hours that they meet each other.
type world struct {
	t    *rapid.T
	base time.Time
}

var commits = []string{head, "c0ffee", "decade"}

func (w world) pick(what string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.t, what)
}

// instant near the base, on a half hour as often as not.
func (w world) instant(what string) time.Time {
	at := w.base.Add(time.Duration(rapid.IntRange(-400, 400).Draw(w.t, what)) * 30 * time.Minute)
	if rapid.IntRange(0, 3).Draw(w.t, "odd") == 0 {
		at = at.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Minute)).Draw(w.t, "by")))
	}
	return at
}

func (w world) approval(id int64) Approval {
	return Approval{
		ID: id, Reviewer: w.pick("reviewer", "ada", "lin", "noor", "max"), Teams: []string{w.pick("team", "team-a", "team-b", "none")},
		Commit: w.pick("commit", commits...), State: ReviewState(w.pick("says", "approved", "approved", "changes-requested", "commented")),
		Dismissed: rapid.IntRange(0, 3).Draw(w.t, "dismissed") == 0, At: w.instant("at"),
	}
}

func (w world) interval() Interval {
	i := Interval{
		Environment: w.pick("in", "acme-stg", "acme-stg", "acme-dev"), Commit: w.pick("commit", head, head, "c0ffee"),
		Health: Health(w.pick("health", "healthy", "healthy", "healthy", "unhealthy", "unknown")), From: w.instant("from"),
	}
	if rapid.Bool().Draw(w.t, "over") {
		i.Until = i.From.Add(time.Duration(rapid.IntRange(0, 300).Draw(w.t, "for")) * 30 * time.Minute)
	}
	return i
}

func (w world) span(what string) Span {
	s := Span{Name: what, From: w.instant("from")}
	if rapid.IntRange(0, 5).Draw(w.t, "over") > 0 {
		s.Until = s.From.Add(time.Duration(rapid.IntRange(-2, 100).Draw(w.t, "for")) * 30 * time.Minute)
	}
	return s
}

func (w world) grant(id string) Grant {
	at := w.instant("at")
	return Grant{
		ID: id, By: "sam", Role: w.pick("role", "security-officer", "org-admin"), Commit: w.pick("commit", head, head, "c0ffee"), Reason: "INC",
		Ticket: w.pick("ticket", "T-1", "T-1", ""), At: at, Until: at.Add(time.Duration(rapid.IntRange(-1, 12).Draw(w.t, "for")) * 30 * time.Minute),
	}
}

func some[T any](w world, what string, most int, draw func(i int) T) []T {
	var out []T
	for i := range rapid.IntRange(0, most).Draw(w.t, what) {
		out = append(out, draw(i))
	}
	return out
}

func (w world) facts() Facts {
	f := fine()
	f.Approvals = some(w, "approvals", 5, func(i int) Approval { return w.approval(int64(i % 4)) })
	f.History = some(w, "history", 4, func(int) Interval { return w.interval() })
	f.Scores = some(w, "scores", 2, func(int) Score {
		return Score{Commit: w.pick("commit", head, "c0ffee"), Environment: "acme-prod", Value: rapid.IntRange(60, 101).Draw(w.t, "value"), At: w.instant("at")}
	})
	f.Checks = some(w, "checks", 3, func(i int) Check {
		return Check{ID: int64(i / 2), Name: w.pick("check", "a", "b"), Commit: w.pick("commit", head, "c0ffee"), State: CheckState(w.pick("state", "success", "success", "pending", "failure", "?"))}
	})
	f.Running = some(w, "running", 3, func(i int) Running { return Running{ID: fmt.Sprint(i), Environment: "acme-prod"} })
	f.Dependencies = some(w, "dependencies", 2, func(i int) Dependency {
		return Dependency{Application: fmt.Sprint(i), State: DependencyState(w.pick("state", "in-place", "in-place", "promoting", "absent"))}
	})
	f.Freezes = some(w, "freezes", 1, func(i int) Span { return w.span(fmt.Sprint(i)) })
	f.Grants = some(w, "grants", 3, func(i int) Grant { return w.grant(fmt.Sprint(i)) })
	f.LastPusher = w.pick("pusher", "noor", "noor", "ada", "")
	f.Change = Change(w.pick("change", "", "", "rollback"))
	if rapid.IntRange(0, 9).Draw(w.t, "missing") == 0 {
		f.Unavailable = map[Kind]string{rapid.SampledFrom(Kinds).Draw(w.t, "which"): "no answer"}
	}
	return f
}

var everyZone []*time.Location

func (w world) window() string {
	return fmt.Sprintf("{cron: '%s %s %s * %s', duration: %dm}", w.pick("minute", "0", "30", "*/20"), w.pick("hour", "*", "2", "1-3", "14", "23"),
		w.pick("day", "*", "*", "1", "25-31", "L"), w.pick("weekday", "*", "*", "2,4", "SUN", "TUE#1"), rapid.SampledFrom([]int{15, 20, 30, 90, 600, 3000}).Draw(w.t, "length"))
}

func (w world) rule() string {
	severity := w.pick("severity", "blocking", "blocking", "warning", "audit")
	tail := ", severity: " + severity
	if rapid.IntRange(0, 5).Draw(w.t, "except") == 0 {
		tail += ", except: [rollback]"
	}
	list := func(what string, most int, one func() string) string {
		return "[" + strings.Join(some(w, what, most, func(int) string { return one() }), ", ") + "]"
	}
	switch Kind(w.pick("kind", "pr-required", "soak", "soak", "change-window", "change-window", "change-window", "re-score-gate", "required-checks", "dependency-order", "max-parallel")) {
	case PRRequired:
		return fmt.Sprintf("{kind: pr-required, approvers: [team-a, team-b], minApprovals: %d%s}", rapid.IntRange(0, 2).Draw(w.t, "least"), tail)
	case Soak:
		return fmt.Sprintf("{kind: soak, sourceEnvironment: acme-stg, duration: %s%s}", w.pick("duration", "30m", "6h", "3d"), tail)
	case ScoreGate:
		return fmt.Sprintf("{kind: re-score-gate, minScore: %d, maxAge: %s%s}", rapid.IntRange(60, 100).Draw(w.t, "least"), w.pick("age", "1h", "3d"), tail)
	case RequiredChecks:
		return "{kind: required-checks, checks: [" + w.pick("checks", "a", "b", "a, b") + "]" + tail + "}"
	case DependencyOrder:
		return "{kind: dependency-order" + tail + "}"
	case MaxParallel:
		return fmt.Sprintf("{kind: max-parallel, max: %d%s}", rapid.IntRange(1, 3).Draw(w.t, "most"), tail)
	}
	zone := rapid.SampledFrom(everyZone).Draw(w.t, "zone").String()
	if rapid.Bool().Draw(w.t, "summer") {
		zone = w.pick("well known", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago")
	}
	windows, freezes := list("windows", 2, w.window), list("freezes", 2, func() string {
		if rapid.Bool().Draw(w.t, "again") {
			return w.window()
		}
		s := w.span("freeze")
		if s.Until.IsZero() || !s.Until.Truncate(time.Second).After(s.From.Truncate(time.Second)) {
			return fmt.Sprintf("{from: '%s'}", s.From.Format(time.RFC3339))
		}
		return fmt.Sprintf("{from: '%s', until: '%s'}", s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	})
	out := "{kind: change-window, timeZone: " + zone
	if windows == "[]" && freezes == "[]" {
		windows = "[" + w.window() + "]"
	}
	if windows != "[]" {
		out += ", windows: " + windows
	}
	if freezes != "[]" {
		out += ", freezes: " + freezes
	}
	return out + tail + "}"
}

func (w world) policy(name string) Policy {
	rules := "  - " + w.rule() + "\n" + strings.Join(some(w, "more rules", 2, func(int) string { return "  - " + w.rule() + "\n" }), "")
	doc := withRules(name, rules)
	if rapid.Bool().Draw(w.t, "glass") {
		doc += "  breakGlass: {roles: [security-officer], opens: [change-window, freeze, " + w.pick("opens", "soak", "pr-required", "re-score-gate") + "], maxDuration: 3h}\n"
	}
	p, err := Parse([]byte(doc))
	if err != nil {
		w.t.Fatalf("%v in\n%s", err, doc)
	}
	return p
}

// draw a world: a base somewhere in thirty years, at a change of a clock as often as not.
func draw(t *rapid.T) (w world, policies []Policy, facts Facts, now time.Time) {
	w = world{t: t, base: time.Unix(int64(rapid.IntRange(1_000_000_000, 2_000_000_000).Draw(t, "base"))/1800*1800, 0).UTC()}
	if zone := rapid.SampledFrom(everyZone).Draw(t, "near"); rapid.Bool().Draw(t, "at a change of the clock") {
		_, end, _ := period(w.base, zone)
		if !end.IsZero() {
			w.base = end.UTC()
		}
	}
	policies = some(w, "policies", 2, func(i int) Policy { return w.policy(fmt.Sprint("p", i)) })
	policies = append(policies, w.policy("last"))
	return w, policies, w.facts(), w.instant("now")
}

func states(d Decision) string {
	var out []string
	for _, g := range d.Gates {
		out = append(out, g.ID+" "+string(g.State))
	}
	return strings.Join(out, ", ")
}

func encoded(t *rapid.T, v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A gate that says when it opens opens at that instant and not before, one that says when it closes closes then, and no
// gate changes before NextLook.
func TestGatesKeepTheirWord(t *testing.T) {
	everyZone = zones(t)
	rapid.Check(t, func(t *rapid.T) {
		w, policies, facts, now := draw(t)
		d := Evaluate(policies, facts, now)
		look := d.NextLook
		if !look.IsZero() && !look.After(now) {
			t.Fatalf("at %s the next look is %s", now, look)
		}
		at := func(when time.Time, i int) Gate { return Evaluate(policies, facts, when).Gates[i] }
		for i, g := range d.Gates {
			if (g.State == Open && !g.OpensAt.IsZero()) || (g.State != Open && !g.ClosesAt.IsZero()) {
				t.Fatalf("%+v", g)
			}
			change := firstOf(g.OpensAt, g.ClosesAt)
			if change.IsZero() {
				continue
			}
			if !change.After(now) || look.After(change) {
				t.Fatalf("at %s, next look %s: %+v", now, look, g)
			}
			between := []time.Time{change.Add(-1), now.Add(change.Sub(now) / 2), w.instant("between")}
			for _, when := range between {
				if when.After(now) && when.Before(change) && (at(when, i).State == Open) != (g.State == Open) {
					t.Fatalf("now %s, said %s; at %s: %+v", now, change, when, at(when, i))
				}
			}
			if then := at(change, i); (then.State == Open) == (g.State == Open) {
				t.Fatalf("now %s: %+v\nat %s: %+v", now, g, change, then)
			}
		}
		for range 8 {
			span := 9 * 365 * 24 * time.Hour
			if !look.IsZero() {
				span = look.Sub(now)
			}
			when := now.Add(time.Duration(rapid.Int64Range(0, int64(span)-1).Draw(t, "before the look")))
			if then := Evaluate(policies, facts, when); states(then) != states(d) {
				t.Fatalf("now %s, next look %s, %s; at %s: %s", now, look, states(d), when, states(then))
			}
		}
	})
}

// The decision is a function of the sets of policies and facts and of now, and changes none of them. Together, policies
// allow exactly what each of them allows.
func TestPoliciesCombine(t *testing.T) {
	everyZone = zones(t)
	rapid.Check(t, func(t *rapid.T) {
		_, policies, facts, now := draw(t)
		before := encoded(t, facts)
		d := Evaluate(policies, facts, now)
		if encoded(t, facts) != before {
			t.Fatalf("the facts were changed:\n%s\n%s", before, encoded(t, facts))
		}
		mixed := facts
		mixed.Approvals = rapid.Permutation(facts.Approvals).Draw(t, "approvals mixed")
		mixed.History = rapid.Permutation(facts.History).Draw(t, "history mixed")
		mixed.Scores = rapid.Permutation(facts.Scores).Draw(t, "scores mixed")
		mixed.Checks = rapid.Permutation(facts.Checks).Draw(t, "checks mixed")
		mixed.Grants = rapid.Permutation(facts.Grants).Draw(t, "grants mixed")
		again := Evaluate(rapid.Permutation(policies).Draw(t, "policies mixed"), mixed, now.In(time.FixedZone("", 3600)))
		if encoded(t, again) != encoded(t, d) {
			t.Fatalf("%s\n%s", encoded(t, d), encoded(t, again))
		}
		all := true
		for _, p := range policies {
			all = all && Evaluate([]Policy{p}, facts, now).Allowed
		}
		if d.Allowed != all {
			t.Fatalf("together %v, each %v: %s", d.Allowed, all, states(d))
		}
	})
}

// A fact in favour never closes a gate.
func TestMoreInFavourNeverCloses(t *testing.T) {
	everyZone = zones(t)
	rapid.Check(t, func(t *rapid.T) {
		w, policies, facts, now := draw(t)
		d := Evaluate(policies, facts, now)
		more := facts
		what := w.pick("in favour", "approval", "dismissed objection", "success", "grant", "signature", "less running", "no freeze", "dependency", "longer healthy")
		switch what {
		case "approval":
			a := w.approval(w.newest(facts))
			a.State, a.Dismissed = Approved, false
			more.Approvals = append(slices.Clone(facts.Approvals), a)
		case "dismissed objection":
			more.Approvals = slices.Clone(facts.Approvals)
			for i := range more.Approvals {
				if more.Approvals[i].State == ChangesRequested {
					more.Approvals[i].Dismissed = true
				}
			}
		case "success":
			more.Checks = append(slices.Clone(facts.Checks), Check{ID: 9, Name: "a", Commit: head, State: CheckSuccess})
		case "grant":
			more.Grants = append(slices.Clone(facts.Grants), w.grant("more"))
		case "signature":
			more.Signatures = append(slices.Clone(facts.Signatures), Signed{Commit: head, Verified: true})
		case "less running":
			more.Running = nil
		case "no freeze":
			more.Freezes = nil
		case "dependency":
			more.Dependencies = slices.Clone(facts.Dependencies)
			for i := range more.Dependencies {
				more.Dependencies[i].State = InPlace
			}
		case "longer healthy":
			i := w.interval()
			i.Commit, i.Health, i.Environment = head, Healthy, "acme-stg"
			more.History = append(slices.Clone(facts.History), i)
		}
		then := map[string]State{}
		for _, g := range Evaluate(policies, more, now).Gates {
			then[g.ID] = g.State
		}
		for _, g := range d.Gates {
			if state, there := then[g.ID]; g.State == Open && there && state != Open {
				t.Fatalf("%s closes %s:\n%+v\n%+v", what, g.ID, g, Evaluate(policies, more, now))
			}
		}
	})
}

func (w world) newest(f Facts) int64 {
	id := int64(1)
	for _, a := range f.Approvals {
		id = max(id, a.ID+1)
	}
	return id
}

// Whatever the facts and the clock are, it ends without a panic.
func TestEvaluateIsTotal(t *testing.T) {
	everyZone = zones(t)
	rapid.Check(t, func(t *rapid.T) {
		_, policies, facts, _ := draw(t)
		wild := func(what string) time.Time {
			return time.Unix(rapid.Int64().Draw(t, what), rapid.Int64Range(0, 1e9).Draw(t, what))
		}
		for i := range facts.History {
			facts.History[i].From, facts.History[i].Until = wild("from"), wild("until")
		}
		for i := range facts.Grants {
			facts.Grants[i].At, facts.Grants[i].Until = wild("at"), wild("until")
		}
		for i := range facts.Scores {
			facts.Scores[i].At = wild("at")
		}
		for i := range facts.Freezes {
			facts.Freezes[i].From, facts.Freezes[i].Until = wild("from"), wild("until")
		}
		now := rapid.SampledFrom([]time.Time{wild("now"), {}, time.Unix(0, 0), time.Date(8999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2028, 12, 31, 12, 0, 0, 0, time.UTC)}).Draw(t, "when")
		Evaluate(policies, facts, now)
		Evaluate(policies, Facts{Head: head, Environment: "acme-prod"}, now)
	})
}
