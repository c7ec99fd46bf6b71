package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// longestGrant is how long the glass stays broken where the policy does not say.
const longestGrant = 4 * time.Hour

func (b *BreakGlass) opens(kind Kind) bool {
	if b == nil {
		return false
	}
	if len(b.Opens) == 0 {
		return kind == ChangeWindow || kind == Frozen
	}
	return slices.Contains(b.Opens, kind)
}

// grants that the policy recognizes, by the time at which they begin. One names the head, has a reason and a ticket, is
// given in a role that the policy names, and lasts no longer than the policy allows.
func (p *Policy) grants(f *Facts) []Grant {
	b := p.Spec.BreakGlass
	most := cmp.Or(time.Duration(b.MaxDuration), longestGrant)
	var out []Grant
	for _, g := range f.Grants {
		if g.Commit != f.Head || g.By == "" || !slices.Contains(b.Roles, g.Role) || strings.TrimSpace(g.Reason) == "" || strings.TrimSpace(g.Ticket) == "" {
			continue
		}
		if end := g.At.Add(most); g.Until.After(end) {
			g.Until = end
		}
		if g.Until.After(g.At) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b Grant) int {
		return cmp.Or(a.At.Compare(b.At), b.Until.Compare(a.Until), strings.Compare(a.ID, b.ID), strings.Compare(a.By, b.By), strings.Compare(a.Role, b.Role), strings.Compare(a.Reason, b.Reason), strings.Compare(a.Ticket, b.Ticket))
	})
	return out
}

// breakGlass opens a gate that the rule does not open, where the policy lets one of the grants do so.
func (p *Policy) breakGlass(judged *Gate, g *gate, f *Facts, now time.Time) {
	if g.broken != "" || len(f.Grants) == 0 || !p.Spec.BreakGlass.opens(judged.Kind) {
		return
	}
	grants := p.grants(f)
	i := slices.IndexFunc(grants, func(g Grant) bool { return !now.Before(g.At) && now.Before(g.Until) })
	switch {
	case i < 0:
		next := slices.IndexFunc(grants, func(g Grant) bool { return g.At.After(now) })
		switch {
		case next < 0:
		case judged.State == Open:
			judged.reopen(grants)
		case judged.look.IsZero() || judged.look.After(grants[next].At): // else the rule may open it before
			judged.State, judged.OpensAt = Pending, firstOf(judged.OpensAt, grants[next].At)
		}
	case judged.State == Open:
		judged.reopen(grants)
	default:
		grant, end := grants[i], grants[i].Until
		for _, g := range grants { // by their beginning, so that those that follow without a gap are met in order
			if !g.At.After(end) && g.Until.After(end) {
				end = g.Until
			}
		}
		judged.Grant, judged.Without, judged.State = &grant, judged.State, Open
		judged.Reason = fmt.Sprintf("Opened by %s as %s until %s, ticket %s: %s. Without that: %s", grant.By, grant.Role, clock(end, nil), strings.TrimSpace(grant.Ticket), strings.TrimRight(strings.TrimSpace(grant.Reason), ". "), judged.Reason)
		if rule := firstOf(judged.OpensAt, judged.look); rule.IsZero() || rule.After(end) {
			judged.ClosesAt = end
		}
		judged.look = firstOf(judged.OpensAt, judged.look, end)
		judged.OpensAt = time.Time{}
	}
}

// reopen forgets when an open gate closes if a grant keeps it open then.
func (g *Gate) reopen(grants []Grant) {
	at := g.ClosesAt
	if slices.ContainsFunc(grants, func(g Grant) bool { return !at.Before(g.At) && at.Before(g.Until) }) {
		g.look, g.ClosesAt = firstOf(g.look, at), time.Time{}
	}
}
