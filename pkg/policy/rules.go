package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scoreGate judges re-score-gate: the newest score of the head in the Environment, by the rules in force, is enough.
func scoreGate(rule Rule) func(*Facts, time.Time) verdict {
	least := 0
	if rule.MinScore != nil {
		least = *rule.MinScore
	}
	return func(f *Facts, now time.Time) verdict {
		var newest *Score
		for i := range f.Scores {
			s := &f.Scores[i]
			if s.Commit != f.Head || s.Environment != f.Environment {
				continue
			}
			// Of two scores of one instant the lower one counts.
			if newest == nil || s.At.After(newest.At) || s.At.Equal(newest.At) && s.Value < newest.Value {
				newest = s
			}
		}
		if newest == nil {
			return verdict{state: Pending, reason: fmt.Sprintf("There is no score of %s in %s yet.", short(f.Head), f.Environment), facts: otherScores(f)}
		}
		v := verdict{state: Open, facts: []string{fmt.Sprintf("scored %d on %s", newest.Value, clock(newest.At, nil))}}
		v.reason = fmt.Sprintf("%s scores %d of at least %d.", short(f.Head), newest.Value, least)
		switch expires := newest.At.Add(time.Duration(rule.MaxAge)); {
		case newest.Value < 0 || newest.Value > 100:
			return verdict{state: Broken, reason: fmt.Sprintf("The score %d of %s is none: a score is 0 to 100.", newest.Value, short(f.Head)), facts: v.facts}
		case f.ScoreRules != "" && newest.Rules != f.ScoreRules:
			v.state, v.reason = Pending, fmt.Sprintf("%s was scored by rules that are no longer in force.", short(f.Head))
			v.needs = []string{"a new score"}
		case newest.Value < least:
			v.state = Closed
			v.needs = append([]string{fmt.Sprintf("%d more points", least-newest.Value)}, newest.Raises...)
		case rule.MaxAge == 0:
		case !now.Before(expires):
			v.state, v.reason = Pending, fmt.Sprintf("The score of %s is from %s, older than %s.", short(f.Head), clock(newest.At, nil), rule.MaxAge)
			v.needs = []string{"a new score"}
		default:
			v.closesAt = expires
		}
		return v
	}
}

func otherScores(f *Facts) []string {
	var out []string
	for _, s := range f.Scores {
		out = append(out, fmt.Sprintf("scored %d: %s in %s", s.Value, short(s.Commit), s.Environment))
	}
	return unique(out)
}

// requiredChecks judges required-checks: the last word on each check of the head, by an account that counts, is success.
func requiredChecks(rule Rule) func(*Facts, time.Time) verdict {
	names := unique(rule.Checks)
	return func(f *Facts, _ time.Time) verdict {
		v := verdict{state: Open}
		var lack, running, failed, strangers []string
		for _, name := range names {
			check, others := lastCheck(f, name, rule.Reporters)
			strangers = append(strangers, others...)
			if check == nil {
				lack = append(lack, name)
				continue
			}
			v.facts = append(v.facts, fmt.Sprintf("%s: %s on %s", name, check.State, short(check.Commit)))
			switch check.State {
			case CheckSuccess:
			case CheckPending:
				running = append(running, name)
			default:
				failed = append(failed, name)
			}
		}
		v.facts = append(v.facts, unique(strangers)...)
		var said []string
		for _, group := range []struct {
			names []string
			state State
			words string
		}{{failed, Closed, "failed"}, {lack, Closed, "did not report"}, {running, Pending, "still running"}} {
			if len(group.names) == 0 {
				continue
			}
			if v.state != Closed {
				v.state = group.state
			}
			said = append(said, listed(group.names, "and")+" "+group.words)
		}
		for _, name := range slices.Concat(failed, lack) {
			v.needs = append(v.needs, fmt.Sprintf("%s successful on %s", name, short(f.Head)))
		}
		v.reason = fmt.Sprintf("On %s %s succeeded.", short(f.Head), listed(names, "and"))
		if len(said) > 0 {
			v.reason = "On " + short(f.Head) + " " + strings.Join(said, "; ") + "."
		}
		return v
	}
}

// lastCheck is the last word on a check of the head, and the words of accounts that do not count.
func lastCheck(f *Facts, name string, reporters []string) (last *Check, strangers []string) {
	for i := range f.Checks {
		c := &f.Checks[i]
		if c.Name != name || c.Commit != f.Head {
			continue
		}
		if len(reporters) > 0 && !slices.ContainsFunc(reporters, func(r string) bool { return account(r) == account(c.By) }) {
			strangers = append(strangers, fmt.Sprintf("%s was reported by %s, whose word does not count", name, cmp.Or(c.By, "somebody unknown")))
			continue
		}
		if last == nil || later(c, last) {
			last = c
		}
	}
	return last, strangers
}

// later is true for the word that counts of two; of two at once that is the one that did not succeed.
func later(a, b *Check) bool {
	if order := cmp.Or(cmp.Compare(a.ID, b.ID), a.At.Compare(b.At)); order != 0 {
		return order > 0
	}
	weight := func(s CheckState) int {
		switch s {
		case CheckSuccess:
			return 0
		case CheckPending:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(weight(a.State), weight(b.State)), strings.Compare(string(a.State), string(b.State))) > 0
}

// signature judges signature: the head is signed, and the signature verifies.
func signature(rule Rule) func(*Facts, time.Time) verdict {
	return func(f *Facts, _ time.Time) verdict {
		v := verdict{state: Closed, reason: fmt.Sprintf("%s is not signed.", short(f.Head)), needs: []string{"a signed commit"}}
		if len(rule.Signers) > 0 {
			v.needs = []string{"a commit signed by " + listed(rule.Signers, "or")}
		}
		var good, bad []string
		for _, s := range f.Signatures {
			who := cmp.Or(s.Signer, "somebody unknown")
			switch {
			case s.Commit != f.Head:
			case !s.Verified:
				bad = append(bad, fmt.Sprintf("%s is signed by %s, but the signature does not verify: %s", short(f.Head), who, cmp.Or(s.Reason, "no reason is known")))
			case len(rule.Signers) > 0 && !slices.Contains(rule.Signers, s.Signer):
				bad = append(bad, fmt.Sprintf("%s is signed by %s, who is none of the signers", short(f.Head), who))
			default:
				good = append(good, fmt.Sprintf("%s is signed by %s", short(f.Head), who))
			}
		}
		good, bad = unique(good), unique(bad)
		v.facts = slices.Concat(good, bad)
		switch {
		case len(good) > 0:
			v.state, v.reason, v.needs = Open, good[0]+".", nil
		case len(bad) > 0:
			v.reason = bad[0] + "."
		}
		return v
	}
}

// dependencyOrder judges dependency-order: what the commit needs is in the Environment before it.
func dependencyOrder(f *Facts, _ time.Time) verdict {
	v := verdict{state: Open, reason: "Everything that it needs is in " + f.Environment + "."}
	var lack []string
	dependencies := slices.Clone(f.Dependencies)
	slices.SortFunc(dependencies, func(a, b Dependency) int {
		return cmp.Or(strings.Compare(a.Application, b.Application), strings.Compare(string(a.State), string(b.State)), strings.Compare(a.Reason, b.Reason))
	})
	for _, d := range dependencies {
		v.facts = append(v.facts, fmt.Sprintf("%s: %s", d.Application, d.State))
		switch d.State {
		case InPlace:
		case Promoting:
			lack = append(lack, d.Application+" is on its way")
			if v.state == Open {
				v.state = Pending
			}
		default:
			v.state = Closed
			lack = append(lack, strings.TrimRight(d.Application+" is not there: "+cmp.Or(d.Reason, "it has no promotion of its own"), ". "))
			v.needs = append(v.needs, "a promotion of "+d.Application)
		}
	}
	if len(lack) > 0 {
		v.reason = "It waits for others: " + strings.Join(lack, "; ") + "."
	}
	return v
}

// maxParallel judges max-parallel: there is room for one more promotion that settles in the Environment.
func maxParallel(rule Rule) func(*Facts, time.Time) verdict {
	most := 1
	if rule.Max != nil {
		most = *rule.Max
	}
	return func(f *Facts, _ time.Time) verdict {
		var running []string
		for _, r := range f.Running {
			if r.Environment == f.Environment && (r.ID != f.ID || f.ID == "") {
				running = append(running, cmp.Or(r.Application, r.ID))
			}
		}
		slices.Sort(running)
		v := verdict{state: Open, reason: fmt.Sprintf("%s of at most %s promotions are settling in %s.", upper(number(len(running))), number(most), f.Environment), facts: running}
		if len(running) >= most {
			v.state = Pending
			v.reason = fmt.Sprintf("%s of at most %s promotions are settling in %s: %s.", upper(number(len(running))), number(most), f.Environment, listed(running, "and"))
		}
		return v
	}
}
