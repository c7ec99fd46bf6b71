package kubernetes

import (
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// place is where an object belongs.
type place struct{ organization, environment string }

// maxText is the length in bytes to which what others wrote is cut.
const maxText = 2048

// detail says what people need to know of an object, and nothing that could be secret.
func detail(o *spinev1.ObjectObserved, k kind, u *unstructured.Unstructured) {
	switch k.name {
	case "Deployment", "StatefulSet", "DaemonSet":
		o.Detail = &spinev1.ObjectObserved_Workload{Workload: workload(u)}
	case "Pod":
		o.Detail = &spinev1.ObjectObserved_Pod{Pod: pod(u)}
	case "GitRepository", "OCIRepository", "Kustomization", "HelmRelease":
		o.Detail = &spinev1.ObjectObserved_Flux{Flux: flux(u)}
	case "Service":
		o.Detail = &spinev1.ObjectObserved_Service{Service: service(u)}
	case "Ingress":
		o.Detail = &spinev1.ObjectObserved_Ingress{Ingress: &spinev1.Ingress{Urls: ingress(u)}}
	case "HTTPRoute":
		o.Detail = &spinev1.ObjectObserved_Ingress{Ingress: &spinev1.Ingress{Urls: route(u)}}
	case "Organization":
		ready, message := readiness(u)
		o.Detail = &spinev1.ObjectObserved_OrganizationDetail{OrganizationDetail: &spinev1.OrganizationDetail{
			DisplayName: str(u, "spec", "displayName"), Ready: ready == "True", Message: message,
		}}
	case "Environment":
		ready, message := readiness(u)
		o.Detail = &spinev1.ObjectObserved_EnvironmentDetail{EnvironmentDetail: &spinev1.EnvironmentDetail{
			Organization: str(u, "spec", "organization"), EnvType: str(u, "spec", "envType"), Branch: str(u, "spec", "branch"),
			Ready: ready == "True", Message: message,
		}}
	case "Node":
		c := condition(u, "Ready")
		o.Detail = &spinev1.ObjectObserved_Node{Node: &spinev1.Node{
			Simulated: u.GetAnnotations()["kwok.x-k8s.io/node"] == "fake", Ready: c["status"] == "True",
			KubeletVersion: str(u, "status", "nodeInfo", "kubeletVersion"),
		}}
	}
	if k.class == classCrossplane {
		o.Detail = &spinev1.ObjectObserved_Resource{Resource: resource(u)}
	}
}

func health(u *unstructured.Unstructured) *spinev1.Health {
	h := &spinev1.Health{Status: "Unknown", Since: timestamppb.New(u.GetCreationTimestamp().Time)}
	if u.GetDeletionTimestamp() != nil {
		h.Status = "Terminating"
	} else if r, err := status.Compute(u); err == nil {
		h.Status, h.Message = string(r.Status), clip(r.Message, maxText)
	}
	for _, c := range conditions(u) {
		if at, err := time.Parse(time.RFC3339, text(c["lastTransitionTime"])); err == nil && at.After(h.Since.AsTime()) {
			h.Since = timestamppb.New(at)
		}
	}
	return h
}

func workload(u *unstructured.Unstructured) *spinev1.Workload {
	w := &spinev1.Workload{Images: images(u)}
	current := num(u, "status", "observedGeneration") >= u.GetGeneration()
	switch u.GetKind() {
	case "DaemonSet":
		w.Desired, w.Ready, w.Updated = count(u, "status", "desiredNumberScheduled"), count(u, "status", "numberReady"), count(u, "status", "updatedNumberScheduled")
		w.RolledOut = current && w.Desired > 0 && w.Updated == w.Desired && num(u, "status", "numberUnavailable") == 0
		return w
	case "StatefulSet":
		w.RolledOut = current && str(u, "status", "currentRevision") != "" && str(u, "status", "currentRevision") == str(u, "status", "updateRevision")
	default:
		w.RolledOut = current && condition(u, "Progressing")["reason"] == "NewReplicaSetAvailable"
	}
	w.Desired = 1
	if n, found, err := unstructured.NestedInt64(u.Object, "spec", "replicas"); found && err == nil {
		w.Desired = int32(n) //nolint:gosec // the API server bounds it
	}
	w.Ready, w.Updated = count(u, "status", "readyReplicas"), count(u, "status", "updatedReplicas")
	return w
}

func images(u *unstructured.Unstructured) []string {
	var out []string
	for _, c := range lists(u, "spec", "template", "spec", "containers") {
		out = append(out, text(c["image"]))
	}
	return out
}

// maxWorkloads is how many workloads of one Flux object are told.
const maxWorkloads = 1000

func flux(u *unstructured.Unstructured) *spinev1.FluxObject {
	c := condition(u, "Ready")
	f := &spinev1.FluxObject{Ready: text(c["status"]), Reason: text(c["reason"]), Message: clip(text(c["message"]), maxText)}
	f.Suspended, _, _ = unstructured.NestedBool(u.Object, "spec", "suspend")
	f.AttemptedRevision = str(u, "status", "lastAttemptedRevision")
	switch u.GetKind() {
	case "Kustomization":
		f.Revision = str(u, "status", "lastAppliedRevision")
	case "HelmRelease":
		f.Revision = f.AttemptedRevision
	default:
		f.Revision = str(u, "status", "artifact", "revision")
	}
	for _, e := range lists(u, "status", "inventory", "entries") {
		if w := workloadOf(text(e["id"])); w != "" {
			f.Workloads = append(f.Workloads, w)
		}
	}
	slices.Sort(f.Workloads)
	f.Workloads = f.Workloads[:min(len(f.Workloads), maxWorkloads)]
	return f
}

// workloadOf reads an inventory id, <namespace>_<name>_<group>_<kind>, and returns kind/name of a workload.
func workloadOf(id string) string {
	p := strings.Split(id, "_")
	if len(p) != 4 || p[2] != "apps" || p[3] != "Deployment" && p[3] != "StatefulSet" && p[3] != "DaemonSet" {
		return ""
	}
	return p[3] + "/" + p[1]
}

func service(u *unstructured.Unstructured) *spinev1.Service {
	s := &spinev1.Service{Type: str(u, "spec", "type")}
	for _, p := range lists(u, "spec", "ports") {
		n, _ := p["port"].(int64)
		s.Ports = append(s.Ports, &spinev1.Service_Port{Name: text(p["name"]), Port: int32(n), Protocol: text(p["protocol"])}) //nolint:gosec // a port
	}
	return s
}

func readiness(u *unstructured.Unstructured) (state, message string) {
	c := condition(u, catalystv1.ConditionReady)
	if len(c) == 0 {
		return "Unknown", "waiting for the environment-controller"
	}
	return text(c["status"]), clip(text(c["message"]), maxText)
}

func conditions(u *unstructured.Unstructured) []map[string]any {
	return lists(u, "status", "conditions")
}

func condition(u *unstructured.Unstructured, kind string) map[string]any {
	for _, c := range conditions(u) {
		if c["type"] == kind {
			return c
		}
	}
	return nil
}

func str(u *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(u.Object, path...)
	return s
}

func num(u *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(u.Object, path...)
	return n
}

func count(u *unstructured.Unstructured, path ...string) int32 {
	return int32(num(u, path...)) //nolint:gosec // a number of pods
}

// clip cuts what others wrote, and makes it valid UTF-8.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
