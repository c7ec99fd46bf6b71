package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

func pod(u *unstructured.Unstructured) *spinev1.Pod {
	p := &spinev1.Pod{
		Phase: str(u, "status", "phase"), Ready: condition(u, "Ready")["status"] == "True", Node: str(u, "spec", "nodeName"), Workload: owner(u),
	}
	if p.GetPhase() == "" {
		p.Phase = "Unknown"
	}
	inits, containers := lists(u, "status", "initContainerStatuses"), lists(u, "status", "containerStatuses")
	for _, c := range append(inits, containers...) {
		n, _ := c["restartCount"].(int64)
		p.Restarts += int32(n) //nolint:gosec // a number of restarts
	}
	p.Reason, p.Message = trouble(u, inits, containers)
	p.Message = clip(p.GetMessage(), maxText)
	return p
}

// trouble says why a pod does not run. The last words of a container are not among what is told: it wrote them itself,
// and they may hold anything.
func trouble(u *unstructured.Unstructured, inits, containers []map[string]any) (reason, message string) {
	if u.GetDeletionTimestamp() != nil {
		return "Terminating", ""
	}
	if reason := str(u, "status", "reason"); reason != "" { // such as Evicted
		return reason, str(u, "status", "message")
	}
	if c := condition(u, "PodScheduled"); c["status"] == "False" {
		return text(c["reason"]), text(c["message"])
	}
	for _, c := range append(inits, containers...) {
		if ready, _ := c["ready"].(bool); ready {
			continue
		}
		state, _ := c["state"].(map[string]any)
		if waiting, ok := state["waiting"].(map[string]any); ok && waiting["reason"] != "PodInitializing" {
			return text(waiting["reason"]), text(waiting["message"])
		}
		if ended, ok := state["terminated"].(map[string]any); ok && ended["reason"] != "Completed" {
			return text(ended["reason"]), ""
		}
	}
	return "", ""
}

// owner is the workload that a pod belongs to, as kind/name. A ReplicaSet is named after its Deployment and the hash of
// the template, which the pod carries as a label, so that ReplicaSets need not be watched.
func owner(u *unstructured.Unstructured) string {
	for _, o := range u.GetOwnerReferences() {
		if o.Controller == nil || !*o.Controller {
			continue
		}
		if hash := u.GetLabels()["pod-template-hash"]; o.Kind == "ReplicaSet" && hash != "" {
			if name, ok := strings.CutSuffix(o.Name, "-"+hash); ok {
				return "Deployment/" + name
			}
		}
		return o.Kind + "/" + o.Name
	}
	return ""
}
