package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/desired"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// organizationReconciler makes Organizations real in the Git forge and on the spine.
type organizationReconciler struct {
	client      client.Client
	keeper      *organization.Keeper
	credentials *credential.Keeper
	accounts    Accounts
	desired     *desired.Repository
	tell        teller
	log         *slog.Logger
}

// levels of the roles that a team may have.
var levels = map[catalystv1.TeamRole]organization.Level{
	catalystv1.RoleAdmin: organization.Admin, catalystv1.RoleDeveloper: organization.Write, catalystv1.RoleViewer: organization.Read,
}

func wishOf(o *catalystv1.Organization) organization.Wish {
	w := organization.Wish{
		Organization: organization.Organization{Name: o.Name, DisplayName: o.Spec.DisplayName}, Reader: credential.Account(o.Name),
	}
	for _, t := range o.Spec.Teams {
		level := levels[t.Role]
		if level == "" {
			level = organization.Read
		}
		w.Teams = append(w.Teams, organization.Team{Name: t.Name, Level: level, Description: t.Description})
	}
	return w
}

// Reconcile implements reconcile.Reconciler.
func (r *organizationReconciler) Reconcile(ctx context.Context, req reconcile.Request) (result reconcile.Result, err error) {
	var o catalystv1.Organization
	if err := r.client.Get(ctx, req.NamespacedName, &o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.DeletionTimestamp == nil {
		if err := setFinalizer(ctx, r.client, &o, true); err != nil {
			return reconcile.Result{}, err
		}
	}
	before := o.DeepCopy()
	defer func() {
		if hasFinalizer(&o) {
			err = errors.Join(err, patchStatus(ctx, r.client, before, &o, before.Status, o.Status))
		}
	}()
	retiring := r.retire(ctx, &o)
	if o.DeletionTimestamp != nil {
		return r.farewell(ctx, &o, retiring)
	}
	kept := errors.Join(r.keep(ctx, &o), retiring)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	o.Status.ObservedGeneration = o.Generation
	again := setReady(&o.Status.Conditions, o.Generation, kept, "The Git organization, its teams, its webhook and its pull credential are in place, and so is its account on the spine.")
	if kept != nil {
		r.log.Info("organization is not ready", "organization", o.Name, "reason", kept)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// keep brings what an Organization consists of to what it should be. What fails in one place does not hold up another.
func (r *organizationReconciler) keep(ctx context.Context, o *catalystv1.Organization) error {
	settled := wasReady(o.Status.Conditions, o.Status.ObservedGeneration, o.Generation)
	_, failed := r.credentials.Keep(ctx, o.Name)
	changes, err := r.keeper.Keep(ctx, wishOf(o))
	failed = errors.Join(failed, err)
	if settled {
		for _, c := range changes {
			r.tell.drifted(o, fmt.Sprintf("in the Git forge somebody had changed what Catalyst keeps there: %s %s", c.Action, c.Subject()))
		}
	}
	if r.accounts != nil {
		_, err := r.accounts.Keep(ctx, o.Name)
		failed = errors.Join(failed, err)
	}
	return failed
}

// retire goes the first of the two steps out, or back: while Applications run it does nothing but say so.
func (r *organizationReconciler) retire(ctx context.Context, o *catalystv1.Organization) error {
	c := metav1.Condition{Type: catalystv1.ConditionRetired, Status: metav1.ConditionFalse, ObservedGeneration: o.Generation}
	running, err := r.running(ctx, o)
	switch {
	case err != nil:
		return err
	case o.Spec.Retired && len(running) > 0:
		c.Reason, c.Message = reasonInUse, clip(fmt.Sprintf("%d Applications still run: %s. Uninstall them first.", len(running), strings.Join(running, ", ")))
	default:
		o.Status.Archived, err = r.keeper.Archive(ctx, o.Name, o.Spec.Retired, o.Status.Archived)
		if err != nil {
			return err
		}
		if !o.Spec.Retired {
			apimeta.RemoveStatusCondition(&o.Status.Conditions, catalystv1.ConditionRetired)
			return nil
		}
		c.Status, c.Reason = metav1.ConditionTrue, reasonRetired
		c.Message = "No Application runs and every repository is archived. When its manifests are removed, it leaves the Sovereign; the repositories stay."
	}
	apimeta.SetStatusCondition(&o.Status.Conditions, c)
	return nil
}

// running lists the Applications of all its Environments, as environment/application.
func (r *organizationReconciler) running(ctx context.Context, o *catalystv1.Organization) ([]string, error) {
	var all catalystv1.ApplicationList
	err := r.client.List(ctx, &all, client.MatchingLabels{catalystv1.LabelManagedBy: catalystv1.ManagedByController, catalystv1.LabelOrganization: o.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range all.Items {
		out = append(out, all.Items[i].Namespace+"/"+all.Items[i].Name)
	}
	slices.Sort(out)
	return out, nil
}

// farewell deals with an Organization that is being deleted. Its repositories and what its account recorded stay.
func (r *organizationReconciler) farewell(ctx context.Context, o *catalystv1.Organization, retiring error) (reconcile.Result, error) {
	if !hasFinalizer(o) {
		return reconcile.Result{}, nil
	}
	var all catalystv1.EnvironmentList
	if err := r.client.List(ctx, &all, client.InNamespace(o.Namespace)); err != nil {
		return reconcile.Result{}, err
	}
	n := 0
	for i := range all.Items {
		if all.Items[i].Spec.Organization == o.Name {
			n++
		}
	}
	state, unclear := r.desired.Read(ctx)
	archived := retiring == nil && apimeta.IsStatusConditionTrue(o.Status.Conditions, catalystv1.ConditionRetired)
	f := desired.OfOrganization(o.Name, state, unclear, o.Spec.Retired, archived, n)
	r.log.Info("organization is being deleted", "organization", o.Name, "reason", f.Why)
	switch f.Verdict {
	case desired.Wait:
		setLeaving(&o.Status.Conditions, o.Generation, reasonHeld, f.Why)
		return reconcile.Result{RequeueAfter: shortly}, nil
	case desired.CleanUp:
		if err := r.withdraw(ctx, o.Name); err != nil {
			return reconcile.Result{}, err
		}
	}
	if err := setFinalizer(ctx, r.client, o, false); err != nil || f.Verdict == desired.CleanUp {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, remake(ctx, r.client)
}

func (r *organizationReconciler) withdraw(ctx context.Context, name string) error {
	failed := r.credentials.Withdraw(ctx, name)
	if r.accounts != nil {
		failed = errors.Join(failed, r.accounts.Withdraw(ctx, name))
	}
	return failed
}
