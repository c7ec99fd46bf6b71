package policy

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // a Tuesday

const head = "4f2c91d07a55e3aa90b1b6a52d1c0e8877665544"

// fine are the facts of a promotion that nothing stands against, but perhaps the time.
func fine() Facts {
	return Facts{
		ID: "shop-17", Application: "shop", Organization: "acme", Environment: "acme-prod", EnvType: "prod",
		PullRequest: 17, Head: head, Tree: "tree", Author: "noor", LastPusher: "noor",
		Approvals: []Approval{
			{ID: 1, Reviewer: "ada", Teams: []string{"team-platform"}, Commit: head, State: Approved, At: noon.Add(-3 * time.Hour)},
			{ID: 2, Reviewer: "lin", Teams: []string{"team-security"}, Commit: head, State: Approved, At: noon.Add(-2 * time.Hour)},
		},
		History:    []Interval{{Environment: "acme-stg", Commit: head, Tree: "tree", Health: Healthy, From: noon.AddDate(0, 0, -9)}},
		Scores:     []Score{{Commit: head, Environment: "acme-prod", Value: 91, At: noon.Add(-time.Hour)}},
		Checks:     []Check{{ID: 1, Name: "ci/build", Commit: head, State: CheckSuccess, By: "ci-bot", At: noon.Add(-time.Hour)}},
		Signatures: []Signed{{Commit: head, Signer: "noor@acme.example", Verified: true}},
	}
}

func reasons(d Decision, state State) string {
	var out []string
	for _, g := range d.Gates {
		if g.State == state {
			out = append(out, g.Reason)
		}
	}
	return strings.Join(out, "\n")
}

// with changes the facts that are fine.
func with(change func(f *Facts)) Facts {
	f := fine()
	change(&f)
	return f
}

func review1(id int64, who string, state ReviewState, commit string, teams ...string) Approval {
	return Approval{ID: id, Reviewer: who, Teams: teams, Commit: commit, State: state, At: noon.Add(time.Duration(id) * time.Minute)}
}

const twoTeams = "  - {kind: pr-required, approvers: [team-platform, team-security], minApprovals: 2}\n"

// Each rule, case by case: what it says, in which words, and what it needs.
func TestEachRule(t *testing.T) {
	approvals := func(a ...Approval) Facts { return with(func(f *Facts) { f.Approvals = a }) }
	dismissed := func(a Approval) Approval { a.Dismissed = true; return a }
	ada := review1(1, "ada", Approved, head, "team-platform")
	lin := review1(2, "lin", Approved, head, "team-security")
	history := func(h ...Interval) Facts { return with(func(f *Facts) { f.History = h }) }
	stg := func(commit string, health Health, from, until int) Interval {
		i := Interval{Environment: "acme-stg", Commit: commit, Health: health, From: noon.Add(time.Duration(from) * time.Hour)}
		if until != 0 {
			i.Until = noon.Add(time.Duration(until) * time.Hour)
		}
		return i
	}
	check := func(id int64, state CheckState, by, commit string) Check {
		return Check{ID: id, Name: "ci/build", Commit: commit, State: state, By: by}
	}
	checks := func(c ...Check) Facts { return with(func(f *Facts) { f.Checks = c }) }
	scores := func(s ...Score) Facts {
		return with(func(f *Facts) { f.Scores, f.ScoreRules = s, "rules-2" })
	}
	score := func(value int, ago time.Duration) Score {
		return Score{Commit: head, Environment: "acme-prod", Rules: "rules-2", Value: value, At: noon.Add(-ago)}
	}
	const (
		soak72   = "  - {kind: soak, sourceEnvironment: acme-stg, duration: 72h}\n"
		ciBuild  = "  - {kind: required-checks, checks: [ci/build], reporters: [ci-bot]}\n"
		gate80   = "  - {kind: re-score-gate, minScore: 80, maxAge: 24h}\n"
		signed   = "  - {kind: signature, signers: [noor@acme.example]}\n"
		ordered  = "  - {kind: dependency-order}\n"
		parallel = "  - {kind: max-parallel, max: 2}\n"
	)
	for _, c := range []struct {
		reason, rule string
		facts        Facts
		state        State
		words, needs string
	}{
		{"two of two", twoTeams, approvals(ada, lin), Open, "Approved by two of two.", ""},
		{"one of two", twoTeams, approvals(ada), Closed, "Has one of two approvals of 4f2c91d07a.", "one more of team-platform or team-security"},
		{"the author", twoTeams, approvals(ada, review1(3, "Noor", Approved, head, "team-security")), Closed, "Noor wrote or pushed the change and cannot approve it", "one more"},
		{"the last pusher", twoTeams, with(func(f *Facts) { f.LastPusher = "lin" }), Closed, "lin wrote or pushed the change", "one more"},
		{"a second account in no team", twoTeams, approvals(ada, review1(3, "noor2", Approved, head)), Closed, "Has one of two", "one more"},
		{"approved, then pushed", twoTeams, approvals(ada, review1(2, "lin", Approved, "0ld", "team-security")), Closed, "lin approved 0ld, which is not the head", "one more"},
		{"dismissed", twoTeams, approvals(ada, dismissed(lin)), Closed, "Has one of two", "one more"},
		{"twice the same person", twoTeams, approvals(ada, review1(5, "ADA", Approved, head, "team-platform")), Closed, "Has one of two", "one more"},
		{"an objection", twoTeams, approvals(ada, lin, review1(3, "max", ChangesRequested, "0ld", "team-security")), Closed, "Changes were requested by max.", "the objection of max resolved"},
		{"an objection that was dismissed", twoTeams, approvals(ada, lin, dismissed(review1(3, "max", ChangesRequested, head, "team-security"))), Open, "Approved by two", ""},
		{"an objection of a stranger", twoTeams, approvals(ada, lin, review1(3, "eve", ChangesRequested, head)), Open, "Approved by two", ""},
		{"taken back", twoTeams, approvals(ada, lin, review1(3, "lin", ChangesRequested, head, "team-security")), Closed, "Changes were requested by lin.", "one more"},
		{"taken back, and the objection dismissed", twoTeams, approvals(ada, lin, dismissed(review1(3, "lin", ChangesRequested, head, "team-security"))), Closed, "Has one of two", "one more"},
		{"convinced", twoTeams, approvals(ada, review1(1, "lin", ChangesRequested, head, "team-security"), lin), Open, "Approved by two", ""},
		{"no pull request", twoTeams, with(func(f *Facts) { f.PullRequest = 0 }), Closed, "There is no pull request", "a pull request"},
		{"nobody knows who wrote it", twoTeams, with(func(f *Facts) { f.Author = "" }), Broken, "not known who asked for the change", ""},
		{"two more of one team", "  - {kind: pr-required, approvers: [team-platform], minApprovals: 1, minApprovalsByTeam: {team-security: 2}}\n", approvals(ada), Closed, "Has one of one", "two more of team-security"},

		{"a full soak", soak72, history(stg(head, Healthy, -72, 0)), Open, "has been healthy in acme-stg since Sat 21 Nov 2026 12:00 UTC; 3d were full Tue 24 Nov 2026 12:00 UTC", ""},
		{"a running soak", soak72, history(stg(head, Healthy, -71, 0)), Pending, "3d are full Tue 24 Nov 2026 13:00 UTC", ""},
		{"a soak that was full long ago", soak72, history(stg(head, Healthy, -200, -100), stg("newer", Healthy, -100, 0)), Open, "was healthy in acme-stg from", ""},
		{"unhealthy since", soak72, history(stg(head, Healthy, -200, -100), stg(head, Unhealthy, -100, -99), stg(head, Healthy, -99, -50), stg("newer", Healthy, -50, 0)), Closed, "acme-stg runs newer since", "4f2c91d07a healthy in acme-stg for 3d"},
		{"unhealthy now", soak72, history(stg(head, Healthy, -200, -1), stg(head, Unhealthy, -1, 0)), Closed, "is unhealthy in acme-stg since", "healthy in acme-stg"},
		{"a blip", soak72, history(stg(head, Healthy, -80, 0), stg(head, Unhealthy, -70, -70)), Pending, "3d are full Tue 24 Nov 2026 14:00", ""},
		{"not seen for an hour", soak72, history(stg(head, Healthy, -80, -40), stg(head, Unknown, -40, -39), stg(head, Healthy, -39, 0)), Pending, "Wed 25 Nov 2026 21:00", ""},
		{"another commit in between", soak72, history(stg(head, Healthy, -80, -40), stg("other", Healthy, -40, -39), stg(head, Healthy, -39, 0)), Pending, "Wed 25 Nov 2026 21:00", ""},
		{"the tree under another commit", soak72, history(Interval{Environment: "acme-stg", Commit: "merge", Tree: "tree", Health: Healthy, From: noon.AddDate(0, 0, -4)}), Open, "has been healthy", ""},
		{"another Environment", soak72, history(Interval{Environment: "acme-dev", Commit: head, Health: Healthy, From: noon.AddDate(0, 0, -4)}), Closed, "has not run in acme-stg", "healthy in acme-stg"},
		{"the next commit", soak72, history(stg("older", Healthy, -200, 0)), Closed, "acme-stg runs older since", "healthy"},

		{"enough", gate80, scores(score(80, time.Hour)), Open, "scores 80 of at least 80", ""},
		{"too little", gate80, scores(score(75, time.Hour)), Closed, "scores 75 of at least 80", "5 more points"},
		{"the newest counts", gate80, scores(score(99, 2*time.Hour), score(75, time.Hour)), Closed, "scores 75", "5 more points"},
		{"none", gate80, scores(), Pending, "There is no score of 4f2c91d07a", ""},
		{"of another commit", gate80, scores(Score{Commit: "other", Environment: "acme-prod", Value: 99, At: noon}), Pending, "There is no score", ""},
		{"of another Environment", gate80, scores(Score{Commit: head, Environment: "acme-stg", Value: 99, At: noon}), Pending, "There is no score", ""},
		{"by rules of yesterday", gate80, scores(Score{Commit: head, Environment: "acme-prod", Rules: "rules-1", Value: 99, At: noon}), Pending, "no longer in force", "a new score"},
		{"stale", gate80, scores(score(99, 24*time.Hour)), Pending, "older than 1d", "a new score"},
		{"impossible", gate80, scores(score(101, time.Hour)), Broken, "a score is 0 to 100", ""},

		{"passed", ciBuild, checks(check(1, CheckSuccess, "ci-bot", head)), Open, "On 4f2c91d07a ci/build succeeded.", ""},
		{"failed", ciBuild, checks(check(1, CheckSuccess, "ci-bot", head), check(2, CheckFailure, "ci-bot", head)), Closed, "On 4f2c91d07a ci/build failed.", "ci/build successful on 4f2c91d07a"},
		{"repeated", ciBuild, checks(check(2, CheckSuccess, "ci-bot", head), check(1, CheckFailure, "ci-bot", head)), Open, "succeeded", ""},
		{"runs", ciBuild, checks(check(1, CheckPending, "ci-bot", head)), Pending, "still running", ""},
		{"silent", ciBuild, checks(), Closed, "did not report", "ci/build successful"},
		{"of another commit", ciBuild, checks(check(1, CheckSuccess, "ci-bot", "other")), Closed, "did not report", "ci/build"},
		{"forged", ciBuild, checks(check(1, CheckSuccess, "mallory", head)), Closed, "did not report", "ci/build"},
		{"a state nobody knows", ciBuild, checks(check(1, "excellent", "ci-bot", head)), Closed, "failed", "ci/build"},

		{"signed", signed, fine(), Open, "4f2c91d07a is signed by noor@acme.example.", ""},
		{"unsigned", signed, with(func(f *Facts) { f.Signatures = nil }), Closed, "is not signed", "a commit signed by noor@acme.example"},
		{"signed, but another commit", signed, with(func(f *Facts) { f.Signatures[0].Commit = "other" }), Closed, "is not signed", "a commit signed by"},
		{"forged", signed, with(func(f *Facts) { f.Signatures[0].Verified = false }), Closed, "does not verify", "a commit signed by"},
		{"by a stranger", signed, with(func(f *Facts) { f.Signatures[0].Signer = "eve" }), Closed, "4f2c91d07a is signed by eve, who is none of the signers.", "a commit signed by"},

		{"needs nothing", ordered, fine(), Open, "Everything that it needs is in acme-prod", ""},
		{"the database comes first", ordered, with(func(f *Facts) { f.Dependencies = []Dependency{{Application: "db", State: Promoting}} }), Pending, "db is on its way", ""},
		{"the database is not there", ordered, with(func(f *Facts) {
			f.Dependencies = []Dependency{{Application: "db", State: Absent}, {Application: "mq", State: Promoting}}
		}), Closed, "It waits for others: db is not there: it has no promotion of its own; mq is on its way.", "a promotion of db"},

		{"room", parallel, with(func(f *Facts) {
			f.Running = []Running{{"1", "a", "acme-prod"}, {"2", "b", "acme-stg"}, {"shop-17", "shop", "acme-prod"}}
		}), Open, "One of at most two", ""},
		{"no room", parallel, with(func(f *Facts) { f.Running = []Running{{"1", "a", "acme-prod"}, {"2", "b", "acme-prod"}} }), Pending, "Two of at most two promotions are settling in acme-prod: a and b.", ""},
	} {
		p := mustParse(t, withRules("p", c.rule))
		d := Evaluate([]Policy{p}, c.facts, noon)
		g := d.Gates[0]
		needs := strings.Join(g.Needs, "; ")
		if g.State != c.state || !strings.Contains(g.Reason, c.words) || !strings.Contains(needs, c.needs) || (c.needs == "") != (needs == "") {
			t.Errorf("%s, %s: %s, %q, needs %q", g.Kind, c.reason, g.State, g.Reason, needs)
		}
		if d.Allowed != (c.state == Open) {
			t.Errorf("%s, %s: allowed is %v while %s", g.Kind, c.reason, d.Allowed, g.State)
		}
	}
}

func TestSeverity(t *testing.T) {
	f := with(func(f *Facts) { f.Signatures = nil })
	for severity, allowed := range map[Severity]bool{Blocking: false, Warning: true, Audit: true} {
		p := mustParse(t, withRules("p", "  - {kind: signature, severity: "+string(severity)+"}\n"))
		if d := Evaluate([]Policy{p}, f, noon); d.Allowed != allowed || d.Gates[0].State != Closed || d.Gates[0].Severity != severity {
			t.Errorf("%s: %+v", severity, d)
		}
	}
}

func TestARollbackMayPassFaster(t *testing.T) {
	p := mustParse(t, withRules("p", "  - {kind: soak, sourceEnvironment: acme-stg, duration: 3d, except: [rollback]}\n"))
	f := with(func(f *Facts) { f.History = nil })
	if d := Evaluate([]Policy{p}, f, noon); d.Allowed {
		t.Fatalf("%+v", d)
	}
	f.Change = Rollback
	if d := Evaluate([]Policy{p}, f, noon); !d.Allowed || d.Gates[0].Reason != "The policy lets a rollback pass here." {
		t.Fatalf("%+v", d)
	}
}

func TestTheStricterPolicyWinsVisibly(t *testing.T) {
	one := mustParse(t, withRules("one", "  - {kind: pr-required, approvers: [team-platform], minApprovals: 1}\n  - {kind: soak, sourceEnvironment: acme-stg, duration: 1d}\n"))
	three := mustParse(t, withRules("three", "  - {kind: pr-required, approvers: [team-platform, team-security], minApprovals: 3}\n  - {kind: soak, sourceEnvironment: acme-stg, duration: 10d}\n"))
	d := Evaluate([]Policy{three, one}, fine(), noon)
	got := map[string]string{}
	for _, g := range d.Gates {
		got[g.ID+" "+string(g.State)] = g.Stricter
	}
	want := map[string]string{"one/pr-required open": "three/pr-required", "one/soak open": "three/soak", "three/pr-required closed": "", "three/soak pending": ""}
	for id, stricter := range want {
		if by, ok := got[id]; !ok || by != stricter {
			t.Errorf("%s: %q, in %v", id, by, got)
		}
	}
	if d.Allowed {
		t.Error("allowed")
	}
}

func TestBreakGlass(t *testing.T) {
	p := mustParse(t, withRules("p", "  - {kind: change-window, cron: 0 14 * * 4, duration: 2h}\n"+twoTeams)+"  breakGlass: {roles: [security-officer], maxDuration: 2h}\n")
	grant := Grant{ID: "g1", By: "sam", Role: "security-officer", Commit: head, Reason: "CVE-2026-1 is used against us.", Ticket: "INC-7", At: noon.Add(-time.Hour), Until: noon.Add(9 * time.Hour)}
	try := func(change func(g *Grant, f *Facts)) Decision {
		g, f := grant, fine()
		change(&g, &f)
		f.Grants = append(f.Grants, g)
		return Evaluate([]Policy{p}, f, noon)
	}
	d := try(func(*Grant, *Facts) {})
	g := d.Gates[0]
	if !d.Allowed || g.State != Open || g.Without != Pending || g.Grant.By != "sam" || !g.ClosesAt.Equal(noon.Add(time.Hour)) ||
		!strings.HasPrefix(g.Reason, "Opened by sam as security-officer until Tue 24 Nov 2026 13:00 UTC, ticket INC-7: CVE-2026-1 is used against us. Without that: Outside of every change window") {
		t.Fatalf("%+v", g)
	}
	for reason, change := range map[string]func(g *Grant, f *Facts){
		"another role":     func(g *Grant, _ *Facts) { g.Role = "org-admin" },
		"no reason":        func(g *Grant, _ *Facts) { g.Reason = " " },
		"no ticket":        func(g *Grant, _ *Facts) { g.Ticket = "" },
		"nobody":           func(g *Grant, _ *Facts) { g.By = "" },
		"another commit":   func(g *Grant, _ *Facts) { g.Commit = "other" },
		"over":             func(g *Grant, _ *Facts) { g.Until = noon },
		"too long ago":     func(g *Grant, _ *Facts) { g.At = noon.Add(-2 * time.Hour) },
		"not yet":          func(g *Grant, _ *Facts) { g.At = noon.Add(time.Minute) },
		"nobody approves":  func(_ *Grant, f *Facts) { f.Approvals = nil },
		"pr not available": func(_ *Grant, f *Facts) { f.Unavailable = map[Kind]string{PRRequired: "Gitea does not answer"} },
	} {
		if d := try(change); d.Allowed {
			t.Errorf("%s: %+v", reason, d)
		}
	}
}

func TestAFreezeOfTheEnvironmentHoldsWithAndWithoutPolicies(t *testing.T) {
	f := with(func(f *Facts) {
		f.Freezes = []Span{{Name: "incident", Reason: "INC-9", From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}}
	})
	p := mustParse(t, withRules("p", "  - {kind: signature, severity: audit}\n"))
	for _, policies := range [][]Policy{nil, {p}} {
		d := Evaluate(policies, f, noon)
		if d.Allowed || !d.NextLook.Equal(noon.Add(time.Hour)) || !strings.Contains(reasons(d, Pending), "Frozen (incident), because INC-9; opens Tue 24 Nov 2026 13:00 UTC.") {
			t.Errorf("%+v", d)
		}
		if d := Evaluate(policies, f, noon.Add(time.Hour)); !d.Allowed {
			t.Errorf("%+v", d)
		}
	}
}

func TestFactsThatCannotBeHadKeepTheGateClosed(t *testing.T) {
	p := mustParse(t, withRules("p", twoTeams))
	f := with(func(f *Facts) { f.Unavailable = map[Kind]string{PRRequired: "Gitea does not answer."} })
	if d := Evaluate([]Policy{p}, f, noon); d.Allowed || d.Gates[0].State != Broken || d.Gates[0].Reason != "What is needed to judge it is not known: Gitea does not answer." {
		t.Fatalf("%+v", d)
	}
	for reason, broken := range map[string]struct {
		facts Facts
		now   time.Time
	}{
		"no head":        {with(func(f *Facts) { f.Head, f.Approvals = "", nil }), noon},
		"no Environment": {with(func(f *Facts) { f.Environment = "" }), noon},
		"no clock":       {fine(), time.Time{}},
	} {
		if d := Evaluate(nil, broken.facts, broken.now); d.Allowed || d.Gates[0].State != Broken {
			t.Errorf("%s: %+v", reason, d)
		}
	}
}
