package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// deed is what it took to make an object as it should be.
type deed struct {
	wrote bool
	// made is whether the object was not there. That is drift only if it was there before, which the caller knows.
	made bool
	// drift says what somebody else had done to it, empty if nobody had.
	drift string
}

// ensure makes the wanted object exist, or puts right what differs from it. What is not there is applied server-side.
// What is there is compared whole: a field that somebody added to the spec is taken out again, which an apply alone
// would not do. Labels and annotations of others stay. live reads past the cache, which holds only what carries our label.
func ensure(ctx context.Context, c client.Client, live client.Reader, want client.Object) (deed, error) {
	if err := mark(want); err != nil {
		return deed{}, err
	}
	have, ok := want.DeepCopyObject().(client.Object)
	if !ok {
		return deed{}, fmt.Errorf("%T is no object", want)
	}
	err := c.Get(ctx, client.ObjectKeyFromObject(want), have)
	if apierrors.IsNotFound(err) && live != nil { // it may only have lost the label by which the cache knows it
		err = live.Get(ctx, client.ObjectKeyFromObject(want), have)
	}
	if apierrors.IsNotFound(err) {
		return deed{wrote: true, made: true, drift: "it was deleted"}, apply(ctx, c, want)
	}
	if err != nil {
		return deed{}, describe(c, "read", want, err)
	}
	if have.GetDeletionTimestamp() != nil {
		return deed{}, nil // made anew when it is gone, which we are told
	}
	patch, err := difference(want, have)
	if err != nil || patch == nil {
		return deed{}, err
	}
	d := deed{wrote: true}
	if have.GetAnnotations()[wantedAnnotation] == want.GetAnnotations()[wantedAnnotation] {
		d.drift = fmt.Sprintf("%s was changed%s", strings.Join(changed(patch), ", "), by(ctx, c, live, want))
	}
	err = c.Patch(ctx, have, client.RawPatch(mergePatch, patch), client.FieldOwner(catalystv1.ManagedByController))
	if err != nil {
		return deed{}, describe(c, "put right", want, err)
	}
	return d, nil
}

// apply creates the object.
func apply(ctx context.Context, c client.Client, want client.Object) error {
	gvk, err := apiutil.GVKForObject(want, c.Scheme())
	if err != nil {
		return err
	}
	content, err := content(want)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(gvk)
	err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(catalystv1.ManagedByController), client.ForceOwnership)
	if err != nil {
		return describe(c, "create", want, err)
	}
	return nil
}

// remove deletes the object unless it is gone or going.
func remove(ctx context.Context, c client.Client, o client.Object) error {
	err := c.Get(ctx, client.ObjectKeyFromObject(o), o)
	if err == nil && o.GetDeletionTimestamp() == nil {
		err = c.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: new(o.GetUID())})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return describe(c, "delete", o, err)
	}
	return nil
}

// difference is the merge patch from what is there to what is wanted, nil if there is none.
func difference(want, have client.Object) ([]byte, error) {
	w, err := content(want)
	if err != nil {
		return nil, err
	}
	h, err := content(have)
	if err != nil {
		return nil, err
	}
	patch := map[string]any{}
	for field, value := range w {
		if field == "metadata" {
			continue
		}
		if d, differs := mergeDiff(h[field], value); differs {
			patch[field] = d
		}
	}
	metadata := map[string]any{}
	for field, pair := range map[string][2]map[string]string{
		"labels": {want.GetLabels(), have.GetLabels()}, "annotations": {want.GetAnnotations(), have.GetAnnotations()},
	} {
		differs := map[string]any{}
		for k, v := range pair[0] {
			if pair[1][k] != v {
				differs[k] = v
			}
		}
		if len(differs) > 0 {
			metadata[field] = differs
		}
	}
	if len(metadata) > 0 {
		patch["metadata"] = metadata
	}
	if len(patch) == 0 {
		return nil, nil
	}
	return json.Marshal(patch)
}

// mergeDiff is RFC 7386 backwards: the patch that turns have into want.
func mergeDiff(have, want any) (any, bool) {
	w, wok := want.(map[string]any)
	h, hok := have.(map[string]any)
	if !wok || !hok {
		return want, !reflect.DeepEqual(have, want)
	}
	d := map[string]any{}
	for k, v := range w {
		if child, differs := mergeDiff(h[k], v); differs {
			d[k] = child
		}
	}
	for k := range h {
		if _, ok := w[k]; !ok {
			d[k] = nil
		}
	}
	return d, len(d) > 0
}

// content is the object as JSON without what only the server sets. Typed objects leave out zero values on both sides,
// so a field that the server defaults to its zero value is no difference.
func content(o client.Object) (map[string]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	meta := map[string]any{"name": o.GetName(), "labels": anyMap(o.GetLabels())}
	if ns := o.GetNamespace(); ns != "" {
		meta["namespace"] = ns
	}
	if a := o.GetAnnotations(); len(a) > 0 {
		meta["annotations"] = anyMap(a)
	}
	m["metadata"] = meta
	for _, field := range []string{"status", "kind", "apiVersion"} {
		delete(m, field)
	}
	if spec, ok := m["spec"].(map[string]any); ok && len(spec) == 0 {
		delete(m, "spec") // a Namespace's, which we want nothing of
	}
	return m, nil
}

func anyMap(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range maps.All(in) {
		out[k] = v
	}
	return out
}

func describe(c client.Client, verb string, o client.Object, err error) error {
	kind := fmt.Sprintf("%T", o)
	if gvk, gerr := apiutil.GVKForObject(o, c.Scheme()); gerr == nil {
		kind = gvk.Kind
	}
	return fmt.Errorf("%s %s %s: %w", verb, kind, client.ObjectKeyFromObject(o), err)
}
