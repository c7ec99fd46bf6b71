package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TeamRole is what the members of a team may do with every repository of their Organization.
// +kubebuilder:validation:Enum=org-admin;org-developer;org-viewer
type TeamRole string

// The roles that a team may have.
const (
	RoleAdmin     TeamRole = "org-admin"
	RoleDeveloper TeamRole = "org-developer"
	RoleViewer    TeamRole = "org-viewer"
)

// Team is a team of the Organization in the Git forge, beside those of its roles.
// +kubebuilder:validation:XValidation:rule="!self.name.startsWith('catalyst-') && !(self.name in ['org-admin', 'org-developer', 'org-viewer', 'owners'])",message="the names org-admin, org-developer, org-viewer, owners and those that begin with catalyst- belong to Catalyst"
type Team struct {
	// Name of the team, such as team-platform. An EnvironmentPolicy names it as an approver.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// Role of its members. Who is a member is decided in the forge and in the identity server, not here.
	// +kubebuilder:default=org-viewer
	// +optional
	Role TeamRole `json:"role,omitempty"`
	// Description for people.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	Description string `json:"description,omitempty"`
}

// OrganizationSpec is what its owner wants of an Organization.
type OrganizationSpec struct {
	// DisplayName is the name that people read.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	DisplayName string `json:"displayName"`
	// Teams beside those of the roles, for example those that have to approve a promotion.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=50
	Teams []Team `json:"teams,omitempty"`
	// EnvironmentDefaults hold in every Environment of this Organization that says nothing else.
	// +optional
	EnvironmentDefaults *EnvironmentDefaults `json:"environmentDefaults,omitempty"`
	// Retired is the first of the two steps by which an Organization leaves. While Applications run it changes nothing
	// and the condition Retired says which; after that its repositories are archived: they can be read and no longer
	// changed. Set to false again, they are as before. The second step is to remove the manifest. Nothing is deleted
	// in the forge by either.
	// +optional
	Retired bool `json:"retired,omitempty"`
}

// OrganizationStatus is what the environment-controller made of it.
type OrganizationStatus struct {
	// ObservedGeneration is the generation that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Archived are the repositories that were archived because the Organization is retired. When it no longer is,
	// these and no others can be changed again.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	Archived []string `json:"archived,omitempty"`
	// Conditions: Ready is True when the Git organization, its teams, its webhook, its pull credential and its account
	// on the spine exist. Retired says how far the way out of the Sovereign has been gone, and what it waits for.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Organization owns Environments and Applications, and is the boundary between customers. Its name is also the name
// of its Git organization. It is a file in system/catalyst-config: organizations/{name}/organization.yaml.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=org,categories=catalyst
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Retired",type=boolean,JSONPath=`.spec.retired`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 40",message="the name must be a DNS label that starts with a letter, of at most 40 characters"
// +kubebuilder:validation:XValidation:rule="!(self.metadata.name in ['system', 'catalog', 'catalog-sovereign'])",message="the names system, catalog and catalog-sovereign belong to the Sovereign"
type Organization struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what its owner wants.
	Spec OrganizationSpec `json:"spec"`
	// Status is what the environment-controller made of it.
	// +optional
	Status OrganizationStatus `json:"status,omitempty"`
}

// OrganizationList is a list of Organizations.
//
// +kubebuilder:object:root=true
type OrganizationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Organization `json:"items"`
}
