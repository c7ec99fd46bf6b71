package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KeycloakTopology says where people's identities are kept.
// +kubebuilder:validation:Enum=per-organization;shared-sovereign
type KeycloakTopology string

// The topologies: one identity server for each Organization, or one for the Sovereign.
const (
	KeycloakPerOrganization KeycloakTopology = "per-organization"
	KeycloakSharedSovereign KeycloakTopology = "shared-sovereign"
)

// SovereignSpec is what its owner wants of a Sovereign.
type SovereignSpec struct {
	// DisplayName is the name that people read.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	DisplayName string `json:"displayName"`
	// Domain under which the Sovereign is reached, such as omantel.example.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Domain string `json:"domain,omitempty"`
	// KeycloakTopology says where people's identities are kept: per-organization suits a provider with many small
	// Organizations, shared-sovereign a corporation that federates its own directory. It cannot be changed later,
	// because people would lose their accounts.
	// +kubebuilder:default=shared-sovereign
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="keycloakTopology cannot be changed: people would lose their accounts"
	KeycloakTopology KeycloakTopology `json:"keycloakTopology,omitempty"`
	// EnvironmentDefaults hold in every Environment whose own manifest, and whose Organization, say nothing else.
	// +optional
	EnvironmentDefaults *EnvironmentDefaults `json:"environmentDefaults,omitempty"`
}

// SovereignStatus is what the environment-controller found.
type SovereignStatus struct {
	// ObservedGeneration is the generation that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Organizations is the number of Organizations.
	// +optional
	Organizations int32 `json:"organizations,omitempty"`
	// Environments is the number of Environments.
	// +optional
	Environments int32 `json:"environments,omitempty"`
	// Conditions: Ready is True when what this manifest says is in force. It is False while there is another Sovereign
	// beside it: then neither is.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Sovereign is one self-sufficient installation of Catalyst: what holds for all its Organizations. There is one,
// in the namespace catalyst-system, as a file in the repository system/catalyst-config.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=sov,categories=catalyst
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Domain",type=string,JSONPath=`.spec.domain`
// +kubebuilder:printcolumn:name="Keycloak",type=string,priority=1,JSONPath=`.spec.keycloakTopology`
// +kubebuilder:printcolumn:name="Organizations",type=integer,JSONPath=`.status.organizations`
// +kubebuilder:printcolumn:name="Environments",type=integer,JSONPath=`.status.environments`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Sovereign struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what its owner wants.
	Spec SovereignSpec `json:"spec"`
	// Status is what the environment-controller found.
	// +optional
	Status SovereignStatus `json:"status,omitempty"`
}

// SovereignList is a list of Sovereigns.
//
// +kubebuilder:object:root=true
type SovereignList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Sovereign `json:"items"`
}
