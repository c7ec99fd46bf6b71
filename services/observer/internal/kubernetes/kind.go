package kubernetes

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The classes of events on the spine that come from a cluster.
const (
	classKubernetes = "k8s"
	classFlux       = "flux"
	classCrossplane = "crossplane"
)

// kind is one resource that is watched.
type kind struct {
	schema.GroupVersionResource
	name  string // such as Deployment
	class string
	// fields selects the objects that are watched.
	fields string
	// optional kinds are those of others, which the observer may have no right to read.
	optional bool
}

func (k kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.Group, Kind: k.name} }

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

const events = "Event"

var (
	namespaces  = kind{GroupVersionResource: gvr("", "v1", "namespaces"), name: "Namespace", class: classKubernetes}
	definitions = kind{GroupVersionResource: gvr("apiextensions.k8s.io", "v1", "customresourcedefinitions"), name: "CustomResourceDefinition", class: classKubernetes}
)

// builtin kinds are in every cluster. Secrets and ConfigMaps are not among them, and never will be.
var builtin = []kind{
	namespaces,
	definitions,
	{GroupVersionResource: gvr("", "v1", "nodes"), name: "Node", class: classKubernetes},
	{GroupVersionResource: gvr("", "v1", "services"), name: "Service", class: classKubernetes},
	{GroupVersionResource: gvr("", "v1", "pods"), name: "Pod", class: classKubernetes},
	{GroupVersionResource: gvr("", "v1", "events"), name: events, class: classKubernetes, fields: "type=Warning"},
	{GroupVersionResource: gvr("apps", "v1", "deployments"), name: "Deployment", class: classKubernetes},
	{GroupVersionResource: gvr("apps", "v1", "statefulsets"), name: "StatefulSet", class: classKubernetes},
	{GroupVersionResource: gvr("apps", "v1", "daemonsets"), name: "DaemonSet", class: classKubernetes},
	{GroupVersionResource: gvr("networking.k8s.io", "v1", "ingresses"), name: "Ingress", class: classKubernetes},
}

// custom are the classes of the custom resources that are watched where their definitions are.
var custom = map[schema.GroupKind]string{
	{Group: "catalyst.openova.io", Kind: "Organization"}:          classKubernetes,
	{Group: "catalyst.openova.io", Kind: "Environment"}:           classKubernetes,
	{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}:       classKubernetes,
	{Group: "source.toolkit.fluxcd.io", Kind: "GitRepository"}:    classFlux,
	{Group: "source.toolkit.fluxcd.io", Kind: "OCIRepository"}:    classFlux,
	{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization"}: classFlux,
	{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"}:        classFlux,
}

// crossplane are the categories by which the definitions of Crossplane's resources are known.
var crossplane = []string{"claim", "composite", "managed"}

// definition is what a CustomResourceDefinition says of the kind that it defines.
type definition struct {
	schema.GroupKind
	version, resource string
	categories        []string
	established       bool
}

func define(u *unstructured.Unstructured) *definition {
	d := &definition{
		GroupKind: schema.GroupKind{Group: str(u, "spec", "group"), Kind: str(u, "spec", "names", "kind")}, resource: str(u, "spec", "names", "plural"),
		established: condition(u, "Established")["status"] == "True",
	}
	d.categories, _, _ = unstructured.NestedStringSlice(u.Object, "spec", "names", "categories")
	versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
	for _, v := range versions {
		m, _ := v.(map[string]any)
		// The stored version, or else any that is served.
		if served, _ := m["served"].(bool); served && (d.version == "" || m["storage"] == true) {
			d.version = text(m["name"])
		}
	}
	return d
}

// watched tells whether and how a defined kind is watched.
func (d *definition) watched() (kind, bool) {
	k := kind{GroupVersionResource: gvr(d.Group, d.version, d.resource), name: d.Kind, optional: true}
	if class, ok := custom[d.GroupKind]; ok {
		k.class, k.optional = class, d.Group == "gateway.networking.k8s.io"
		return k, d.version != ""
	}
	k.class = classCrossplane
	ours := slices.ContainsFunc(d.categories, func(c string) bool { return slices.Contains(crossplane, c) })
	return k, ours && d.version != ""
}
