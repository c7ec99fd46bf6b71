package kubernetes

import (
	"context"
	"errors"
	"fmt"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/desired"
)

// configName is the Kustomization through which Flux applies what the Sovereign's own repository declares.
const configName = "catalyst-config"

// farewell deals with an Environment that is being deleted. It cleans up only what Git, read anew, no longer wants.
func (r *environmentReconciler) farewell(ctx context.Context, o *catalystv1.Environment) (reconcile.Result, error) {
	if !hasFinalizer(o) {
		return reconcile.Result{}, nil
	}
	before := o.DeepCopy()
	state, unclear := r.desired.Read(ctx)
	var owner catalystv1.Organization
	err := r.client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.Organization}, &owner)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	stays := err == nil && owner.DeletionTimestamp == nil
	f := desired.OfEnvironment(o.Name, o.Spec.Organization, state, unclear, stays, owner.Spec.Retired)
	r.log.Info("environment is being deleted", "environment", o.Name, "reason", f.Why)
	reason := reasonHeld
	if f.Verdict == desired.CleanUp {
		reason = reasonDeleting
		left, err := r.cleanUp(ctx, o)
		if err != nil {
			return reconcile.Result{}, err
		}
		if left != "" {
			f = desired.Farewell{Verdict: desired.Wait, Why: left}
		}
	}
	if f.Verdict == desired.Wait {
		setLeaving(&o.Status.Conditions, o.Generation, reason, f.Why)
		return reconcile.Result{RequeueAfter: shortly}, patchStatus(ctx, r.client, before, o, before.Status, o.Status)
	}
	r.keeper.Forget(o.Name)
	if err := setFinalizer(ctx, r.client, o, false); err != nil {
		return reconcile.Result{}, err
	}
	if f.Verdict == desired.LetGo {
		return reconcile.Result{}, remake(ctx, r.client)
	}
	return reconcile.Result{}, nil
}

// cleanUp takes away what an Environment consists of, and nothing else: first its Applications, so that Flux prunes what
// it applied while its service account is still there, then the namespace. It returns what it waits for.
func (r *environmentReconciler) cleanUp(ctx context.Context, o *catalystv1.Environment) (string, error) {
	env := environmentOf(o)
	cl := &cluster{client: r.client, live: r.live}
	running, err := cl.Applications(ctx, env)
	if err != nil {
		return "", err
	}
	var failed []error
	for _, a := range running {
		failed = append(failed, cl.Remove(ctx, env, a.Name))
	}
	if err := errors.Join(failed...); err != nil {
		return "", err
	}
	if len(running) > 0 {
		return fmt.Sprintf("%d Applications are being removed; Flux prunes what it applied", len(running)), nil
	}
	ns := &corev1.Namespace{}
	err = r.live.Get(ctx, client.ObjectKey{Name: env.Name}, ns)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if ns.Labels[catalystv1.LabelManagedBy] != catalystv1.ManagedByController || ns.Labels[catalystv1.LabelEnvironment] != env.Name {
		return "", nil // it is somebody else's by now, or was never ours
	}
	if ns.DeletionTimestamp == nil {
		err := r.client.Delete(ctx, ns, client.Preconditions{UID: new(ns.UID), ResourceVersion: new(ns.ResourceVersion)})
		if client.IgnoreNotFound(err) != nil {
			return "", describe(r.client, "delete", ns, err)
		}
		r.log.Info("namespace deleted", "environment", env.Name)
	}
	return fmt.Sprintf("the namespace %s is being deleted", env.Name), nil
}

func hasFinalizer(o client.Object) bool {
	for _, f := range o.GetFinalizers() {
		if f == catalystv1.Finalizer {
			return true
		}
	}
	return false
}

func setLeaving(conditions *[]metav1.Condition, generation int64, reason, why string) {
	apimeta.SetStatusCondition(conditions, metav1.Condition{
		Type: catalystv1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: clip(why), ObservedGeneration: generation,
	})
}

// remake asks Flux to apply the Sovereign's own repository now: something that it declares was deleted by hand.
func remake(ctx context.Context, c client.Client) error {
	k := &kustomizev1.Kustomization{ObjectMeta: metav1.ObjectMeta{Namespace: catalystv1.SystemNamespace, Name: configName}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, meta.ReconcileRequestAnnotation, metav1.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
	return client.IgnoreNotFound(c.Patch(ctx, k, client.RawPatch(mergePatch, patch), client.FieldOwner(catalystv1.ManagedByController)))
}
