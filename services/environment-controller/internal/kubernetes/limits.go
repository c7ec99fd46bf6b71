package kubernetes

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// Names of what keeps an Environment within its bounds.
const (
	limitsName  = "catalyst-limits"
	networkName = "catalyst-default"
)

// shipped is the quota where nobody says anything: so large that it stops only what runs away.
func shipped() catalystv1.Quota {
	cpu, memory, storage := resource.MustParse("100"), resource.MustParse("200Gi"), resource.MustParse("2Ti")
	return catalystv1.Quota{CPU: &cpu, Memory: &memory, Storage: &storage, Pods: new(int32(2000)), LoadBalancers: new(int32(0))}
}

// inForce is what holds of what an Environment, its Organization and the Sovereign say: whoever is nearer wins, field by
// field.
func inForce(env catalystv1.EnvironmentSpec, above ...*catalystv1.EnvironmentDefaults) (catalystv1.Quota, catalystv1.Size) {
	var quota catalystv1.Quota
	size := env.DefaultSize
	all := []*catalystv1.Quota{env.Quota}
	for _, d := range above {
		if d == nil {
			continue
		}
		all = append(all, d.Quota)
		if size == "" {
			size = d.DefaultSize
		}
	}
	last := shipped()
	for _, q := range append(all, &last) {
		if q == nil {
			continue
		}
		quota.CPU, quota.Memory, quota.Storage = nearer(quota.CPU, q.CPU), nearer(quota.Memory, q.Memory), nearer(quota.Storage, q.Storage)
		quota.Pods, quota.LoadBalancers = nearer(quota.Pods, q.Pods), nearer(quota.LoadBalancers, q.LoadBalancers)
	}
	return quota, size
}

func nearer[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func resourceQuota(env environment.Environment, q catalystv1.Quota) *corev1.ResourceQuota {
	count := func(n int32) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalSI) }
	hard := corev1.ResourceList{
		corev1.ResourceRequestsCPU: q.CPU.DeepCopy(), corev1.ResourceRequestsMemory: q.Memory.DeepCopy(), corev1.ResourceRequestsStorage: q.Storage.DeepCopy(),
		corev1.ResourcePods: count(*q.Pods), corev1.ResourceServicesLoadBalancers: count(*q.LoadBalancers),
	}
	if *q.LoadBalancers == 0 { // each has ports on the nodes too
		hard[corev1.ResourceServicesNodePorts] = count(0)
	}
	return &corev1.ResourceQuota{ObjectMeta: object(env, limitsName), Spec: corev1.ResourceQuotaSpec{Hard: hard}}
}

// limitRange gives a container that asks for nothing something to count against the quota, and lets none have more
// memory than the whole Environment may request.
func limitRange(env environment.Environment, q catalystv1.Quota) *corev1.LimitRange {
	least := func(v string) resource.Quantity {
		m := resource.MustParse(v)
		if q.Memory.Cmp(m) < 0 {
			m = q.Memory.DeepCopy()
		}
		return m
	}
	return &corev1.LimitRange{ObjectMeta: object(env, limitsName), Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type:           corev1.LimitTypeContainer,
		DefaultRequest: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: least("64Mi")},
		Default:        corev1.ResourceList{corev1.ResourceMemory: q.Memory.DeepCopy()},
		Max:            corev1.ResourceList{corev1.ResourceMemory: q.Memory.DeepCopy()},
	}}}}
}

// networkPolicy lets pods talk within their Environment, ask DNS and be reached from where the Sovereign's ingress runs,
// and nothing else. A Blueprint that needs more brings a policy for its own pods.
func networkPolicy(env environment.Environment) *networkingv1.NetworkPolicy {
	here := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
	port := func(p corev1.Protocol) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: &p, Port: new(intstr.FromInt32(53))}
	}
	return &networkingv1.NetworkPolicy{ObjectMeta: object(env, networkName), Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
			here,
			{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{catalystv1.LabelIngress: "true"}}},
		}}},
		Egress: []networkingv1.NetworkPolicyEgressRule{
			{To: []networkingv1.NetworkPolicyPeer{here}},
			{
				Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP), port(corev1.ProtocolTCP)},
				To: []networkingv1.NetworkPolicyPeer{
					{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}}},
					{IPBlock: &networkingv1.IPBlock{CIDR: "169.254.20.10/32"}}, // where a cache of DNS on the node answers
				},
			},
		},
	}}
}
