package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BlueprintCard is what people see of a Blueprint before they install it.
type BlueprintCard struct {
	// Title that people read.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Title string `json:"title,omitempty"`
	// Summary in one sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	Summary string `json:"summary,omitempty"`
	// Category under which it is found. One that bundles others is composite.
	// +optional
	// +kubebuilder:validation:MaxLength=60
	Category string `json:"category,omitempty"`
	// Icon is the path of an SVG or PNG in the Blueprint's folder.
	// +optional
	// +kubebuilder:validation:MaxLength=300
	Icon string `json:"icon,omitempty"`
	// Description is the path of a Markdown file in the Blueprint's folder.
	// +optional
	// +kubebuilder:validation:MaxLength=300
	Description string `json:"description,omitempty"`
}

// BlueprintDependency is another Blueprint that has to run for this one to work.
type BlueprintDependency struct {
	// Blueprint that is needed.
	// +kubebuilder:validation:Pattern=`^bp-[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Blueprint string `json:"blueprint"`
	// Version is a range such as ^1.4; any, if it is left out.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Version string `json:"version,omitempty"`
	// Alias by which this Blueprint knows it.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Alias string `json:"alias,omitempty"`
	// When is a condition over the settings, in CEL: only where it is true is the other needed.
	// +optional
	// +kubebuilder:validation:MaxLength=2000
	When string `json:"when,omitempty"`
	// Values are settings that are passed on to the other. A string may hold {{ expressions }}.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Values *runtime.RawExtension `json:"values,omitempty"`
}

// BlueprintManifests is the part of the folder that Flux renders.
type BlueprintManifests struct {
	// Engine that renders it.
	// +kubebuilder:validation:Enum=helm;kustomize
	Engine string `json:"engine"`
	// Path of the chart or of the kustomization.
	// +kubebuilder:validation:MaxLength=300
	Path string `json:"path"`
}

// BlueprintOverlay is a ready-made size.
type BlueprintOverlay struct {
	// Title that people read.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Title string `json:"title,omitempty"`
	// Values that the size stands for. What a person sets goes before them.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Values *runtime.RawExtension `json:"values,omitempty"`
}

// BlueprintUpgrades says how this version can be reached.
type BlueprintUpgrades struct {
	// From is a range of versions that can be upgraded to this one.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	From string `json:"from,omitempty"`
	// Blocks are versions that cannot: ranges, or objects with versions and a reason.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Blocks *runtime.RawExtension `json:"blocks,omitempty"`
}

// BlueprintSpec is what a Blueprint says about itself.
type BlueprintSpec struct {
	// Version of the Blueprint. In blueprint.yaml it is metadata.version, which Kubernetes does not keep.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Version string `json:"version,omitempty"`
	// Card is what people see before they install.
	// +optional
	Card *BlueprintCard `json:"card,omitempty"`
	// Owner is the team to ask.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Owner string `json:"owner,omitempty"`
	// Visibility says who finds it: everybody, who knows its name, or its owner.
	// +optional
	// +kubebuilder:validation:Enum=listed;unlisted;private
	Visibility string `json:"visibility,omitempty"`
	// ConfigSchema is the JSON Schema (2020-12) of its settings, from which the form is drawn.
	// +optional
	// +nullable
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	ConfigSchema *runtime.RawExtension `json:"configSchema,omitempty"`
	// PlacementSchema says what clusters it can run in.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	PlacementSchema *runtime.RawExtension `json:"placementSchema,omitempty"`
	// Depends are other Blueprints that have to run for this one to work.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Depends []BlueprintDependency `json:"depends,omitempty"`
	// Provides are the capabilities that it brings.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Provides *runtime.RawExtension `json:"provides,omitempty"`
	// Needs are the capabilities that something else has to bring.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Needs *runtime.RawExtension `json:"needs,omitempty"`
	// Manifests is what Flux renders.
	// +optional
	Manifests *BlueprintManifests `json:"manifests,omitempty"`
	// Overlays are ready-made sizes, such as small, medium and large.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	Overlays map[string]BlueprintOverlay `json:"overlays,omitempty"`
	// Upgrades says from which versions this one can be reached.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Upgrades *BlueprintUpgrades `json:"upgrades,omitempty"`
	// Rotation says which of its secrets are renewed, and how.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Rotation *runtime.RawExtension `json:"rotation,omitempty"`
	// Observability says what it measures and which dashboards come with it.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Observability *runtime.RawExtension `json:"observability,omitempty"`
}

// BlueprintStatus is what was found of it.
type BlueprintStatus struct {
	// ObservedGeneration is the generation that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready is True when it may be installed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Blueprint is that from which an Application is installed. Its document is blueprint.yaml in a signed OCI artifact,
// where the catalog reads it; this kind takes the same document, so that tools for Kubernetes can hold, list and explain
// it. To apply one here does not bring it into the catalog.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=bp,categories=catalyst
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.card.title`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Engine",type=string,JSONPath=`.spec.manifests.engine`
// +kubebuilder:printcolumn:name="Visibility",type=string,JSONPath=`.spec.visibility`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^bp-[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",message="the name must be a DNS label that starts with bp-"
type Blueprint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what it says about itself.
	Spec BlueprintSpec `json:"spec"`
	// Status is what was found of it.
	// +optional
	Status BlueprintStatus `json:"status,omitempty"`
}

// BlueprintList is a list of Blueprints.
//
// +kubebuilder:object:root=true
type BlueprintList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Blueprint `json:"items"`
}
