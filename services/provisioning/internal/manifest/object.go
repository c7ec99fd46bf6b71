package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Object is one object of Kubernetes, as JSON decodes it.
type Object map[string]any

// ReadObject decodes an object. Numbers keep what they say.
func ReadObject(b []byte) (Object, error) {
	var o Object
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	return o, nil
}

func (o Object) text(path ...string) string {
	s, _ := o.at(path...).(string)
	return s
}

func (o Object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// Kind of the object.
func (o Object) Kind() string { return o.text("kind") }

// APIVersion of the object.
func (o Object) APIVersion() string { return o.text("apiVersion") }

// Group is the API group, without a version.
func (o Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		return ""
	}
	return group
}

// Name of the object.
func (o Object) Name() string { return o.text("metadata", "name") }

// Namespace of the object.
func (o Object) Namespace() string { return o.text("metadata", "namespace") }

// String is how a message names the object.
func (o Object) String() string { return o.Kind() + " " + o.Name() }

// SetNamespace puts the object into a namespace.
func (o Object) SetNamespace(namespace string) {
	if metadata, ok := o["metadata"].(map[string]any); ok {
		metadata["namespace"] = namespace
	}
}

// Mark adds labels or annotations: field says which.
func (o Object) Mark(field string, marks map[string]string) {
	if len(marks) == 0 {
		return
	}
	metadata, ok := o["metadata"].(map[string]any)
	if !ok {
		return
	}
	all, ok := metadata[field].(map[string]any)
	if !ok {
		all = map[string]any{}
		metadata[field] = all
	}
	for k, v := range marks {
		all[k] = v
	}
}

// key tells objects apart. A new version of an API is the same object.
func (o Object) key() string {
	return strings.Join([]string{o.Namespace(), o.Group(), o.Kind(), o.Name()}, "\x00")
}

// clone is a deep copy.
func (o Object) clone() Object {
	return deep(map[string]any(o)).(map[string]any) //nolint:forcetypeassert // it keeps the type
}

func deep(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = deep(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = deep(e)
		}
		return out
	default:
		return v
	}
}

// serverMetadata is what the API server writes into an object's metadata.
var serverMetadata = []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}

// kubectlAnnotation holds a whole copy of the object, with the data of a Secret.
const kubectlAnnotation = "kubectl.kubernetes.io/last-applied-configuration"

// visible is the object without what the server writes.
func (o Object) visible() Object {
	if o == nil {
		return nil
	}
	c := o.clone()
	delete(c, "status")
	metadata, ok := c["metadata"].(map[string]any)
	if !ok {
		return c
	}
	for _, field := range serverMetadata {
		delete(metadata, field)
	}
	if annotations, ok := metadata["annotations"].(map[string]any); ok {
		delete(annotations, kubectlAnnotation)
	}
	for _, field := range []string{"annotations", "labels"} {
		if m, ok := metadata[field].(map[string]any); ok && len(m) == 0 {
			delete(metadata, field)
		}
	}
	return c
}

// isSecret tells whether the object's data must not be shown.
func (o Object) isSecret() bool { return o.Kind() == "Secret" && o.Group() == "" }

// mask replaces the data of two versions of a Secret by words that differ only where the data do.
func mask(before, after Object) {
	for _, field := range []string{"data", "stringData"} {
		b, _ := before[field].(map[string]any)
		a, _ := after[field].(map[string]any)
		names := maps.Clone(b)
		if names == nil {
			names = map[string]any{}
		}
		maps.Copy(names, a)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			was, wasThere := b[name]
			is, isThere := a[name]
			same := wasThere && isThere && fmt.Sprint(was) == fmt.Sprint(is)
			if wasThere {
				b[name] = "(hidden)"
			}
			switch {
			case isThere && same:
				a[name] = "(hidden)"
			case isThere && wasThere:
				a[name] = "(hidden, changed)"
			case isThere:
				a[name] = "(hidden)"
			}
		}
		for _, o := range []Object{before, after} {
			if _, isMap := o[field].(map[string]any); o[field] != nil && !isMap {
				o[field] = "(hidden)"
			}
		}
	}
}
