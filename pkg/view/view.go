// Package view defines what people read. The projector writes these types to the key-value store; the gateway sends
// the same bytes over SSE and REST. A field is added here or nowhere.
package view

import (
	"encoding/json"
	"time"
)

// Kind names a view type. It is the first half of a key in the store and the "kind" of a frame on the stream.
type Kind string

// The kinds of view. Sovereign, Organization, Environment and SetAside live in the Sovereign's own bucket, the others in
// the bucket of their Environment.
const (
	KindSovereign    Kind = "Sovereign"
	KindOrganization Kind = "Organization"
	KindEnvironment  Kind = "Environment"
	KindApplication  Kind = "Application"
	KindOperation    Kind = "Operation"
	KindActivity     Kind = "Activity"
	KindBlueprintUse Kind = "BlueprintUse"
	KindSetAside     Kind = "SetAside"
)

// Phase is what an Application is doing in one Environment, in one word.
type Phase string

// The phases of an Application.
const (
	PhaseInstalling Phase = "Installing" // committed, and nothing has run yet
	PhaseRunning    Phase = "Running"    // what Git says is what runs, and it is healthy
	PhaseUpdating   Phase = "Updating"   // it ran before, and a newer commit is on its way
	PhaseDegraded   Phase = "Degraded"   // it ran before, and some of it does not now
	PhaseFailed     Phase = "Failed"     // it stopped with a reason that needs a person
	PhasePaused     Phase = "Paused"     // reconciliation is suspended in Git
	PhaseRemoving   Phase = "Removing"   // Git no longer holds it, and the cluster still does
	PhaseUnknown    Phase = "Unknown"    // the source is quiet; the last known state is too old to believe
)

// Header is what every view carries: where it belongs and how fresh it is.
type Header struct {
	Kind         Kind      `json:"kind" enum:"Sovereign,Organization,Environment,Application,Operation,Activity,BlueprintUse,SetAside"`
	Organization string    `json:"organization,omitempty"`
	Environment  string    `json:"environment,omitempty" doc:"{organization}-{env_type}"`
	Name         string    `json:"name"`
	ChangedAt    time.Time `json:"changedAt" doc:"when the newest fact behind this view came about"`
	UnknownSince time.Time `json:"unknownSince,omitzero" doc:"since when a source of this view cannot be heard: what it says is the last that was known"`
}

// Key identifies a view on the stream and in a client's cache: kind/environment-or-organization/name.
func (h Header) Key() string {
	scope := h.Environment
	if scope == "" {
		scope = h.Organization
	}
	return string(h.Kind) + "/" + scope + "/" + h.Name
}

// Application is one Application in one Environment: the card.
type Application struct {
	Header
	Blueprint  Blueprint     `json:"blueprint"`
	Phase      Phase         `json:"phase" enum:"Installing,Running,Updating,Degraded,Failed,Paused,Removing,Unknown"`
	Message    string        `json:"message" doc:"why it is in this phase, as a sentence"`
	Desired    *Commit       `json:"desired,omitempty" doc:"the head of the Environment's branch"`
	Applied    *Commit       `json:"applied,omitempty" doc:"the commit that the cluster runs"`
	Workloads  []Workload    `json:"workloads"`
	Endpoints  []Endpoint    `json:"endpoints"`
	Conditions []Part        `json:"parts" doc:"the Flux objects that render it, and their state"`
	Pods       []Pod         `json:"pods" doc:"those in trouble first, at most 50"`
	Warnings   []Warning     `json:"warnings" doc:"what the cluster warned of, newest first, at most 10"`
	DependsOn  []Dependency  `json:"dependsOn" doc:"what Git says that it needs"`
	UsedBy     []string      `json:"usedBy" doc:"the Applications of this Environment that depend on it"`
	Changes    []Commit      `json:"changes" doc:"the last commits, newest first, at most 10"`
	Problems   []FileProblem `json:"problems" doc:"what is wrong with the files of the newest commit, the worst first, at most 50"`
	Repository string        `json:"repository" doc:"clone URL"`
	Branch     string        `json:"branch"`
	Since      time.Time     `json:"since" doc:"when the phase began"`
}

// Blueprint says what an Application was installed from.
type Blueprint struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Commit is one commit of an Application repo.
type Commit struct {
	SHA     string    `json:"sha"`
	Author  string    `json:"author,omitempty"`
	Email   string    `json:"email,omitempty"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Workload is a Deployment, StatefulSet or DaemonSet in summary.
type Workload struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Desired   int32     `json:"desired" doc:"pods wanted"`
	Ready     int32     `json:"ready" doc:"pods that answer"`
	Images    []string  `json:"images"`
	Health    string    `json:"health" enum:"Current,InProgress,Failed,Terminating,Unknown"`
	Message   string    `json:"message,omitempty"`
	ChangedAt time.Time `json:"changedAt" doc:"when the cluster last wrote it"`
}

// Pod is one pod in summary.
type Pod struct {
	Name     string `json:"name"`
	Workload string `json:"workload,omitempty" doc:"kind/name of what it belongs to"`
	Phase    string `json:"phase" enum:"Pending,Running,Succeeded,Failed,Unknown"`
	Ready    bool   `json:"ready"`
	Restarts int32  `json:"restarts"`
	Reason   string `json:"reason,omitempty" doc:"why it does not run, such as CrashLoopBackOff"`
	Message  string `json:"message,omitempty"`
}

// Warning is a Kubernetes Event of type Warning.
type Warning struct {
	About   string    `json:"about" doc:"kind/name of what it is about"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int32     `json:"count"`
	At      time.Time `json:"at" doc:"when it was last seen"`
}

// Dependency is an Application that another one needs.
type Dependency struct {
	Alias       string `json:"alias,omitempty" doc:"the name by which the Blueprint knows it"`
	Application string `json:"application"`
	Phase       Phase  `json:"phase,omitempty" doc:"of that Application; absent if it is not in this Environment" enum:"Installing,Running,Updating,Degraded,Failed,Paused,Removing,Unknown"`
}

// FileProblem is one thing that is wrong with a file in Git.
type FileProblem struct {
	Code     string `json:"code" doc:"what kind of problem it is, such as invalid_values or plain_secret"`
	Severity string `json:"severity" enum:"error,warning"`
	File     string `json:"file"`
	Line     int32  `json:"line,omitempty" doc:"absent if it is not known"`
	Pointer  string `json:"pointer,omitempty" doc:"the setting, as a JSON pointer"`
	Message  string `json:"message"`
	Commit   string `json:"commit" doc:"the commit that was checked"`
}

// Endpoint is an address at which the Application can be reached.
type Endpoint struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Part is one Flux object that carries the Application, with its own verdict.
type Part struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Health    string    `json:"health" enum:"Current,InProgress,Failed,Terminating,Unknown"`
	Message   string    `json:"message,omitempty"`
	Revision  string    `json:"revision,omitempty"`
	ChangedAt time.Time `json:"changedAt" doc:"when the cluster last wrote it"`
}

// Environment is one stage of an Organization.
type Environment struct {
	Header
	EnvType string `json:"envType" enum:"dev,stg,uat,prod,poc"`
	Branch  string `json:"branch"`
	Ready   bool   `json:"ready"`
	Message string `json:"message"`
}

// Organization is a customer or unit that owns Environments and Applications.
type Organization struct {
	Header
	DisplayName string `json:"displayName"`
	Ready       bool   `json:"ready"`
	Message     string `json:"message"`
}

// Sovereign is the installation as a whole.
type Sovereign struct {
	Header
	Clusters []Cluster `json:"clusters"`
	Sources  []Source  `json:"sources" doc:"what the read model learns from, and whether it can be heard"`
}

// Source is where observations come from: a cluster, or the Git forge.
type Source struct {
	Name      string    `json:"name"`
	Reachable bool      `json:"reachable"`
	Message   string    `json:"message,omitempty" doc:"why it cannot be reached"`
	HeardAt   time.Time `json:"heardAt" doc:"when it was last heard; it is heard every few seconds"`
}

// Cluster is one Kubernetes API that Applications run on.
type Cluster struct {
	Name           string `json:"name"`
	Version        string `json:"version"`
	Nodes          int    `json:"nodes"`
	SimulatedNodes int    `json:"simulatedNodes" doc:"nodes on which pods are only pretended to run"`
}

// OperationState is how far an Operation has come.
type OperationState string

// The states of an Operation; the last three are final.
const (
	OperationPending   OperationState = "Pending"
	OperationRunning   OperationState = "Running"
	OperationWaiting   OperationState = "Waiting" // a step failed in a way that may pass; it is tried again
	OperationSucceeded OperationState = "Succeeded"
	OperationFailed    OperationState = "Failed"
	OperationCancelled OperationState = "Cancelled" // a person ended it before it had written anything that stays
)

// Operation is a running or finished plan.
type Operation struct {
	Header
	Action       string         `json:"action" enum:"install,configure,upgrade,downgrade,rollback,pause,resume,uninstall"`
	Application  string         `json:"application"`
	Applications []string       `json:"applications" doc:"every Application that it changes, those that others need first"`
	Requester    string         `json:"requester" doc:"e-mail of the person who asked"`
	State        OperationState `json:"state" enum:"Pending,Running,Waiting,Succeeded,Failed,Cancelled"`
	Message      string         `json:"message" doc:"what it does now, or why it ended, as a sentence"`
	Hint         string         `json:"hint,omitempty" doc:"what a person has to do, where it cannot go on without one"`
	Steps        []Step         `json:"steps"`
	Commit       string         `json:"commit,omitempty" doc:"the commit that it made in the Application's own repository"`
	Plan         string         `json:"plan,omitempty" doc:"the InstallPlan that it carries out, if it was shown before"`
	RetryOf      string         `json:"retryOf,omitempty" doc:"the Operation that failed and is tried again by this one"`
	Cancellable  bool           `json:"cancellable" doc:"nothing that stays was written yet"`
	CreatedAt    time.Time      `json:"createdAt"`
	NextTryAt    time.Time      `json:"nextTryAt,omitzero" doc:"when it is tried again, while it waits"`
	EndedAt      time.Time      `json:"endedAt,omitzero"`
}

// Step is one idempotent part of an Operation.
type Step struct {
	Name        string         `json:"name"`
	Application string         `json:"application,omitempty" doc:"the one that it works on"`
	State       OperationState `json:"state" enum:"Pending,Running,Waiting,Succeeded,Failed,Cancelled"`
	Message     string         `json:"message,omitempty"`
}

// Activity is what happened last in an Environment.
type Activity struct {
	Header
	Entries []ActivityEntry `json:"entries" doc:"newest first, at most 50"`
}

// ActivityEntry is one thing that happened.
type ActivityEntry struct {
	At          time.Time `json:"at"`
	Type        string    `json:"type" enum:"commit,operation,warning"`
	Application string    `json:"application"`
	Actor       string    `json:"actor,omitempty" doc:"e-mail of the person, where it was one"`
	Summary     string    `json:"summary"`
	Reference   string    `json:"reference" doc:"the commit, the id of the Operation, or kind/name of what the warning is about"`
}

// BlueprintUse says which Applications of an Environment come from a Blueprint, which gives the view its name.
type BlueprintUse struct {
	Header
	Versions []VersionUse `json:"versions" doc:"in the order of their names"`
}

// VersionUse says which Applications run one version of a Blueprint.
type VersionUse struct {
	Version      string   `json:"version"`
	Applications []string `json:"applications"`
}

// SetAside is something on the spine that could not be read or was refused, so that it had no effect.
type SetAside struct {
	Header
	Subject   string `json:"subject"`
	Sequence  uint64 `json:"sequence,omitempty" doc:"its place in the stream of its account; absent if it never got there"`
	SizeBytes int64  `json:"sizeBytes"`
	Reason    string `json:"reason"`
}

// Frame is one message of the stream: a view that was put, or one that is gone (Object is null then).
type Frame struct {
	Key    string          `json:"key"`
	Kind   Kind            `json:"kind"`
	Object json.RawMessage `json:"object"`
}
