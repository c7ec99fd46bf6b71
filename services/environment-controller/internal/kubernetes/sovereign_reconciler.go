package kubernetes

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
)

// sovereignReconciler says whether a Sovereign is in force, and what it holds.
type sovereignReconciler struct{ client client.Client }

// Reconcile implements reconcile.Reconciler.
func (r *sovereignReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var o catalystv1.Sovereign
	if err := r.client.Get(ctx, req.NamespacedName, &o); err != nil || o.DeletionTimestamp != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	var sovereigns catalystv1.SovereignList
	var organizations catalystv1.OrganizationList
	var environments catalystv1.EnvironmentList
	for _, l := range []client.ObjectList{&sovereigns, &organizations, &environments} {
		if err := r.client.List(ctx, l, client.InNamespace(o.Namespace), client.UnsafeDisableDeepCopy); err != nil {
			return reconcile.Result{}, err
		}
	}
	before := o.DeepCopy()
	o.Status.ObservedGeneration = o.Generation
	o.Status.Organizations, o.Status.Environments = int32(len(organizations.Items)), int32(len(environments.Items)) //nolint:gosec // never that many
	var alone error
	if n := len(sovereigns.Items); n > 1 {
		alone = &waiting{
			reason: reasonNotAlone, status: metav1.ConditionFalse, again: patience,
			err: fmt.Errorf("there are %d Sovereigns and there must be one: until then the defaults of none are in force", n),
		}
	}
	again := setReady(&o.Status.Conditions, o.Generation, alone, "Its defaults hold for every Environment that says nothing else.")
	return reconcile.Result{RequeueAfter: again}, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)
}
