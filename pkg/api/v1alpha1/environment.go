package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EnvType is the stage that an Environment stands for.
// +kubebuilder:validation:Enum=dev;stg;uat;prod;poc
type EnvType string

// Topology is what an Environment runs in.
// +kubebuilder:validation:Enum=shared
type Topology string

// TopologyShared is a namespace of its own in a cluster that Environments share.
const TopologyShared Topology = "shared"

// PodSecurityLevel is a level of the Kubernetes Pod Security Standards.
// +kubebuilder:validation:Enum=restricted;baseline
type PodSecurityLevel string

// The levels. Privileged pods have no place beside those of others.
const (
	PodSecurityRestricted PodSecurityLevel = "restricted"
	PodSecurityBaseline   PodSecurityLevel = "baseline"
)

// PodSecurity is what pods of an Environment may ask of their node.
// +kubebuilder:validation:XValidation:rule="self.level == 'restricted' || has(self.reason)",message="baseline is a grant: say under reason which Blueprint needs it, and why"
type PodSecurity struct {
	// Level of the Pod Security Standards that the cluster enforces. With baseline it still warns of what restricted
	// would refuse.
	// +kubebuilder:default=restricted
	// +optional
	Level PodSecurityLevel `json:"level,omitempty"`
	// Reason for anything but restricted: which Blueprint needs it, and why.
	// +optional
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=300
	Reason string `json:"reason,omitempty"`
}

// Placement asks for a kind of cluster.
type Placement struct {
	// Region of the cluster, such as hz-fsn.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Region string `json:"region"`
	// BuildingBlock is what the cluster is for: rtz runs workloads, dmz faces the internet, mgt manages.
	// +kubebuilder:validation:Enum=rtz;dmz;mgt
	// +kubebuilder:default=rtz
	// +optional
	BuildingBlock string `json:"buildingBlock,omitempty"`
}

// EnvironmentSpec is what its owner wants of an Environment.
// +kubebuilder:validation:XValidation:rule="!has(self.promotesTo) || self.promotesTo.all(e, e.startsWith(self.organization + '-') && e != self.organization + '-' + self.envType)",message="promotesTo must name other Environments of the same Organization"
type EnvironmentSpec struct {
	// Organization that the Environment belongs to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an Environment cannot move to another Organization"
	Organization string `json:"organization"`
	// EnvType is the stage; the name of the Environment is {organization}-{envType}.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the type of an Environment cannot be changed"
	EnvType EnvType `json:"envType"`
	// Branch of every Application repo that this Environment runs.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]([A-Za-z0-9_./-]*[A-Za-z0-9_])?$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('..') && !self.contains('//') && !self.endsWith('.lock')",message="it must be a name that Git accepts for a branch"
	Branch string `json:"branch"`
	// Topology is what the Environment runs in: shared is a namespace of its own with a quota, network policies and a
	// service account for Flux.
	// +kubebuilder:default=shared
	// +optional
	Topology Topology `json:"topology,omitempty"`
	// Placement asks for clusters by region and building block. In a Sovereign of one cluster everything runs there,
	// and the condition Placed says so.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Placement []Placement `json:"placement,omitempty"`
	// PromotesTo are the Environments that a version goes to from here. There may be more than one, such as two regions
	// of prod.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=45
	PromotesTo []string `json:"promotesTo,omitempty"`
	// Quota is how much the Environment may use.
	// +optional
	Quota *Quota `json:"quota,omitempty"`
	// DefaultSize is the size that an Application is installed in here when nobody chooses one.
	// +optional
	DefaultSize Size `json:"defaultSize,omitempty"`
	// PodSecurity is what pods may ask of their node: the level restricted, unless more is granted here.
	// +optional
	PodSecurity *PodSecurity `json:"podSecurity,omitempty"`
}

// EnvironmentStatus is what the environment-controller made of it.
type EnvironmentStatus struct {
	// ObservedGeneration is the generation that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Namespace in which its Applications run.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Applications is the number of Applications found in Git for this Environment.
	// +optional
	Applications int32 `json:"applications,omitempty"`
	// Quota in force: what this Environment, its Organization, the Sovereign and Catalyst say, in that order.
	// +optional
	Quota *Quota `json:"quota,omitempty"`
	// DefaultSize in force, empty if nobody names one: then a Blueprint's own defaults hold.
	// +optional
	DefaultSize Size `json:"defaultSize,omitempty"`
	// Conditions: Ready is True when the namespace and everything in it that Catalyst keeps exist. DependenciesMet is
	// False when an Application depends on one that is not here, or when dependencies go in a circle; those edges are
	// left out, so that nothing waits for ever. Placed tells of a placement that could not be followed. Drift, as an
	// event and not a condition, tells what somebody changed by hand and was put back.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Environment is one stage of an Organization: a branch of its Application repos, and the place where it runs. It is a
// file in system/catalyst-config: organizations/{organization}/environments/{name}.yaml. When that file is removed,
// everything that runs in the Environment is removed with it; the repositories stay.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=env,categories=catalyst
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organization`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.envType`
// +kubebuilder:printcolumn:name="Branch",type=string,JSONPath=`.spec.branch`
// +kubebuilder:printcolumn:name="Applications",type=integer,JSONPath=`.status.applications`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == self.spec.organization + '-' + self.spec.envType",message="the name must be {organization}-{envType}"
type Environment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what its owner wants.
	Spec EnvironmentSpec `json:"spec"`
	// Status is what the environment-controller made of it.
	// +optional
	Status EnvironmentStatus `json:"status,omitempty"`
}

// EnvironmentList is a list of Environments.
//
// +kubebuilder:object:root=true
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Environment `json:"items"`
}
