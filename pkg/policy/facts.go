package policy

import (
	"fmt"
	"time"
)

// Facts are everything that is known of one promotion. Whoever gathers them answers for them: what a forge, a cluster
// or a registry says is a fact, what a request says is not.
type Facts struct {
	ID           string `json:"id"` // of the promotion
	Application  string `json:"application"`
	Organization string `json:"organization"`
	Environment  string `json:"environment"` // that it goes to
	EnvType      string `json:"envType"`
	Change       Change `json:"change,omitempty"` // promotion, if it is empty

	PullRequest int64  `json:"pullRequest,omitempty"` // 0: there is none
	Head        string `json:"head"`                  // the exact commit that would be merged
	Tree        string `json:"tree,omitempty"`        // that it brings to the Environment
	Author      string `json:"author"`                // account that asked for the change
	LastPusher  string `json:"lastPusher"`            // account that pushed the head

	Approvals    []Approval   `json:"approvals,omitempty"`
	History      []Interval   `json:"history,omitempty"`
	Scores       []Score      `json:"scores,omitempty"`
	ScoreRules   string       `json:"scoreRules,omitempty"` // digest of the rules in force; a score by others is stale
	Checks       []Check      `json:"checks,omitempty"`
	Signatures   []Signed     `json:"signatures,omitempty"`
	Dependencies []Dependency `json:"dependencies,omitempty"`
	Running      []Running    `json:"running,omitempty"`
	Freezes      []Span       `json:"freezes,omitempty"` // declared for the Environment, outside of its policies
	Grants       []Grant      `json:"grants,omitempty"`

	// Unavailable names the kinds of rules whose facts could not be had, and why. Their gates stay closed.
	Unavailable map[Kind]string `json:"unavailable,omitempty"`
}

// ReviewState is what a review says.
type ReviewState string

// What a review can say; other states are no opinion.
const (
	Approved         ReviewState = "approved"
	ChangesRequested ReviewState = "changes-requested"
)

// Approval is one review of the pull request. Teams are those of the reviewer now, not then.
type Approval struct {
	ID        int64       `json:"id,omitempty"` // the forge's, which orders reviews whatever the clock did
	Reviewer  string      `json:"reviewer"`
	Teams     []string    `json:"teams,omitempty"`
	Commit    string      `json:"commit"`
	State     ReviewState `json:"state"`
	Dismissed bool        `json:"dismissed,omitempty"`
	At        time.Time   `json:"at"`
}

// Health of an Application in an Environment.
type Health string

// Unknown is also what is said while nothing can be heard.
const (
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
	Unknown   Health = "unknown"
)

// Interval is a time in which the Application ran at one commit with one health. An interval without an end still is;
// when its source goes quiet it must be ended and one of unknown health begun.
type Interval struct {
	Environment string    `json:"environment"`
	Commit      string    `json:"commit"`
	Tree        string    `json:"tree,omitempty"`
	Health      Health    `json:"health"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until,omitzero"`
}

// Score of the manifests that a commit renders to in an Environment.
type Score struct {
	Commit      string    `json:"commit"`
	Environment string    `json:"environment"`
	Rules       string    `json:"rules,omitempty"` // digest of the rules that it was made with
	Value       int       `json:"value"`
	Raises      []string  `json:"raises,omitempty"` // what would raise it, the most first
	At          time.Time `json:"at"`
}

// CheckState is how a check of a commit stands.
type CheckState string

// How a check can stand; every other state counts as a failure.
const (
	CheckSuccess CheckState = "success"
	CheckPending CheckState = "pending"
	CheckFailure CheckState = "failure"
)

// Check is one status of a commit, and the account that set it.
type Check struct {
	ID     int64      `json:"id,omitempty"`
	Name   string     `json:"name"`
	Commit string     `json:"commit"`
	State  CheckState `json:"state"`
	By     string     `json:"by,omitempty"`
	At     time.Time  `json:"at"`
}

// Signed is the outcome of verifying the signature of a commit.
type Signed struct {
	Commit   string `json:"commit"`
	Signer   string `json:"signer,omitempty"`
	Verified bool   `json:"verified"`
	Reason   string `json:"reason,omitempty"` // why it does not verify
}

// DependencyState is how far an Application that this one needs is in the Environment.
type DependencyState string

// A dependency is in place, on its way by a promotion of its own, or not there.
const (
	InPlace   DependencyState = "in-place"
	Promoting DependencyState = "promoting"
	Absent    DependencyState = "absent"
)

// Dependency is an Application that the promoted commit needs in the same Environment.
type Dependency struct {
	Application string          `json:"application"`
	State       DependencyState `json:"state"`
	Reason      string          `json:"reason,omitempty"`
}

// Running is a promotion that was merged and has not settled in its Environment.
type Running struct {
	ID          string `json:"id"`
	Application string `json:"application"`
	Environment string `json:"environment"`
}

// Span is a freeze from one instant until another; without an end it lasts until it is taken away.
type Span struct {
	Name   string    `json:"name"`
	Reason string    `json:"reason,omitempty"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until,omitzero"`
}

// Grant is the word of a person who breaks the glass for one commit. Role is one that the person was verified to hold.
type Grant struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Role   string    `json:"role"`
	Commit string    `json:"commit"`
	Reason string    `json:"reason"`
	Ticket string    `json:"ticket"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
}

// fault says why these facts, or this clock, cannot be judged at all.
func (f *Facts) fault(now time.Time) string {
	switch {
	case f.Head == "":
		return "It is not known which commit would be merged."
	case f.Environment == "":
		return "It is not known which Environment the promotion goes to."
	case now.Year() < 1970 || now.Year() > 9000:
		return fmt.Sprintf("The clock says %s, which cannot be.", now.UTC().Format(time.RFC3339))
	}
	return ""
}
