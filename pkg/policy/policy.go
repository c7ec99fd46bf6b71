// Package policy says whether a promotion may be merged, and if not, why, who can change that, and when it changes by
// itself. It is one pure function, Evaluate: (policies, facts, now) -> gates. It reads no clock and does no I/O, it
// never panics, and the same arguments always give the same answer, so that what it decided can be replayed later over
// the same facts.
//
// What it cannot read it refuses: a policy that does not parse, a fact that is missing and a clock that makes no sense
// are closed gates that name the rule.
package policy

import "time"

// APIVersion and Group kind of an EnvironmentPolicy.
const (
	APIVersion = "catalyst.openova.io/v1alpha1"
	PolicyKind = "EnvironmentPolicy"
)

// Policy is an EnvironmentPolicy that Parse has read: the rules that bind promotions into some Environments.
type Policy struct {
	Name string `json:"name"`
	Spec Spec   `json:"spec"`

	gates  []gate // one for each rule, in the order of the document
	broken string // why nothing of the policy can be trusted; empty if it was read
}

// Spec is what the policy says.
type Spec struct {
	AppliesTo  AppliesTo   `json:"appliesTo"`
	Rules      []Rule      `json:"rules"`
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
}

// AppliesTo chooses promotions by where they go. Each field that is given must hold; at least one is.
type AppliesTo struct {
	Environments  []string `json:"environments,omitempty"`
	EnvTypes      []string `json:"envTypes,omitempty"`
	Organizations []string `json:"organizations,omitempty"`
	Applications  []string `json:"applications,omitempty"`
}

// Kind is what a rule asks for.
type Kind string

// The kinds of rules. Freeze is the gate of a freeze that was declared outside of a rule; no rule has this kind.
const (
	PRRequired      Kind = "pr-required"
	Soak            Kind = "soak"
	ChangeWindow    Kind = "change-window"
	ScoreGate       Kind = "re-score-gate"
	RequiredChecks  Kind = "required-checks"
	Signature       Kind = "signature"
	DependencyOrder Kind = "dependency-order"
	MaxParallel     Kind = "max-parallel"
	Frozen          Kind = "freeze"
)

// Kinds that a rule can have, in the order in which they are explained to people.
var Kinds = []Kind{PRRequired, Soak, ChangeWindow, ScoreGate, RequiredChecks, Signature, DependencyOrder, MaxParallel}

// Severity is what a gate that is not open does.
type Severity string

// A blocking gate stops the merge, a warning is shown to who merges, an audit is only recorded.
const (
	Blocking Severity = "blocking"
	Warning  Severity = "warning"
	Audit    Severity = "audit"
)

// Change is what a promotion is for.
type Change string

// The kinds of changes that a rule can make an exception for.
const (
	Promotion Change = "promotion"
	Hotfix    Change = "hotfix"
	Rollback  Change = "rollback"
)

// Rule is one demand of a policy. Which fields it has depends on its kind; Parse refuses the others.
type Rule struct {
	Kind     Kind     `json:"kind"`
	Name     string   `json:"name,omitempty"` // tells two rules of one kind apart; the kind if it is not given
	Severity Severity `json:"severity,omitempty"`
	Except   []Change `json:"except,omitempty"` // changes that the rule lets pass

	// pr-required
	Approvers          []string       `json:"approvers,omitempty"` // teams
	MinApprovals       *int           `json:"minApprovals,omitempty"`
	MinApprovalsByTeam map[string]int `json:"minApprovalsByTeam,omitempty"`

	// soak
	SourceEnvironment string `json:"sourceEnvironment,omitempty"`
	SourceEnvType     string `json:"sourceEnvType,omitempty"` // of the same Organization

	// soak, and change-window with one window
	Duration Duration `json:"duration,omitzero"`

	// change-window
	Cron     string   `json:"cron,omitempty"`
	TimeZone string   `json:"timeZone,omitempty"`
	Windows  []Window `json:"windows,omitempty"`
	Freezes  []Freeze `json:"freezes,omitempty"`
	Reserve  Duration `json:"reserve,omitzero"` // a window takes nothing new this long before its end

	// re-score-gate
	MinScore *int     `json:"minScore,omitempty"`
	MaxAge   Duration `json:"maxAge,omitzero"`

	// required-checks
	Checks    []string `json:"checks,omitempty"`
	Reporters []string `json:"reporters,omitempty"` // accounts whose word counts; all, if none is named

	// signature
	Signers []string `json:"signers,omitempty"` // identities whose signature counts; all that verify, if none is named

	// max-parallel
	Max *int `json:"max,omitempty"`
}

// Window is a time in which changes may be made: from each time that cron names, on the wall clock of the zone, for a
// duration.
type Window struct {
	Name     string   `json:"name,omitempty"`
	Cron     string   `json:"cron"`
	Duration Duration `json:"duration"`
	TimeZone string   `json:"timeZone,omitempty"` // the rule's, or UTC
}

// Freeze is a time in which no change may be made, whatever the windows say: once, from and until a time, or again and
// again, by cron and duration. A time without an offset is on the wall clock of the zone.
type Freeze struct {
	Name     string   `json:"name,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	From     string   `json:"from,omitempty"`
	Until    string   `json:"until,omitempty"`
	Cron     string   `json:"cron,omitempty"`
	Duration Duration `json:"duration,omitzero"`
	TimeZone string   `json:"timeZone,omitempty"`
}

// BreakGlass names the roles that may open gates of this policy in an emergency, on the record.
type BreakGlass struct {
	Roles       []string `json:"roles"`
	Opens       []Kind   `json:"opens,omitempty"`      // change-window and freeze, if not given
	MaxDuration Duration `json:"maxDuration,omitzero"` // 4h, if not given
}

// Unavailable is a policy of which only the name, and perhaps the Environments, are known: its gate stays closed.
func Unavailable(name string, appliesTo AppliesTo, reason string) Policy {
	return Policy{Name: name, Spec: Spec{AppliesTo: appliesTo}, broken: reason}
}

// matches is true when the policy binds this promotion. One that does not say what it applies to binds all.
func (p *Policy) matches(f *Facts) bool {
	a := &p.Spec.AppliesTo
	return among(a.Environments, f.Environment) && among(a.EnvTypes, f.EnvType) &&
		among(a.Organizations, f.Organization) && among(a.Applications, f.Application)
}

// among is true for a name in the list, and for every name when there is no list.
func among(list []string, name string) bool {
	if len(list) == 0 {
		return true
	}
	for _, l := range list {
		if l == name {
			return true
		}
	}
	return false
}

// gate is a rule made ready to be evaluated.
type gate struct {
	id     string // {policy}/{name}, unique in its policy
	rule   Rule
	broken string // what is wrong with the rule; such a gate stays closed
	check  func(f *Facts, now time.Time) verdict
}
