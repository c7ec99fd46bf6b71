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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// Credentials are what every Environment is given.
type Credentials struct {
	// GitUser and GitToken let Flux read the repositories.
	GitUser, GitToken string
	// PublicKeyFile holds the key, in PEM, that Blueprints are signed with. It is read anew each time.
	PublicKeyFile string
}

// environmentReconciler makes Environments real in the cluster, with all their Applications.
type environmentReconciler struct {
	client client.Client
	// live reads the API server, past the cache that holds only what is ours.
	live        client.Reader
	keeper      *environment.Keeper
	credentials Credentials
	log         *slog.Logger
}

// environmentScope is what the phases of one reconcile share.
type environmentScope struct {
	object *catalystv1.Environment
	env    environment.Environment
	report environment.Report
}

func environmentOf(o *catalystv1.Environment) environment.Environment {
	return environment.Environment{Name: o.Name, Organization: o.Spec.Organization, EnvType: string(o.Spec.EnvType), Branch: o.Spec.Branch}
}

// Reconcile implements reconcile.Reconciler. An Environment that is deleted keeps its namespace and what runs there.
func (r *environmentReconciler) Reconcile(ctx context.Context, req reconcile.Request) (result reconcile.Result, err error) {
	var o catalystv1.Environment
	if err := r.client.Get(ctx, req.NamespacedName, &o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	before := o.DeepCopy()
	defer func() { err = errors.Join(err, patchStatus(ctx, r.client, before, &o, before.Status, o.Status)) }()

	s := &environmentScope{object: &o, env: environmentOf(&o)}
	var failed error
	for _, phase := range []func(context.Context, *environmentScope) error{
		r.organization, r.namespace, r.account, r.secrets, r.applications,
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
	if n, whole := r.keeper.Count(o.Name); whole {
		o.Status.Applications = n
	}
	again := setReady(&o.Status.Conditions, o.Generation, failed, "The namespace is in place and holds every Application that Git says should run here.")
	return reconcile.Result{RequeueAfter: again}, nil
}

func (r *environmentReconciler) organization(ctx context.Context, s *environmentScope) error {
	var o catalystv1.Organization
	err := r.client.Get(ctx, client.ObjectKey{Namespace: s.object.Namespace, Name: s.env.Organization}, &o)
	if apierrors.IsNotFound(err) {
		return &waiting{
			reason: reasonOrganizationMissing, status: metav1.ConditionFalse, again: patience,
			err: fmt.Errorf("the Organization %s does not exist: commit it to system/catalyst-config", s.env.Organization),
		}
	}
	return err
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
	if err := r.ensure(ctx, s, namespace(s.env)); err != nil {
		return err
	}
	s.object.Status.Namespace = s.env.Name
	return nil
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
	key, err := os.ReadFile(r.credentials.PublicKeyFile)
	if err != nil {
		return &waiting{
			reason: reasonKeyMissing, status: metav1.ConditionFalse, again: shortly,
			err: fmt.Errorf("read the key that Blueprints are signed with: %w", err),
		}
	}
	return r.ensure(ctx, s,
		secret(s.env, gitSecret, map[string][]byte{"username": []byte(r.credentials.GitUser), "password": []byte(r.credentials.GitToken)}),
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
		wrote, err := ensure(ctx, r.client, o)
		if b, ok := o.(*rbacv1.RoleBinding); ok && apierrors.IsInvalid(err) {
			// What a binding refers to cannot be changed.
			if err = remove(ctx, r.client, b.DeepCopy()); err == nil {
				wrote, err = true, apply(ctx, r.client, o)
			}
		}
		if err != nil {
			return err
		}
		if wrote {
			r.log.Info("environment changed", "environment", s.env.Name, "kind", fmt.Sprintf("%T", o), "name", o.GetName())
		}
	}
	return nil
}
