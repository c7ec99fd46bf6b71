package kubernetes

import (
	"context"
	"log/slog"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// applicationReconciler looks at one Application: after an event from the spine, or when somebody touched its Flux
// objects. The request carries no fact; Git is read.
type applicationReconciler struct {
	client client.Client
	keeper *environment.Keeper
	log    *slog.Logger
}

// Reconcile implements reconcile.TypedReconciler.
func (r *applicationReconciler) Reconcile(ctx context.Context, t environment.Trigger) (reconcile.Result, error) {
	var o catalystv1.Environment
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: t.Environment}, &o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	env := environmentOf(&o)
	if o.DeletionTimestamp != nil || o.Status.Namespace == "" || t.Organization != env.Organization {
		return reconcile.Result{}, nil // the look at the whole Environment finds it
	}
	if err := r.keeper.Sync(ctx, env, t.Application); err != nil {
		if ctx.Err() != nil {
			return reconcile.Result{}, ctx.Err()
		}
		r.log.Info("application will be looked at again", "environment", env.Name, "application", t.Application, "reason", err)
		return reconcile.Result{RequeueAfter: shortly}, nil
	}
	before := o.DeepCopy()
	countApplications(r.keeper, &o)
	return reconcile.Result{}, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)
}
