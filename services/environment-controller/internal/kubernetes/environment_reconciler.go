package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/desired"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// environmentReconciler makes Environments real in the cluster, with all their Applications.
type environmentReconciler struct {
	client client.Client
	// live reads the API server, past the cache that holds only what is ours.
	live   client.Reader
	keeper *environment.Keeper
	// credentials are those with which Flux reads each Organization's repositories.
	credentials credential.Store
	// publicKeyFile holds the key, in PEM, that Blueprints are signed with. It is read anew each time.
	publicKeyFile string
	desired       *desired.Repository
	tell          teller
	log           *slog.Logger
}

// environmentScope is what the phases of one reconcile share.
type environmentScope struct {
	object       *catalystv1.Environment
	env          environment.Environment
	organization catalystv1.Organization
	quota        catalystv1.Quota
	report       environment.Report
	// settled is whether all was in place before this look.
	settled bool
}

func environmentOf(o *catalystv1.Environment) environment.Environment {
	return environment.Environment{Name: o.Name, Organization: o.Spec.Organization, EnvType: string(o.Spec.EnvType), Branch: o.Spec.Branch}
}

// Reconcile implements reconcile.Reconciler.
func (r *environmentReconciler) Reconcile(ctx context.Context, req reconcile.Request) (result reconcile.Result, err error) {
	var o catalystv1.Environment
	if err := r.client.Get(ctx, req.NamespacedName, &o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.DeletionTimestamp != nil {
		return r.farewell(ctx, &o)
	}
	if err := setFinalizer(ctx, r.client, &o, true); err != nil {
		return reconcile.Result{}, err
	}
	before := o.DeepCopy()
	defer func() { err = errors.Join(err, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)) }()

	s := &environmentScope{object: &o, env: environmentOf(&o), settled: wasReady(o.Status.Conditions, o.Status.ObservedGeneration, o.Generation)}
	var failed error
	for _, phase := range []func(context.Context, *environmentScope) error{
		r.findOrganization, r.defaults, r.namespace, r.bounds, r.account, r.secrets, r.applications,
	} {
		if failed = phase(ctx, s); failed != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	if failed != nil {
		r.log.Info("environment is not ready", "environment", o.Name, "reason", failed)
	}
	o.Status.ObservedGeneration = o.Generation
	again := setReady(&o.Status.Conditions, o.Generation, failed, "The namespace is in place and holds every Application that Git says should run here.")
	countApplications(r.keeper, &o)
	setPlaced(&o)
	return reconcile.Result{RequeueAfter: again}, nil
}

// countApplications writes down what is known of the Applications.
func countApplications(k *environment.Keeper, o *catalystv1.Environment) {
	if n, whole := k.Count(o.Name); whole {
		o.Status.Applications = n
		setDependencies(&o.Status.Conditions, o.Generation, k.Unmet(o.Name))
	}
}

// setPlaced says what becomes of a placement. There is one cluster.
func setPlaced(o *catalystv1.Environment) {
	if len(o.Spec.Placement) == 0 {
		apimeta.RemoveStatusCondition(&o.Status.Conditions, catalystv1.ConditionPlaced)
		return
	}
	apimeta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{
		Type: catalystv1.ConditionPlaced, Status: metav1.ConditionUnknown, Reason: reasonPlaced, ObservedGeneration: o.Generation,
		Message: "This Sovereign has one cluster: everything runs there, whatever spec.placement asks for.",
	})
}

func (r *environmentReconciler) findOrganization(ctx context.Context, s *environmentScope) error {
	err := r.client.Get(ctx, client.ObjectKey{Namespace: s.object.Namespace, Name: s.env.Organization}, &s.organization)
	if apierrors.IsNotFound(err) {
		return &waiting{
			reason: reasonOrganizationMissing, status: metav1.ConditionFalse, again: patience,
			err: fmt.Errorf("the Organization %s does not exist: commit it to system/catalyst-config", s.env.Organization),
		}
	}
	return err
}

// defaults finds out which quota and size are in force.
func (r *environmentReconciler) defaults(ctx context.Context, s *environmentScope) error {
	var all catalystv1.SovereignList
	if err := r.client.List(ctx, &all, client.InNamespace(s.object.Namespace)); err != nil {
		return err
	}
	var ofSovereign *catalystv1.EnvironmentDefaults
	if len(all.Items) == 1 { // of two, neither is in force
		ofSovereign = all.Items[0].Spec.EnvironmentDefaults
	}
	quota, size := inForce(s.object.Spec, s.organization.Spec.EnvironmentDefaults, ofSovereign)
	s.quota, s.object.Status.Quota, s.object.Status.DefaultSize = quota, &quota, size
	return nil
}

// namespace makes the namespace, and refuses one that was there before us: it is somebody else's.
func (r *environmentReconciler) namespace(ctx context.Context, s *environmentScope) error {
	var ns corev1.Namespace
	err := r.client.Get(ctx, client.ObjectKey{Name: s.env.Name}, &ns)
	if apierrors.IsNotFound(err) && s.object.Status.Namespace == "" {
		if err = r.live.Get(ctx, client.ObjectKey{Name: s.env.Name}, &ns); err == nil && ns.Labels[catalystv1.LabelEnvironment] != s.env.Name {
			return &waiting{
				reason: reasonNamespaceTaken, status: metav1.ConditionFalse, again: patience,
				err: fmt.Errorf("a namespace %s exists that does not belong to this Environment: delete it, or give it the label %s=%s to hand it over", s.env.Name, catalystv1.LabelEnvironment, s.env.Name),
			}
		}
	}
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if ns.DeletionTimestamp != nil {
		return &waiting{
			reason: reasonClusterRefused, status: metav1.ConditionFalse, again: shortly,
			err: fmt.Errorf("the namespace %s is being deleted; it is made anew when it is gone", s.env.Name),
		}
	}
	if err := r.ensure(ctx, s, namespace(s.env, s.object.Spec.PodSecurity)); err != nil {
		return err
	}
	s.object.Status.Namespace = s.env.Name
	return nil
}

// bounds are what keeps it from the others.
func (r *environmentReconciler) bounds(ctx context.Context, s *environmentScope) error {
	return r.ensure(ctx, s, networkPolicy(s.env), resourceQuota(s.env, s.quota), limitRange(s.env, s.quota))
}

// account is the one under which Flux applies: an administrator of this namespace, nothing beyond it.
func (r *environmentReconciler) account(ctx context.Context, s *environmentScope) error {
	return r.ensure(ctx, s,
		serviceAccount(s.env), role(s.env),
		roleBinding(s.env, fluxRole, "Role", fluxRole),
		roleBinding(s.env, adminBinding, "ClusterRole", "admin"),
	)
}

func (r *environmentReconciler) secrets(ctx context.Context, s *environmentScope) error {
	pull, err := r.credentials.Load(ctx, s.env.Organization)
	if err != nil {
		return err
	}
	if pull.Token == "" {
		return &waiting{
			reason: reasonCredentialMissing, status: metav1.ConditionFalse, again: shortly,
			err: fmt.Errorf("the Organization %s has no pull credential yet", s.env.Organization),
		}
	}
	key, err := os.ReadFile(r.publicKeyFile)
	if err != nil {
		return &waiting{
			reason: reasonKeyMissing, status: metav1.ConditionFalse, again: shortly,
			err: fmt.Errorf("read the key that Blueprints are signed with: %w", err),
		}
	}
	return r.ensure(ctx, s,
		secret(s.env, gitSecret, map[string][]byte{"username": []byte(pull.Account), "password": []byte(pull.Token)}),
		secret(s.env, keysSecret, map[string][]byte{keyName: key}),
	)
}

func (r *environmentReconciler) applications(ctx context.Context, s *environmentScope) error {
	var err error
	if s.report, err = r.keeper.SyncAll(ctx, s.env); err != nil {
		return err
	}
	if len(s.report.Failed) > 0 {
		return &waiting{reason: reasonClusterRefused, status: metav1.ConditionFalse, again: shortly, err: errors.Join(s.report.Failed...)}
	}
	if len(s.report.Unclear) > 0 {
		return &waiting{reason: reasonGitUnclear, status: metav1.ConditionUnknown, again: shortly, err: errors.Join(s.report.Unclear...)}
	}
	return nil
}

func (r *environmentReconciler) ensure(ctx context.Context, s *environmentScope, objects ...client.Object) error {
	for _, o := range objects {
		d, err := ensure(ctx, r.client, r.live, o)
		if b, ok := o.(*rbacv1.RoleBinding); ok && apierrors.IsInvalid(err) {
			// What a binding refers to cannot be changed.
			if err = remove(ctx, r.client, b.DeepCopy()); err == nil {
				d, err = deed{wrote: true, drift: "it was made to refer to another role"}, apply(ctx, r.client, o)
			}
		}
		if err != nil {
			return err
		}
		r.tell.of(o, d, s.settled)
		if d.wrote {
			r.log.Info("environment changed", "environment", s.env.Name, "kind", fmt.Sprintf("%T", o), "name", o.GetName())
		}
	}
	return nil
}
