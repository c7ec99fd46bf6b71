package kubernetes

import (
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource/unstructured/composed"
	crossplanev2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// resource says how a claim, a composite or a managed resource is, by the conditions that all of them have. The reason
// is that of the condition that stands in the way, if one does.
func resource(u *unstructured.Unstructured) *spinev1.Resource {
	x := composed.Unstructured{Unstructured: *u}
	ready, synced := known(x.GetCondition(crossplanev2.TypeReady)), known(x.GetCondition(crossplanev2.TypeSynced))
	tells := ready
	if synced.Status == corev1.ConditionFalse {
		tells = synced
	}
	return &spinev1.Resource{
		Ready: string(ready.Status), Synced: string(synced.Status), Reason: string(tells.Reason), Message: clip(tells.Message, maxText),
	}
}

// known gives a condition that is not there the status that Crossplane means by that.
func known(c crossplanev2.Condition) crossplanev2.Condition {
	if c.Status == "" {
		c.Status = corev1.ConditionUnknown
	}
	return c
}
