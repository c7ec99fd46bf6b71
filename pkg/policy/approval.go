package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// account makes two spellings of one account equal; a forge does not tell them apart.
func account(name string) string { return strings.ToLower(name) }

// review is what the reviews of one person come to.
type review struct {
	Approval
	approves, objects bool
}

// approvals judges pr-required. An approval counts where it names the head, was not dismissed or taken back, and is of
// a person in one of the teams who neither wrote nor pushed the change.
func approvals(rule *Rule, f *Facts) verdict {
	switch {
	case f.PullRequest == 0:
		return verdict{state: Closed, reason: "There is no pull request.", needs: []string{"a pull request"}}
	case f.Author == "" || f.LastPusher == "":
		return verdict{state: Broken, reason: "It is not known who asked for the change and who pushed it, so nobody's approval can be told from their own."}
	}
	teams := slices.Clone(rule.Approvers)
	for team := range maps.Keys(rule.MinApprovalsByTeam) {
		if !slices.Contains(teams, team) {
			teams = append(teams, team)
		}
	}
	slices.Sort(teams)
	v := verdict{}
	var objectors, ignored []string
	count, byTeam := 0, map[string]int{}
	for _, r := range reviews(f, teams) {
		switch {
		case r.objects:
			objectors = append(objectors, r.Reviewer)
			v.facts = append(v.facts, fmt.Sprintf("%s requested changes on %s", r.Reviewer, short(r.Commit)))
		case !r.approves:
		case account(r.Reviewer) == account(f.Author) || account(r.Reviewer) == account(f.LastPusher):
			ignored = append(ignored, fmt.Sprintf("%s wrote or pushed the change and cannot approve it", r.Reviewer))
		case r.Commit != f.Head:
			ignored = append(ignored, fmt.Sprintf("%s approved %s, which is not the head", r.Reviewer, short(r.Commit)))
		default:
			v.facts = append(v.facts, fmt.Sprintf("%s approved %s", r.Reviewer, short(r.Commit)))
			count++
			for _, team := range unique(r.Teams) {
				byTeam[team]++
			}
		}
	}
	v.facts = append(v.facts, ignored...)
	v.needs = missing(rule, teams, count, byTeam)
	for _, who := range objectors {
		v.needs = append(v.needs, "the objection of "+who+" resolved, by a new approval or a dismissal")
	}
	v.state, v.reason = Open, fmt.Sprintf("Approved by %s of %s.", number(count), number(rule.minApprovals()))
	if len(v.needs) > 0 {
		v.state = Closed
	}
	switch {
	case len(objectors) > 0:
		v.reason = "Changes were requested by " + listed(objectors, "and") + "."
	case len(v.needs) > 0:
		v.reason = fmt.Sprintf("Has %s of %s approvals of %s.", number(count), number(rule.minApprovals()), short(f.Head))
		if len(ignored) > 0 {
			v.reason += " Not counted: " + strings.Join(ignored, "; ") + "."
		}
	}
	return v
}

func (r *Rule) minApprovals() int {
	if r.MinApprovals == nil {
		return 1
	}
	return *r.MinApprovals
}

// reviews sums up what each person in the teams said, in the order of their names. The last word counts: it
// ends the approvals before it, even after it was dismissed, and a later approval ends an objection.
func reviews(f *Facts, teams []string) []review {
	given := slices.Clone(f.Approvals)
	slices.SortFunc(given, func(a, b Approval) int {
		// What was said at the same time is taken the stricter way: the objection comes last.
		return cmp.Or(strings.Compare(account(a.Reviewer), account(b.Reviewer)), cmp.Compare(a.ID, b.ID), a.At.Compare(b.At),
			strings.Compare(string(a.State), string(b.State)), dismissedFirst(a, b), strings.Compare(a.Commit, b.Commit))
	})
	var out []review
	for _, a := range given {
		if !slices.ContainsFunc(a.Teams, func(t string) bool { return slices.Contains(teams, t) }) {
			continue
		}
		if len(out) == 0 || account(out[len(out)-1].Reviewer) != account(a.Reviewer) {
			out = append(out, review{Approval: Approval{Reviewer: a.Reviewer}})
		}
		r := &out[len(out)-1]
		switch {
		case a.Dismissed && (a.State == ChangesRequested || a.State == Approved):
			r.approves, r.Approval = false, a // what was said before does not come back, and an objection before it stands
		case a.State == ChangesRequested:
			r.approves, r.objects, r.Approval = false, true, a
		case a.State == Approved && (!r.approves || r.Commit != f.Head):
			r.approves, r.objects, r.Approval = true, false, a
		}
	}
	return out
}

func dismissedFirst(a, b Approval) int {
	switch {
	case a.Dismissed == b.Dismissed:
		return 0
	case a.Dismissed:
		return -1
	}
	return 1
}

// missing says which approvals there are still to be.
func missing(rule *Rule, teams []string, count int, byTeam map[string]int) []string {
	var needs []string
	byName := 0
	for _, team := range slices.Sorted(maps.Keys(rule.MinApprovalsByTeam)) {
		if lack := rule.MinApprovalsByTeam[team] - byTeam[team]; lack > 0 {
			byName += lack
			needs = append(needs, fmt.Sprintf("%s more of %s", number(lack), team))
		}
	}
	if lack := rule.minApprovals() - count; lack > byName {
		needs = append(needs, fmt.Sprintf("%s more of %s", number(lack-byName), listed(teams, "or")))
	}
	return needs
}

func unique(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

func prRequired(rule Rule) func(*Facts, time.Time) verdict {
	return func(f *Facts, _ time.Time) verdict { return approvals(&rule, f) }
}
