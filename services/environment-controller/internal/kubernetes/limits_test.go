package kubernetes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

func quantity(v string) *resource.Quantity { return new(resource.MustParse(v)) }

func TestWhoeverIsNearerWins(t *testing.T) {
	env := catalystv1.EnvironmentSpec{Quota: &catalystv1.Quota{CPU: quantity("2")}}
	org := &catalystv1.EnvironmentDefaults{Quota: &catalystv1.Quota{CPU: quantity("4"), Memory: quantity("8Gi")}}
	sovereign := &catalystv1.EnvironmentDefaults{Quota: &catalystv1.Quota{Memory: quantity("1Gi"), Pods: new(int32(7))}, DefaultSize: "small"}
	q, size := inForce(env, org, sovereign)
	if q.CPU.String() != "2" || q.Memory.String() != "8Gi" || *q.Pods != 7 || q.Storage.Cmp(*shipped().Storage) != 0 || *q.LoadBalancers != 0 || size != "small" {
		t.Errorf("%v %v %v, %s", q.CPU, q.Memory, *q.Pods, size)
	}
	if q, size := inForce(catalystv1.EnvironmentSpec{}, nil, nil); q.CPU.Cmp(*shipped().CPU) != 0 || size != "" {
		t.Errorf("%v, %s", q.CPU, size)
	}
}

// TestWithinItsBounds: what a container is given when it asks for nothing never exceeds what it may have.
func TestWithinItsBounds(t *testing.T) {
	for _, memory := range []string{"16Mi", "64Mi", "200Gi"} {
		q := shipped()
		q.Memory = quantity(memory)
		l := limitRange(dev, q).Spec.Limits[0]
		request, limit, most := l.DefaultRequest[corev1.ResourceMemory], l.Default[corev1.ResourceMemory], l.Max[corev1.ResourceMemory]
		if request.Cmp(limit) > 0 || limit.Cmp(most) > 0 {
			t.Errorf("%s: request %s, limit %s, at most %s", memory, request.String(), limit.String(), most.String())
		}
	}
}

func TestPodSecurity(t *testing.T) {
	for _, tt := range []struct {
		grant *catalystv1.PodSecurity
		want  string
	}{{nil, "restricted"}, {&catalystv1.PodSecurity{}, "restricted"}, {&catalystv1.PodSecurity{Level: catalystv1.PodSecurityBaseline}, "baseline"}} {
		l := namespace(dev, tt.grant).Labels
		if l[podSecurityEnforce] != tt.want || l[podSecurityWarn] != "restricted" {
			t.Errorf("%+v: %v", tt.grant, l)
		}
	}
}

// TestWhatPodsUseIsNoReasonToLook: the status of a quota changes with every pod, and nobody touched it.
func TestWhatPodsUseIsNoReasonToLook(t *testing.T) {
	was, is := resourceQuota(dev, shipped()), resourceQuota(dev, shipped())
	is.ResourceVersion, is.Status.Used = "2", corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}
	if touched().Update(event.UpdateEvent{ObjectOld: was, ObjectNew: is}) {
		t.Error("a pod has the whole Environment looked at")
	}
	is.Spec.Hard[corev1.ResourcePods] = resource.MustParse("9")
	if !touched().Update(event.UpdateEvent{ObjectOld: was, ObjectNew: is}) {
		t.Error("a quota that somebody changed is not looked at")
	}
}

func TestDriftIsToldOnlyOfOthers(t *testing.T) {
	entry := func(manager, subresource, fields string, minute int) metav1.ManagedFieldsEntry {
		at := metav1.Date(2026, 11, 21, 10, minute, 0, 0, metav1.Now().UTC().Location())
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	got := lastWriter([]metav1.ManagedFieldsEntry{
		entry(catalystv1.ManagedByController, "", `{"f:spec":{}}`, 5), entry("source-controller", "status", `{"f:status":{}}`, 6),
		entry("kustomize-controller", "", `{"f:metadata":{"f:finalizers":{}}}`, 7), entry("kubectl-edit", "", `{"f:spec":{"f:suspend":{}}}`, 3), entry("older", "", `{"f:spec":{}}`, 1),
	})
	if got != " by kubectl-edit at 2026-11-21T10:03:00Z" {
		t.Errorf("got %q", got)
	}
	if got := lastWriter(nil); got != "" {
		t.Errorf("got %q", got)
	}
}
