// Package v1alpha1 holds the custom resources of catalyst.openova.io: desired state, as it lies in Git.
//
// +kubebuilder:object:generate=true
// +groupName=catalyst.openova.io
package v1alpha1
