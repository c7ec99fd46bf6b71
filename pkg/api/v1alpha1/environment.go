package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EnvType is the stage that an Environment stands for.
// +kubebuilder:validation:Enum=dev;stg;uat;prod;poc
type EnvType string

// EnvironmentSpec is what its owner wants of an Environment.
type EnvironmentSpec struct {
	// Organization that the Environment belongs to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Organization string `json:"organization"`
	// EnvType is the stage; the name of the Environment is {organization}-{envType}.
	EnvType EnvType `json:"envType"`
	// Branch of every Application repo that this Environment runs.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Branch string `json:"branch"`
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
	// Conditions: Ready is True when the namespace and its Flux objects exist.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Environment is one stage of an Organization: a branch of its Application repos, and the place where it runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=env
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organization`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.envType`
// +kubebuilder:printcolumn:name="Branch",type=string,JSONPath=`.spec.branch`
// +kubebuilder:printcolumn:name="Applications",type=integer,JSONPath=`.status.applications`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == self.spec.organization + '-' + self.spec.envType",message="the name must be {organization}-{envType}"
type Environment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EnvironmentSpec   `json:"spec"`
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
