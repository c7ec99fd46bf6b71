package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Quota is how much one Environment may use of the cluster. What is left out is taken from the Organization's
// environmentDefaults, then from the Sovereign's, and in the end from what Catalyst ships with.
type Quota struct {
	// CPU that all containers together may request, such as "4" or "500m".
	// +optional
	CPU *resource.Quantity `json:"cpu,omitempty"`
	// Memory that all containers together may request, such as 8Gi.
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`
	// Storage that all volume claims together may request, such as 100Gi.
	// +optional
	Storage *resource.Quantity `json:"storage,omitempty"`
	// Pods that there may be.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Pods *int32 `json:"pods,omitempty"`
	// LoadBalancers that there may be: Services of the type LoadBalancer, which a cloud charges for. None, if it is
	// left out everywhere.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	LoadBalancers *int32 `json:"loadBalancers,omitempty"`
}

// Size is one of the ready-made sizes that a Blueprint may offer under overlays.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=30
// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
type Size string

// EnvironmentDefaults hold for every Environment that does not say otherwise.
type EnvironmentDefaults struct {
	// Quota of an Environment.
	// +optional
	Quota *Quota `json:"quota,omitempty"`
	// DefaultSize is the size that an Application is installed in when nobody chooses one.
	// +optional
	DefaultSize Size `json:"defaultSize,omitempty"`
}
