package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Decision is what the policies say of one promotion at one instant.
type Decision struct {
	Allowed bool   `json:"allowed"` // every blocking gate is open
	Gates   []Gate `json:"gates"`
	// NextLook is the instant by which to evaluate again if no fact changes before; zero is never. No gate changes its
	// state before it.
	NextLook time.Time `json:"nextLook,omitzero"`
}

// Gate is one rule of one policy, evaluated.
type Gate struct {
	ID       string   `json:"id"` // {policy}/{rule}
	Kind     Kind     `json:"kind"`
	Policy   string   `json:"policy,omitempty"`
	Severity Severity `json:"severity"`
	State    State    `json:"state"`
	Reason   string   `json:"reason"`
	// OpensAt is when a gate that is not open opens, and ClosesAt when an open one closes, if no fact changes before.
	OpensAt  time.Time `json:"opensAt,omitzero"`
	ClosesAt time.Time `json:"closesAt,omitzero"`
	Needs    []string  `json:"needs,omitempty"` // what people can do to open it
	Facts    []string  `json:"facts,omitempty"` // that it was judged by
	// Grant is the break-glass that opens the gate; without it State would be Without.
	Grant   *Grant `json:"grant,omitempty"`
	Without State  `json:"without,omitempty"`
	// Stricter is the gate of the same kind, of another policy, that decides in place of this one.
	Stricter string `json:"stricter,omitempty"`

	look time.Time
	rank int // of the rule in its policy
}

// Evaluate judges a promotion by all policies that bind it.
func Evaluate(policies []Policy, facts Facts, now time.Time) Decision {
	f := &facts
	if fault := f.fault(now); fault != "" {
		return Decision{Gates: []Gate{{ID: "facts", Severity: Blocking, State: Broken, Reason: fault}}}
	}
	d := Decision{Allowed: true, Gates: []Gate{}}
	bound := false
	for i := range policies {
		if p := &policies[i]; p.matches(f) {
			bound = true
			d.Gates = p.evaluate(d.Gates, f, now)
		}
	}
	if !bound && len(f.Freezes) > 0 {
		d.Gates = append(d.Gates, newGate(&gate{id: string(Frozen), rule: Rule{Kind: Frozen, Severity: Blocking}}, freezeVerdict(f, now)))
	}
	slices.SortFunc(d.Gates, compareGates)
	markStricter(d.Gates)
	for i := range d.Gates {
		g := &d.Gates[i]
		if g.Severity == Blocking && g.State != Open {
			d.Allowed = false
		}
		d.NextLook = firstOf(d.NextLook, g.OpensAt, g.ClosesAt, g.look)
	}
	return d
}

// evaluate adds a gate for each rule of the policy.
func (p *Policy) evaluate(out []Gate, f *Facts, now time.Time) []Gate {
	if p.broken == "" && (p.gates == nil || len(p.gates) != len(p.Spec.Rules)) {
		p = &Policy{Name: p.Name, broken: "it was not read by Parse"}
	}
	if p.broken != "" {
		out = append(out, Gate{
			ID: p.Name + "/policy", Policy: p.Name, Severity: Blocking, State: Broken,
			Reason: fmt.Sprintf("The policy %s cannot be used: %s.", p.Name, strings.TrimRight(p.broken, ". ")),
			Needs:  []string{"the policy " + p.Name + " corrected"},
		})
	}
	for i := range p.gates {
		g := &p.gates[i]
		judged := newGate(g, g.judge(f, now))
		judged.Policy, judged.rank = p.Name, i
		p.breakGlass(&judged, g, f, now)
		out = append(out, judged)
	}
	if len(f.Freezes) > 0 {
		g := gate{id: p.Name + "/" + string(Frozen), rule: Rule{Kind: Frozen, Severity: Blocking}}
		judged := newGate(&g, freezeVerdict(f, now))
		judged.Policy, judged.rank = p.Name, len(p.gates)
		p.breakGlass(&judged, &g, f, now)
		out = append(out, judged)
	}
	return out
}

func (g *gate) judge(f *Facts, now time.Time) verdict {
	if g.broken != "" {
		return verdict{state: Broken, reason: fmt.Sprintf("The rule cannot be read: %s.", strings.TrimRight(g.broken, ". ")), needs: []string{"the rule " + g.id + " corrected"}}
	}
	change := cmp.Or(f.Change, Promotion)
	if slices.Contains(g.rule.Except, change) {
		return verdict{state: Open, reason: fmt.Sprintf("The policy lets a %s pass here.", change), facts: []string{"change: " + string(change)}}
	}
	if why, ok := f.Unavailable[g.rule.Kind]; ok {
		return verdict{state: Broken, reason: fmt.Sprintf("What is needed to judge it is not known: %s.", strings.TrimRight(cmp.Or(why, "no reason is given"), ". "))}
	}
	return g.check(f, now)
}

func newGate(g *gate, v verdict) Gate {
	out := Gate{
		ID: g.id, Kind: g.rule.Kind, Severity: g.rule.Severity, State: v.state, Reason: v.reason, Needs: v.needs, Facts: v.facts, look: v.look,
	}
	if v.state == Open {
		out.ClosesAt = v.closesAt
	} else {
		out.OpensAt = v.opensAt
	}
	return out
}

// compareGates orders gates by policy and rule, so that the order of the policies does not matter.
func compareGates(a, b Gate) int {
	return cmp.Or(strings.Compare(a.Policy, b.Policy), cmp.Compare(a.rank, b.rank), strings.Compare(a.ID, b.ID),
		strings.Compare(string(a.Severity), string(b.Severity)), strings.Compare(string(a.State), string(b.State)), strings.Compare(a.Reason, b.Reason),
		a.OpensAt.Compare(b.OpensAt), a.ClosesAt.Compare(b.ClosesAt), slices.Compare(a.Needs, b.Needs), slices.Compare(a.Facts, b.Facts), a.look.Compare(b.look))
}

// markStricter shows, among the blocking gates of one kind, which one decides: the one that stays closed the longest.
func markStricter(gates []Gate) {
	decides := map[Kind]*Gate{}
	for i := range gates {
		g := &gates[i]
		if g.Severity == Blocking && (decides[g.Kind] == nil || stricter(g, decides[g.Kind])) {
			decides[g.Kind] = g
		}
	}
	for i := range gates {
		g := &gates[i]
		if by := decides[g.Kind]; g.Severity == Blocking && by.Policy != g.Policy && stricter(by, g) {
			g.Stricter = by.ID
		}
	}
}

func stricter(a, b *Gate) bool {
	if a.State == Open || b.State == Open {
		return a.State != Open && b.State == Open
	}
	if a.OpensAt.IsZero() || b.OpensAt.IsZero() {
		return a.OpensAt.IsZero() && !b.OpensAt.IsZero()
	}
	return a.OpensAt.After(b.OpensAt)
}
