package kubernetes

import (
	"context"
	"errors"
	"log/slog"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// organizationReconciler makes Organizations real in the Git forge and on the spine.
type organizationReconciler struct {
	client   client.Client
	keeper   *organization.Keeper
	accounts Accounts
	log      *slog.Logger
}

// Reconcile implements reconcile.Reconciler. An Organization that is deleted keeps its repositories and its history, and
// what its account on the spine recorded; the account itself is withdrawn.
func (r *organizationReconciler) Reconcile(ctx context.Context, req reconcile.Request) (result reconcile.Result, err error) {
	var o catalystv1.Organization
	err = r.client.Get(ctx, req.NamespacedName, &o)
	if apierrors.IsNotFound(err) && r.accounts != nil {
		return reconcile.Result{}, r.accounts.Withdraw(ctx, req.Name)
	}
	if err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	before := o.DeepCopy()
	defer func() { err = errors.Join(err, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)) }()

	_, kept := r.keeper.Keep(ctx, organization.Organization{Name: o.Name, DisplayName: o.Spec.DisplayName})
	well := "The Git organization, its teams and its webhook are in place."
	if r.accounts != nil { // whatever the forge said: the two do not wait for each other
		_, accountErr := r.accounts.Keep(ctx, o.Name)
		kept = errors.Join(kept, accountErr)
		well = "The Git organization, its teams and its webhook are in place, and so is its account on the spine."
	}
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	o.Status.ObservedGeneration = o.Generation
	again := setReady(&o.Status.Conditions, o.Generation, kept, well)
	if kept != nil {
		r.log.Info("organization is not ready", "organization", o.Name, "reason", kept)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}
