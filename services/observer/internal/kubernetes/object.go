package kubernetes

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// object is what is kept of an object of the cluster: what is told of it, and nothing else. So nothing that could be
// secret is ever kept.
type object struct {
	key string // namespace/name, or the name alone
	// namespace is the one whose Environment it belongs to.
	namespace   string
	application string
	said        *spinev1.ObjectObserved // without its place and the time

	place place       // of a Namespace
	crd   *definition // of a CustomResourceDefinition
}

// claimNamespace is the label by which Crossplane says for whom a resource without a namespace was made.
const claimNamespace = "crossplane.io/claim-namespace"

// digest makes an object of what the API server sent.
func digest(cluster string, k kind, u *unstructured.Unstructured) *object {
	o := &object{
		key: u.GetName(), namespace: u.GetNamespace(), application: application(u),
		said: &spinev1.ObjectObserved{
			Object: &spinev1.ObjectRef{
				Cluster: cluster, ApiVersion: u.GetAPIVersion(), Kind: k.name, Namespace: u.GetNamespace(), Name: u.GetName(), Uid: string(u.GetUID()),
			},
			ResourceVersion: u.GetResourceVersion(), Generation: u.GetGeneration(),
			CreatedAt: timestamppb.New(u.GetCreationTimestamp().Time), ChangedAt: timestamppb.New(changed(u)),
		},
	}
	if ns := u.GetNamespace(); ns != "" {
		o.key = ns + "/" + u.GetName()
	}
	switch {
	case k.GroupVersionResource == namespaces.GroupVersionResource:
		o.place = place{u.GetLabels()[catalystv1.LabelOrganization], u.GetLabels()[catalystv1.LabelEnvironment]}
	case k.GroupVersionResource == definitions.GroupVersionResource:
		o.crd = define(u)
	case k.name == events:
		warn(o, u)
	default:
		if k.class == classCrossplane && o.namespace == "" {
			o.namespace = u.GetLabels()[claimNamespace]
		}
		o.said.Health = health(u)
		detail(o.said, k, u)
	}
	return o
}

// changed is when an object was last written, as it tells itself.
func changed(u *unstructured.Unstructured) time.Time {
	at := u.GetCreationTimestamp().Time
	if gone := u.GetDeletionTimestamp(); gone != nil && gone.After(at) {
		at = gone.Time
	}
	for _, f := range u.GetManagedFields() {
		if f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}

// application tells which Application an object belongs to, if it is in an Environment.
func application(u *unstructured.Unstructured) string {
	if app := u.GetLabels()[catalystv1.LabelApplication]; app != "" {
		return app
	}
	switch u.GetKind() {
	case "GitRepository", "OCIRepository", "HelmRelease", "Kustomization":
		return strings.TrimSuffix(u.GetName(), "-blueprint")
	}
	return ""
}

// remembered is an object of which only the identity is known.
func remembered(o *spinev1.ObjectObserved) *object {
	ref := o.GetObject()
	out := &object{key: ref.GetName(), namespace: ref.GetNamespace(), application: o.GetApplication(), said: o}
	if ref.GetNamespace() != "" {
		out.key = ref.GetNamespace() + "/" + ref.GetName()
	}
	return out
}

// kindOf is the kind of an object that was told of.
func kindOf(ref *spinev1.ObjectRef) schema.GroupKind {
	group, _, found := strings.Cut(ref.GetApiVersion(), "/")
	if !found {
		group = ""
	}
	return schema.GroupKind{Group: group, Kind: ref.GetKind()}
}

// as is what is told of an object: the summary with its place, at a time.
func (o *object) as(at place, now time.Time) *spinev1.ObjectObserved {
	s := o.said
	app := o.application
	if at.environment == "" {
		app = ""
	}
	return &spinev1.ObjectObserved{
		Object: s.GetObject(), ResourceVersion: s.GetResourceVersion(), Generation: s.GetGeneration(), ObservedAt: timestamppb.New(now),
		Organization: at.organization, Environment: at.environment, Application: app,
		Health: s.GetHealth(), Detail: s.Detail, CreatedAt: s.GetCreatedAt(), ChangedAt: s.GetChangedAt(),
	}
}
