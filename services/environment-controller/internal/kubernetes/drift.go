package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// wantedAnnotation is a fingerprint of what we want of an object, on the object. While it is that of today, a difference
// is somebody else's doing; otherwise it is we who want something else now.
const wantedAnnotation = "catalyst.openova.io/wanted"

// mark puts the fingerprint on what is wanted.
func mark(want client.Object) error {
	a := maps.Clone(want.GetAnnotations())
	delete(a, wantedAnnotation)
	want.SetAnnotations(a)
	c, err := content(want)
	if err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	if a == nil {
		a = map[string]string{}
	}
	a[wantedAnnotation] = hex.EncodeToString(sum[:8])
	want.SetAnnotations(a)
	return nil
}

// changed names the fields that a patch puts right, such as spec.suspend.
func changed(patch []byte) []string {
	var p map[string]any
	if json.Unmarshal(patch, &p) != nil {
		return nil
	}
	var out []string
	for _, field := range slices.Sorted(maps.Keys(p)) {
		inner, ok := p[field].(map[string]any)
		if !ok || field == "data" {
			out = append(out, field)
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(inner)) {
			out = append(out, field+"."+k)
		}
	}
	return out
}

// by says who changed an object last, as far as the API server knows: the program, and when.
func by(ctx context.Context, c client.Client, live client.Reader, o client.Object) string {
	gvk, err := apiutil.GVKForObject(o, c.Scheme())
	if err != nil || live == nil {
		return ""
	}
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(gvk)
	if live.Get(ctx, client.ObjectKeyFromObject(o), m) != nil {
		return ""
	}
	return lastWriter(m.ManagedFields)
}

// lastWriter is who wrote last, other than we, of what is neither status nor finalizer.
func lastWriter(all []metav1.ManagedFieldsEntry) string {
	var last *metav1.ManagedFieldsEntry
	for i := range all {
		e := &all[i]
		if e.Manager == catalystv1.ManagedByController || e.Subresource != "" || e.Time == nil || e.FieldsV1 == nil {
			continue
		}
		fields := e.FieldsV1.GetRawString()
		if strings.HasPrefix(fields, `{"f:metadata"`) && !strings.Contains(fields, `"f:labels"`) && !strings.Contains(fields, `"f:spec"`) {
			continue
		}
		if last == nil || last.Time.Before(e.Time) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	return fmt.Sprintf(" by %s at %s", last.Manager, last.Time.UTC().Format(time.RFC3339))
}

// teller tells of drift, as an event on the object that it is about.
type teller struct{ events events.EventRecorder }

// of tells of what a deed put right. settled is whether the object was there before, as far as is known.
func (t teller) of(about runtime.Object, d deed, settled bool) {
	if settled || !d.made {
		t.drifted(about, d.drift)
	}
}

// drifted tells that something was put right: what is about, what somebody had done to it.
func (t teller) drifted(about runtime.Object, what string) {
	if t.events != nil && what != "" {
		t.events.Eventf(about, nil, corev1.EventTypeWarning, "Drift", "PutRight", "%s; it was put right as Git says", what)
	}
}
