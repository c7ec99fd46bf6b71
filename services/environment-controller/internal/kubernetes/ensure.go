package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// ensure makes the wanted object exist, or puts right what differs from it, and returns whether it wrote. What is not
// there is applied server-side. What is there is compared whole: a field that somebody added to the spec is taken out
// again, which an apply alone would not do. Labels and annotations of others stay.
func ensure(ctx context.Context, c client.Client, want client.Object) (bool, error) {
	have, ok := want.DeepCopyObject().(client.Object)
	if !ok {
		return false, fmt.Errorf("%T is no object", want)
	}
	err := c.Get(ctx, client.ObjectKeyFromObject(want), have)
	if apierrors.IsNotFound(err) {
		return true, apply(ctx, c, want)
	}
	if err != nil {
		return false, describe(c, "read", want, err)
	}
	if have.GetDeletionTimestamp() != nil {
		return false, nil // made anew when it is gone, which we are told
	}
	patch, err := difference(want, have)
	if err != nil || patch == nil {
		return false, err
	}
	err = c.Patch(ctx, have, client.RawPatch(mergePatch, patch), client.FieldOwner(catalystv1.ManagedByController))
	if err != nil {
		return false, describe(c, "put right", want, err)
	}
	return true, nil
}

// apply creates the object. It may exist without the label by which we know our own: then it is taken over, label
// first, and compared with the next look.
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
	own := want.GetLabels()
	labels := map[string]any{}
	for k, v := range own {
		if have.GetLabels()[k] != v {
			labels[k] = v
		}
	}
	if len(labels) > 0 {
		patch["metadata"] = map[string]any{"labels": labels}
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
