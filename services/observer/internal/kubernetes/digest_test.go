package kubernetes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

func read(t testing.TB, doc string) *unstructured.Unstructured {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	b, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.UnmarshalJSON(b); err != nil { // as a client decodes it, whole numbers as int64
		t.Fatal(err)
	}
	return u
}

func kindNamed(t testing.TB, u *unstructured.Unstructured) kind {
	t.Helper()
	for _, k := range builtin {
		if k.name == u.GetKind() {
			return k
		}
	}
	gk := u.GroupVersionKind().GroupKind()
	return kind{GroupVersionResource: gvr(gk.Group, "v1", strings.ToLower(gk.Kind)+"s"), name: gk.Kind, class: classOf(gk)}
}

const head = "metadata: {namespace: acme-dev, name: shop, uid: u1, resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z'}\n"

func TestDetails(t *testing.T) {
	for _, c := range []struct {
		reason, doc string
		want        *spinev1.ObjectObserved
	}{
		{
			"a pod of a Deployment that runs", `
apiVersion: v1
kind: Pod
metadata: {namespace: acme-dev, name: shop-5d4f-x, labels: {pod-template-hash: 5d4f}, ownerReferences: [{kind: ReplicaSet, name: shop-5d4f, controller: true, apiVersion: apps/v1, uid: r}]}
spec: {nodeName: n1}
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{ready: true, restartCount: 2}, {ready: true, restartCount: 1}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Pod{Pod: &spinev1.Pod{Phase: "Running", Ready: true, Restarts: 3, Node: "n1", Workload: "Deployment/shop"}}},
		},
		{
			"a pod that crashes, without its last words", `
apiVersion: v1
kind: Pod
metadata: {namespace: acme-dev, name: shop-0, ownerReferences: [{kind: StatefulSet, name: shop, controller: true, apiVersion: apps/v1, uid: r}]}
status: {phase: Running, containerStatuses: [{ready: false, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff, message: back-off}}, lastState: {terminated: {message: hunter2}}}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Pod{Pod: &spinev1.Pod{Phase: "Running", Restarts: 5, Reason: "CrashLoopBackOff", Message: "back-off", Workload: "StatefulSet/shop"}}},
		},
		{
			"a pod that was killed tells why, not what it said", `
apiVersion: v1
kind: Pod
metadata: {namespace: acme-dev, name: job, ownerReferences: [{kind: Job, name: j, controller: true, apiVersion: batch/v1, uid: r}]}
status: {phase: Failed, containerStatuses: [{state: {terminated: {reason: OOMKilled, message: hunter2}}}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Pod{Pod: &spinev1.Pod{Phase: "Failed", Reason: "OOMKilled", Workload: "Job/j"}}},
		},
		{
			"a pod without a node", `
apiVersion: v1
kind: Pod
metadata: {namespace: acme-dev, name: alone}
status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: 0/1 nodes}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Pod{Pod: &spinev1.Pod{Phase: "Pending", Reason: "Unschedulable", Message: "0/1 nodes"}}},
		},
		{
			"an Ingress with and without TLS", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: acme-dev, name: shop}
spec:
  tls: [{hosts: [shop.example]}]
  rules:
  - {host: shop.example, http: {paths: [{path: /}, {path: /cart}]}}
  - {host: plain.example, http: {paths: [{path: "/(.*)"}]}}
  - {http: {paths: [{path: /x}]}}
status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Ingress{Ingress: &spinev1.Ingress{Urls: []string{
				"http://10.0.0.1/x", "http://plain.example", "https://shop.example", "https://shop.example/cart",
			}}}},
		},
		{
			"an HTTPRoute", `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: acme-dev, name: shop}
spec: {parentRefs: [{name: g, sectionName: https}], hostnames: [shop.example], rules: [{matches: [{path: {type: PathPrefix, value: /cart}}]}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Ingress{Ingress: &spinev1.Ingress{Urls: []string{"https://shop.example/cart"}}}},
		},
		{
			"a claim that is not synced", `
apiVersion: db.example.org/v1
kind: Database
metadata: {namespace: acme-dev, name: shop}
status: {conditions: [{type: Ready, status: "False", reason: Creating, lastTransitionTime: '2026-01-01T00:00:00Z'}, {type: Synced, status: "False", reason: ReconcileError, message: no quota, lastTransitionTime: '2026-01-01T00:00:00Z'}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Resource{Resource: &spinev1.Resource{Ready: "False", Synced: "False", Reason: "ReconcileError", Message: "no quota"}}},
		},
		{
			"a managed resource that nobody looked at yet", "apiVersion: db.example.org/v1\nkind: Instance\nmetadata: {name: x}\n",
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Resource{Resource: &spinev1.Resource{Ready: "Unknown", Synced: "Unknown"}}},
		},
		{
			"an Event with a series", `
apiVersion: v1
kind: Event
metadata: {namespace: acme-dev, name: shop.1}
involvedObject: {kind: Pod, name: shop-x}
reason: BackOff
message: restarting
count: 3
series: {count: 9, lastObservedTime: '2026-01-02T00:00:00.000001Z'}
lastTimestamp: '2026-01-01T12:00:00Z'`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Warning{Warning: &spinev1.Warning{
				Reason: "BackOff", Message: "restarting", Count: 9, About: "Pod/shop-x", LastSeen: timestamppb.New(time.Date(2026, 1, 2, 0, 0, 0, 1000, time.UTC)),
			}}},
		},
		{
			"a Kustomization with its workloads", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {namespace: acme-dev, name: shop}
spec: {suspend: true}
status:
  lastAppliedRevision: main@sha1:abc
  conditions: [{type: Ready, status: "False", reason: BuildFailed, message: broken}]
  inventory: {entries: [{id: acme-dev_web_apps_Deployment, v: v1}, {id: acme-dev_c__ConfigMap, v: v1}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Flux{Flux: &spinev1.FluxObject{
				Revision: "main@sha1:abc", Suspended: true, Ready: "False", Reason: "BuildFailed", Message: "broken", Workloads: []string{"Deployment/web"},
			}}},
		},
		{
			"a Deployment that is rolled out", `
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: acme-dev, name: shop, generation: 2}
spec: {replicas: 3, template: {spec: {containers: [{image: a}, {image: b}]}}}
status: {observedGeneration: 2, readyReplicas: 2, updatedReplicas: 3, conditions: [{type: Progressing, status: "True", reason: NewReplicaSetAvailable}]}`,
			&spinev1.ObjectObserved{Detail: &spinev1.ObjectObserved_Workload{Workload: &spinev1.Workload{Desired: 3, Ready: 2, Updated: 3, Images: []string{"a", "b"}, RolledOut: true}}},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			u := read(t, c.doc)
			got := &spinev1.ObjectObserved{Detail: digest("local", kindNamed(t, u), u).said.Detail}
			if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangedAtIsTheNewestOfWhatTheObjectTells(t *testing.T) {
	for _, c := range []struct{ reason, meta, want string }{
		{"nobody wrote since it was made", "", "2026-01-01T00:00:00Z"},
		{"a subresource was written last", "managedFields: [{time: '2026-01-02T00:00:00Z'}, {time: '2026-01-04T00:00:00Z', subresource: status}, {time: '2026-01-03T00:00:00Z'}]", "2026-01-04T00:00:00Z"},
		{"it is being deleted", "deletionTimestamp: '2026-01-05T00:00:00Z', managedFields: [{time: '2026-01-02T00:00:00Z'}]", "2026-01-05T00:00:00Z"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			u := read(t, "apiVersion: v1\nkind: Service\n"+strings.Replace(head, "}\n", ", "+c.meta+"}\n", 1))
			if got := digest("local", kindNamed(t, u), u).said.GetChangedAt().AsTime().Format(time.RFC3339); got != c.want {
				t.Errorf("changed at %s, want %s", got, c.want)
			}
		})
	}
}

// canary stands wherever a secret may stand in an object.
const canary = "canary-7f3a"

func TestNoSecretIsKept(t *testing.T) {
	for reason, doc := range map[string]string{
		"annotations": "apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: CANARY, other: CANARY}}\n",
		"managed fields, labels": `
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {x: CANARY}, managedFields: [{manager: CANARY, fieldsV1: {f: {"k:{\"CANARY\"}": {}}}}]}`,
		"the environment and command of containers": `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec: {template: {metadata: {annotations: {x: CANARY}}, spec: {initContainers: [{image: i, env: [{name: P, value: CANARY}]}], containers: [{image: i, env: [{name: P, value: CANARY}], args: [CANARY], command: [CANARY]}]}}}`,
		"a pod and what it said at its end": `
apiVersion: v1
kind: Pod
metadata: {name: a, annotations: {x: CANARY}}
spec: {containers: [{image: i, env: [{name: P, value: CANARY}]}]}
status: {phase: Failed, containerStatuses: [{state: {terminated: {reason: Error, message: CANARY}}, lastState: {terminated: {message: CANARY}}}]}`,
		"the values of a release": `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: a}
spec: {values: {password: CANARY}, chart: {spec: {chart: CANARY}}}
status: {history: [{digest: CANARY}]}`,
		"substitutions of a Kustomization": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {postBuild: {substitute: {p: CANARY}}, patches: [{patch: CANARY}]}\n",
		"what Crossplane manages":          "apiVersion: db.example.org/v1\nkind: Database\nmetadata: {name: a}\nspec: {forProvider: {password: CANARY}}\nstatus: {atProvider: {token: CANARY}}\n",
		"an Event":                         "apiVersion: v1\nkind: Event\nmetadata: {name: a, annotations: {x: CANARY}}\ninvolvedObject: {kind: Pod, name: p, fieldPath: CANARY}\nreason: BackOff\nmessage: m\n",
		"an Ingress":                       "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, annotations: {auth: CANARY}}\nspec: {tls: [{secretName: CANARY}]}\n",
		"a Node":                           "apiVersion: v1\nkind: Node\nmetadata: {name: a, annotations: {x: CANARY}}\nstatus: {nodeInfo: {machineID: CANARY}}\n",
	} {
		t.Run(reason, func(t *testing.T) {
			u := read(t, strings.ReplaceAll(doc, "CANARY", canary))
			o := digest("local", kindNamed(t, u), u)
			b, err := proto.Marshal(o.as(place{"acme", "acme-dev"}, time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if kept := o.key + o.namespace + o.application + string(b); strings.Contains(kept, canary) {
				t.Errorf("the canary is in what is kept of %s: %q", reason, kept)
			}
		})
	}
}

func TestDefinitions(t *testing.T) {
	crd := func(group, kind, categories, versions string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec: {group: " + group + ", names: {kind: " + kind +
			", plural: things, categories: [" + categories + "]}, versions: [" + versions + "]}\nstatus: {conditions: [{type: Established, status: 'True'}]}\n"
	}
	for _, c := range []struct {
		reason, doc string
		want        string
	}{
		{"one of Flux", crd("helm.toolkit.fluxcd.io", "HelmRelease", "", "{name: v2beta1, served: true}, {name: v2, served: true, storage: true}"), "flux v2"},
		{"a claim of Crossplane", crd("a.example", "Thing", "claim", "{name: v1, served: true, storage: true}"), "crossplane v1"},
		{"a managed resource of Crossplane", crd("a.example", "Thing", "'crossplane', managed, aws", "{name: v1beta1, served: true}, {name: v1, served: false, storage: true}"), "crossplane v1beta1"},
		{"somebody else's", crd("a.example", "Thing", "all", "{name: v1, served: true, storage: true}"), ""},
		{"one that is not served", crd("a.example", "Thing", "claim", "{name: v1, served: false, storage: true}"), ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := ""
			if k, ok := define(read(t, c.doc)).watched(); ok {
				got = k.class + " " + k.Version
			}
			if got != c.want {
				t.Errorf("watched as %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheNameOfAWarningIsNeverTooLong(t *testing.T) {
	long := "Pod/" + strings.Repeat("a", 253)
	one, two := warningName(long, "BackOff"), warningName(long, "Unhealthy")
	if one == two || len(one) > maxName || len(two) > maxName {
		t.Errorf("%q (%d) and %q (%d)", one, len(one), two, len(two))
	}
	if got := warningName("Pod/a", "BackOff"); got != "Pod/a/BackOff" {
		t.Errorf("a short one is %q", got)
	}
}
