package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Duration is a span of time such as 72h or 1h30m.
// +kubebuilder:validation:MaxLength=30
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(s|m|h))+$`
// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="it must be longer than nothing"
type Duration string

// Cron is a time that comes again: minute, hour, day of the month, month, day of the week.
// +kubebuilder:validation:MaxLength=100
// +kubebuilder:validation:Pattern=`^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[-0-9A-Za-z*/,?]+( +[-0-9A-Za-z*/,?]+){4})$`
type Cron string

// TimeZone by its name in the tz database, such as Asia/Muscat; UTC if it is left out.
// +kubebuilder:validation:MaxLength=60
// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9_+/-]*$`
type TimeZone string

// Severity says what a rule that is not met does.
// +kubebuilder:validation:Enum=blocking;warning;audit
type Severity string

// Window is a span of time that comes again.
type Window struct {
	// Cron is when it opens.
	Cron Cron `json:"cron"`
	// Duration is how long it stays open.
	Duration Duration `json:"duration"`
	// TimeZone that cron is meant in.
	// +optional
	TimeZone TimeZone `json:"timeZone,omitempty"`
}

// Freeze is a span of time in which nothing goes through, whatever window is open.
// +kubebuilder:validation:XValidation:rule="has(self.cron) ? has(self.duration) && !has(self.from) && !has(self.to) : has(self.from) && has(self.to) && self.from < self.to && !has(self.duration)",message="a freeze has either from and to, from before to, or cron and duration"
type Freeze struct {
	// Name that people read, such as Ramadan or year end.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`
	// From is the instant at which a freeze begins that comes once.
	// +optional
	From *metav1.Time `json:"from,omitempty"`
	// To is the instant at which it ends.
	// +optional
	To *metav1.Time `json:"to,omitempty"`
	// Cron is when a freeze begins that comes again.
	// +optional
	Cron Cron `json:"cron,omitempty"`
	// Duration is how long it lasts.
	// +optional
	Duration Duration `json:"duration,omitempty"`
	// TimeZone that cron is meant in.
	// +optional
	TimeZone TimeZone `json:"timeZone,omitempty"`
}

// RuleKind says what a rule looks at.
// +kubebuilder:validation:Enum=pr-required;soak;change-window;re-score-gate;required-checks;signature;dependency-order;max-parallel
type RuleKind string

// PolicyRule is one rule. Its kind says which of the other fields it has.
// +kubebuilder:validation:XValidation:rule="self.kind == 'pr-required' || !has(self.approvers) && !has(self.minApprovals) && !has(self.minApprovalsPerTeam)",message="approvers, minApprovals and minApprovalsPerTeam belong to a rule of the kind pr-required"
// +kubebuilder:validation:XValidation:rule="self.kind != 'pr-required' || !has(self.minApprovalsPerTeam) || has(self.approvers) && self.minApprovalsPerTeam.all(t, t in self.approvers)",message="minApprovalsPerTeam names a team that is not among the approvers"
// +kubebuilder:validation:XValidation:rule="self.kind == 'soak' ? has(self.sourceEnvironment) && has(self.duration) : !has(self.sourceEnvironment)",message="a rule of the kind soak has a sourceEnvironment and a duration, and no other has a sourceEnvironment"
// +kubebuilder:validation:XValidation:rule="self.kind == 'change-window' ? (has(self.cron) && has(self.duration)) != has(self.windows) || has(self.freezes) : !has(self.cron) && !has(self.windows) && !has(self.freezes) && !has(self.timeZone)",message="a rule of the kind change-window has cron and duration, or windows, or freezes, and no other has any of these"
// +kubebuilder:validation:XValidation:rule="has(self.cron) == (self.kind == 'change-window' && has(self.duration))",message="cron and duration go together"
// +kubebuilder:validation:XValidation:rule="self.kind in ['soak', 'change-window'] || !has(self.duration)",message="only soak and change-window have a duration"
// +kubebuilder:validation:XValidation:rule="(self.kind == 're-score-gate') == has(self.minScore)",message="a rule of the kind re-score-gate has a minScore, and no other has"
// +kubebuilder:validation:XValidation:rule="(self.kind == 'required-checks') == has(self.checks)",message="a rule of the kind required-checks has checks, and no other has"
// +kubebuilder:validation:XValidation:rule="self.kind == 'signature' || !has(self.signers)",message="signers belong to a rule of the kind signature"
// +kubebuilder:validation:XValidation:rule="(self.kind == 'max-parallel') == has(self.max)",message="a rule of the kind max-parallel has a max, and no other has"
type PolicyRule struct {
	// Kind says what the rule looks at. pr-required: a pull request that others approved. soak: the same commit has
	// been healthy in another Environment for a while. change-window: the time. re-score-gate: the reliability score
	// of the rendered manifests. required-checks: commit statuses. signature: who signed the commit. dependency-order:
	// what it depends on goes first. max-parallel: how many promotions run at once.
	Kind RuleKind `json:"kind"`
	// Name by which people know the rule; its kind, if it is left out.
	// +optional
	// +kubebuilder:validation:MaxLength=60
	Name string `json:"name,omitempty"`
	// Severity says what it does when it is not met: blocking stops the promotion, warning tells the people who decide,
	// audit records it.
	// +kubebuilder:default=blocking
	// +optional
	Severity Severity `json:"severity,omitempty"`

	// Approvers are teams of the Organization, of which a member has to approve. Who wrote or pushed the change does
	// not count.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=60
	Approvers []string `json:"approvers,omitempty"`
	// MinApprovals is how many people have to approve; one, if it is left out.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	MinApprovals *int32 `json:"minApprovals,omitempty"`
	// MinApprovalsPerTeam is how many of a team have to approve.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	MinApprovalsPerTeam map[string]int32 `json:"minApprovalsPerTeam,omitempty"`

	// SourceEnvironment in which the commit has to be healthy, such as acme-stg.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=45
	SourceEnvironment string `json:"sourceEnvironment,omitempty"`
	// Duration for which the commit has to be healthy without a break, or for which the window stays open.
	// +optional
	Duration Duration `json:"duration,omitempty"`

	// Cron is when the window opens; several windows go under windows.
	// +optional
	Cron Cron `json:"cron,omitempty"`
	// TimeZone that cron is meant in.
	// +optional
	TimeZone TimeZone `json:"timeZone,omitempty"`
	// Windows, of which one has to be open.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	Windows []Window `json:"windows,omitempty"`
	// Freezes, of which none may hold. A freeze goes before any window.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Freezes []Freeze `json:"freezes,omitempty"`

	// MinScore of the rendered manifests, from 0 to 100.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinScore *int32 `json:"minScore,omitempty"`
	// Checks are commit statuses by their context, which have to be successful.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=200
	Checks []string `json:"checks,omitempty"`
	// Signers of whom one has to have signed the commit; anybody whose key is known, if it is left out.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=200
	Signers []string `json:"signers,omitempty"`
	// Max is how many promotions into the Environment may be under way at once.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Max *int32 `json:"max,omitempty"`
}

// PolicyTarget says where a policy holds: everywhere that each list which is given names.
// +kubebuilder:validation:XValidation:rule="has(self.environments) || has(self.organizations) || has(self.envTypes)",message="it must say where: environments, organizations or envTypes"
type PolicyTarget struct {
	// Environments by name, such as acme-prod.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=45
	Environments []string `json:"environments,omitempty"`
	// Organizations by name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	Organizations []string `json:"organizations,omitempty"`
	// EnvTypes, such as prod.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	EnvTypes []EnvType `json:"envTypes,omitempty"`
}

// BreakGlass is the way past a freeze or a window in an emergency.
type BreakGlass struct {
	// Roles that may go it, such as security-officer. It takes a reason, and stays on the record.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=60
	Roles []string `json:"roles"`
	// RequireTicket asks for the number of a ticket beside the reason.
	// +optional
	RequireTicket bool `json:"requireTicket,omitempty"`
	// MaxDuration is how long it stays open, an hour if it is left out.
	// +optional
	MaxDuration Duration `json:"maxDuration,omitempty"`
}

// EnvironmentPolicySpec is what has to hold before a change may reach an Environment.
type EnvironmentPolicySpec struct {
	// AppliesTo says in which Environments it holds. Where several policies hold, all of them have to be met.
	AppliesTo PolicyTarget `json:"appliesTo"`
	// Rules, all of which have to be met.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=30
	Rules []PolicyRule `json:"rules"`
	// BreakGlass is the way past freezes and windows in an emergency. Without it there is none.
	// +optional
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
	// AutoPromote merges a promotion by itself as soon as every rule is met.
	// +optional
	AutoPromote bool `json:"autoPromote,omitempty"`
}

// EnvironmentPolicyStatus is what was found of it.
type EnvironmentPolicyStatus struct {
	// ObservedGeneration is the generation that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Environments in which it holds.
	// +optional
	// +listType=set
	Environments []string `json:"environments,omitempty"`
	// Conditions: Ready is True when the policy can be read and is in force.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// EnvironmentPolicy says what has to hold before a change may reach an Environment, whichever way it comes: by form, by
// pull request or by API. It is a file in system/catalyst-config: policies/{name}.yaml.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=environmentpolicies,shortName=envpol,categories=catalyst
// +kubebuilder:printcolumn:name="Environments",type=string,JSONPath=`.spec.appliesTo.environments`
// +kubebuilder:printcolumn:name="Types",type=string,priority=1,JSONPath=`.spec.appliesTo.envTypes`
// +kubebuilder:printcolumn:name="Rules",type=string,JSONPath=`.spec.rules[*].kind`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type EnvironmentPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what has to hold.
	Spec EnvironmentPolicySpec `json:"spec"`
	// Status is what was found of it.
	// +optional
	Status EnvironmentPolicyStatus `json:"status,omitempty"`
}

// EnvironmentPolicyList is a list of EnvironmentPolicies.
//
// +kubebuilder:object:root=true
type EnvironmentPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []EnvironmentPolicy `json:"items"`
}
