package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BlueprintPin is a Blueprint at one version.
type BlueprintPin struct {
	// Name of the Blueprint, bp-….
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`
	// Version that is pinned.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`
}

// ApplicationDependency is one Application that another depends on.
type ApplicationDependency struct {
	// Alias by which the Blueprint knows it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Alias string `json:"alias,omitempty"`
	// Application of the same Environment that is depended on.
	// +kubebuilder:validation:MaxLength=256
	Application string `json:"application"`
	// Waits is true where Flux applies this Application only once that one is ready.
	Waits bool `json:"waits"`
	// Message says why it does not wait, where it does not.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// ApplicationStatus is what was found in Git, and what Flux says of it.
type ApplicationStatus struct {
	// Repository in the Git forge, {organization}/{name}.
	// +optional
	Repository string `json:"repository,omitempty"`
	// Branch that runs here.
	// +optional
	Branch string `json:"branch,omitempty"`
	// Revision is the commit at the head of the branch when it was last looked at.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Blueprint from which it was installed, as application.yaml pins it.
	// +optional
	Blueprint *BlueprintPin `json:"blueprint,omitempty"`
	// Size that was chosen, if one was.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Size string `json:"size,omitempty"`
	// Dependencies that application.yaml declares.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Dependencies []ApplicationDependency `json:"dependencies,omitempty"`
	// Conditions: Ready is what Flux said last of applying it. DependenciesMet is False when it depends on an
	// Application that is not in this Environment, or when dependencies go in a circle.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Application says what was found of one Application in one Environment. It lies in the Environment's namespace and is
// derived from the repository {organization}/{name}: to write it by hand has no effect. It has a status and no spec,
// because what is wanted is in Git and nowhere else.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=app,categories=catalyst
// +kubebuilder:printcolumn:name="Blueprint",type=string,JSONPath=`.status.blueprint.name`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.blueprint.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Revision",type=string,priority=1,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",message="the name must be a DNS label that starts with a letter"
type Application struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Status is what was found in Git, and what Flux says of it.
	// +optional
	Status ApplicationStatus `json:"status,omitempty"`
}

// ApplicationList is a list of Applications.
//
// +kubebuilder:object:root=true
type ApplicationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Application `json:"items"`
}
