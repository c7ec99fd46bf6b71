package kubernetes

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

func logger(log *slog.Logger) logr.Logger { return logr.FromSlogHandler(log.Handler()) }

func (c *Controllers) addControllers(m manager.Manager) error {
	cl, tell := m.GetClient(), teller{m.GetEventRecorder(catalystv1.ManagedByController)}
	store := &credentials{client: cl}
	keeper := environment.NewKeeper(c.git, &cluster{client: cl, live: m.GetAPIReader(), gitURL: c.config.GitURL, tell: tell}, c.log)
	return errors.Join(
		builder.ControllerManagedBy(m).Named("sovereign").
			For(&catalystv1.Sovereign{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
			WithOptions(controller.Options{RateLimiter: limiter[reconcile.Request]()}).
			Complete(&sovereignReconciler{client: cl}),
		c.addOrganization(m, &organizationReconciler{
			client: cl, keeper: c.keepers.Organizations, credentials: c.keepers.Credentials(store), accounts: c.keepers.Accounts,
			desired: c.keepers.Desired, tell: tell, log: c.log,
		}),
		c.addEnvironment(m, &environmentReconciler{
			client: cl, live: m.GetAPIReader(), keeper: keeper, credentials: store, publicKeyFile: c.config.PublicKeyFile,
			desired: c.keepers.Desired, tell: tell, log: c.log,
		}),
		c.addApplication(m, &applicationReconciler{client: cl, keeper: keeper, log: c.log}),
	)
}

func (c *Controllers) addOrganization(m manager.Manager, r *organizationReconciler) error {
	return builder.ControllerManagedBy(m).Named("organization").
		For(&catalystv1.Organization{}, builder.WithPredicates(declared())).
		WatchesRawSource(source.Channel(c.again, handler.EnqueueRequestsFromMapFunc(everyOrganization(r.client)))).
		WithOptions(controller.Options{MaxConcurrentReconciles: 2, RateLimiter: limiter[reconcile.Request]()}).
		Complete(r)
}

func (c *Controllers) addEnvironment(m manager.Manager, r *environmentReconciler) error {
	toEnvironment := handler.EnqueueRequestsFromMapFunc(environmentRequest)
	b := builder.ControllerManagedBy(m).Named("environment").
		For(&catalystv1.Environment{}, builder.WithPredicates(declared())).
		Watches(&catalystv1.Organization{}, handler.EnqueueRequestsFromMapFunc(environmentsOf(r.client)), builder.WithPredicates(becameReady()))
	for _, o := range []client.Object{
		&corev1.Namespace{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{},
		&networkingv1.NetworkPolicy{}, &corev1.ResourceQuota{}, &corev1.LimitRange{},
	} {
		b = b.Watches(o, toEnvironment, builder.WithPredicates(touched()))
	}
	return b.WithOptions(controller.Options{MaxConcurrentReconciles: 4, RateLimiter: limiter[reconcile.Request]()}).Complete(r)
}

func (c *Controllers) addApplication(m manager.Manager, r *applicationReconciler) error {
	toApplication := handler.TypedEnqueueRequestsFromMapFunc(applicationTrigger)
	return builder.TypedControllerManagedBy[environment.Trigger](m).Named("application").
		Watches(&sourcev1.GitRepository{}, toApplication, builder.WithPredicates(touched())).
		Watches(&kustomizev1.Kustomization{}, toApplication, builder.WithPredicates(predicate.Or(touched(), applied()))).
		Watches(&catalystv1.Application{}, toApplication, builder.WithPredicates(touched())).
		WatchesRawSource(source.TypedChannel(c.triggers, triggerHandler())).
		WithOptions(controller.TypedOptions[environment.Trigger]{
			MaxConcurrentReconciles: 4, RateLimiter: limiter[environment.Trigger](),
			LogConstructor: func(*environment.Trigger) logr.Logger { return logger(c.log) },
		}).
		Complete(r)
}

// declared passes what people or Git did to an object of theirs: made it, changed what it says, or deleted it.
func declared() predicate.Funcs {
	p := predicate.Funcs{}
	p.UpdateFunc = func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			(e.ObjectOld.GetDeletionTimestamp() == nil) != (e.ObjectNew.GetDeletionTimestamp() == nil)
	}
	return p
}

// applied passes a Kustomization that Flux has just come to an end with, one way or the other.
func applied() predicate.Funcs {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := fluxReady(e.ObjectOld), fluxReady(e.ObjectNew)
			return is != nil && is.Status != metav1.ConditionUnknown && (was == nil || was.Status != is.Status || was.Reason != is.Reason || was.Message != is.Message)
		},
	}
}

func fluxReady(o client.Object) *metav1.Condition {
	k, ok := o.(*kustomizev1.Kustomization)
	if !ok {
		return nil
	}
	return apimeta.FindStatusCondition(k.Status.Conditions, meta.ReadyCondition)
}

// touched passes what somebody may have done by hand to an object that we made: deleted it, or changed what it says or
// how we know it. Its status is not of interest, nor that it exists when we start.
func touched() predicate.Funcs {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			if !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
				return true
			}
			if was, ok := e.ObjectOld.(*corev1.ResourceQuota); ok { // its status changes with every pod
				is, ok := e.ObjectNew.(*corev1.ResourceQuota)
				return !ok || !equality.Semantic.DeepEqual(was.Spec, is.Spec)
			}
			if e.ObjectNew.GetGeneration() == 0 { // a kind that counts no generations, such as a RoleBinding
				return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
			}
			return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
		},
	}
}

// becameReady passes an Organization that is new or has just become ready, because its Environments have waited for it,
// and one that says something else, because its defaults hold for them.
func becameReady() predicate.Funcs {
	return predicate.Funcs{
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !isReady(e.ObjectOld) && isReady(e.ObjectNew) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
		},
	}
}

func isReady(o client.Object) bool {
	org, ok := o.(*catalystv1.Organization)
	if !ok {
		return false
	}
	for _, c := range org.Status.Conditions {
		if c.Type == catalystv1.ConditionReady {
			return c.Status == "True"
		}
	}
	return false
}

func environmentsOf(c client.Client) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		var all catalystv1.EnvironmentList
		if err := c.List(ctx, &all, client.InNamespace(o.GetNamespace())); err != nil {
			slog.DebugContext(ctx, "environments are not listed", "error", err)
			return nil
		}
		var out []reconcile.Request
		for i := range all.Items {
			if all.Items[i].Spec.Organization == o.GetName() {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
			}
		}
		return out
	}
}

func everyOrganization(c client.Client) handler.MapFunc {
	return func(ctx context.Context, _ client.Object) []reconcile.Request {
		var all catalystv1.OrganizationList
		if err := c.List(ctx, &all); err != nil {
			slog.DebugContext(ctx, "organizations are not listed", "error", err)
			return nil
		}
		out := make([]reconcile.Request, len(all.Items))
		for i := range all.Items {
			out[i].NamespacedName = client.ObjectKeyFromObject(&all.Items[i])
		}
		return out
	}
}

// environmentRequest goes by the namespace, because labels may have been changed by hand.
func environmentRequest(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetNamespace()
	if name == "" {
		name = o.GetName() // of the namespace itself
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: catalystv1.SystemNamespace, Name: name}}}
}

// applicationTrigger likewise: the namespace is {organization}-{env_type}.
func applicationTrigger(_ context.Context, o client.Object) []environment.Trigger {
	i := strings.LastIndexByte(o.GetNamespace(), '-')
	if i < 1 {
		return nil
	}
	return []environment.Trigger{{Organization: o.GetNamespace()[:i], Environment: o.GetNamespace(), Application: o.GetName()}}
}

func triggerHandler() handler.TypedFuncs[environment.Trigger, environment.Trigger] {
	return handler.TypedFuncs[environment.Trigger, environment.Trigger]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[environment.Trigger], q workqueue.TypedRateLimitingInterface[environment.Trigger]) {
			q.Add(e.Object)
		},
	}
}
