package score

import (
	"fmt"
	"slices"
	"strings"
)

type object = map[string]any

// manifests are the objects of one rendering, in the order of their names, and those of them that run containers.
type manifests struct {
	all       []object
	workloads []workload
}

// workload is an object with a pod template.
type workload struct {
	object
	name       string // for people: kind namespace/name
	template   object // metadata and spec of its pods
	containers []container
}

type container struct {
	object
	name string // for people: the workload and the container
	init bool
}

// sort puts objects into an order that does not depend on the renderer's.
func sort(objects []object) *manifests {
	m := &manifests{}
	for _, o := range objects {
		if str(o, "kind") == "List" {
			for _, item := range list(o, "items") {
				m.all = append(m.all, mapOf(item))
			}
			continue
		}
		m.all = append(m.all, o)
	}
	m.all = slices.DeleteFunc(m.all, func(o object) bool { return str(o, "kind") == "" })
	slices.SortStableFunc(m.all, func(a, b object) int { return strings.Compare(nameOf(a), nameOf(b)) })
	for _, o := range m.all {
		template := templateOf(o)
		if template == nil {
			continue
		}
		w := workload{object: o, name: nameOf(o), template: template}
		for _, field := range []string{"initContainers", "containers"} {
			for _, c := range list(template, "spec", field) {
				c := mapOf(c)
				w.containers = append(w.containers, container{object: c, name: w.name + ", container " + str(c, "name"), init: field == "initContainers"})
			}
		}
		m.workloads = append(m.workloads, w)
	}
	return m
}

func templateOf(o object) object {
	switch group, _, _ := strings.Cut(str(o, "apiVersion"), "/"); group + " " + str(o, "kind") {
	case "v1 Pod":
		return o
	case "apps Deployment", "apps StatefulSet", "apps DaemonSet", "apps ReplicaSet", "batch Job":
		return at(o, "spec", "template")
	case "batch CronJob":
		return at(o, "spec", "jobTemplate", "spec", "template")
	}
	return nil
}

func nameOf(o object) string {
	name := str(o, "metadata", "name")
	if namespace := str(o, "metadata", "namespace"); namespace != "" {
		name = namespace + "/" + name
	}
	return str(o, "kind") + " " + name
}

func (w *workload) kind() string { return str(w.object, "kind") }

// serves is true for a workload that is meant to run for ever.
func (w *workload) serves() bool {
	switch w.kind() {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return true
	}
	return false
}

// scales is true for a workload that says how many replicas it has.
func (w *workload) scales() bool { return w.serves() && w.kind() != "DaemonSet" }

// replicas that the workload has at least: what its autoscaler keeps, or what it says, or one.
func (m *manifests) replicas(w *workload) int {
	for _, o := range m.all {
		if str(o, "kind") == "HorizontalPodAutoscaler" && str(o, "spec", "scaleTargetRef", "kind") == w.kind() &&
			str(o, "spec", "scaleTargetRef", "name") == str(w.object, "metadata", "name") && sameNamespace(o, w.object) {
			if n, ok := number(value(o, "spec", "minReplicas")); ok {
				return n
			}
			return 1
		}
	}
	if n, ok := number(value(w.object, "spec", "replicas")); ok {
		return n
	}
	return 1
}

// selecting is the objects of a kind whose selector holds the pods of the workload.
func (m *manifests) selecting(kind string, w *workload, selector ...string) []object {
	var out []object
	for _, o := range m.all {
		if str(o, "kind") == kind && sameNamespace(o, w.object) && selects(value(o, selector...), at(w.template, "metadata", "labels")) {
			out = append(out, o)
		}
	}
	return out
}

func sameNamespace(a, b object) bool {
	return str(a, "metadata", "namespace") == str(b, "metadata", "namespace")
}

// selects is true when a label selector holds the labels. One without a condition holds everything.
func selects(selector any, labels object) bool {
	s, ok := selector.(object)
	if !ok {
		return false
	}
	for key, want := range at(s, "matchLabels") {
		if labels[key] != want {
			return false
		}
	}
	for _, e := range list(s, "matchExpressions") {
		e := mapOf(e)
		have, there := labels[str(e, "key")]
		in := there && slices.Contains(list(e, "values"), have)
		switch str(e, "operator") {
		case "In":
			ok = in
		case "NotIn":
			ok = !in
		case "Exists":
			ok = there
		case "DoesNotExist":
			ok = !there
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// value at a path of mappings, or nil.
func value(o object, path ...string) any {
	var v any = o
	for _, key := range path {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func at(o object, path ...string) object    { return mapOf(value(o, path...)) }
func list(o object, path ...string) []any   { l, _ := value(o, path...).([]any); return l }
func str(o object, path ...string) string   { s, _ := value(o, path...).(string); return s }
func truth(o object, path ...string) bool   { b, _ := value(o, path...).(bool); return b }
func mapOf(v any) object                    { m, _ := v.(object); return m }
func isFalse(o object, path ...string) bool { b, ok := value(o, path...).(bool); return ok && !b }

// number is a whole number, however it was decoded.
func number(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case uint64:
		return int(min(n, 1<<31)), true
	case float64:
		return int(n), n == float64(int(n))
	case fmt.Stringer: // json.Number
		var i int
		_, err := fmt.Sscan(n.String(), &i)
		return i, err == nil
	}
	return 0, false
}
