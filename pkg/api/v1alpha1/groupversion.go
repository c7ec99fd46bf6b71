package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "catalyst.openova.io", Version: "v1alpha1"}

// AddToScheme registers the types.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Sovereign{}, &SovereignList{},
		&Organization{}, &OrganizationList{},
		&Environment{}, &EnvironmentList{},
		&Application{}, &ApplicationList{},
		&Blueprint{}, &BlueprintList{},
		&EnvironmentPolicy{}, &EnvironmentPolicyList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
