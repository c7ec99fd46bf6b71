package kubernetes

import (
	"context"
	"errors"
	"log/slog"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// organizationReconciler makes Organizations real in the Git forge.
type organizationReconciler struct {
	client client.Client
	keeper *organization.Keeper
	log    *slog.Logger
}

// Reconcile implements reconcile.Reconciler. An Organization that is deleted keeps its repositories and its history.
func (r *organizationReconciler) Reconcile(ctx context.Context, req reconcile.Request) (result reconcile.Result, err error) {
	var o catalystv1.Organization
	if err := r.client.Get(ctx, req.NamespacedName, &o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	before := o.DeepCopy()
	defer func() { err = errors.Join(err, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)) }()

	_, kept := r.keeper.Keep(ctx, organization.Organization{Name: o.Name, DisplayName: o.Spec.DisplayName})
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	o.Status.ObservedGeneration = o.Generation
	again := setReady(&o.Status.Conditions, o.Generation, kept, "The Git organization, its teams and its webhook are in place.")
	if kept != nil {
		r.log.Info("organization is not ready", "organization", o.Name, "reason", kept)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}
