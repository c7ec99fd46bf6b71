package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/environment-controller/internal/account"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// Reasons of the condition Ready, in one word; its message says the same in a sentence.
const (
	reasonReady               = "Ready"
	reasonForgeUnavailable    = "ForgeUnavailable"
	reasonForgeForbids        = "ForgeForbids"
	reasonForgeRefused        = "ForgeRefused"
	reasonAccountMissing      = "AccountMissing"
	reasonOrganizationMissing = "OrganizationMissing"
	reasonNamespaceTaken      = "NamespaceTaken"
	reasonKeyMissing          = "KeyMissing"
	reasonClusterRefused      = "ClusterRefused"
	reasonGitUnclear          = "GitUnclear"
	reasonSpineUnavailable    = "SpineUnavailable"
	reasonCredentialMissing   = "CredentialMissing"
	reasonWaitingForFlux      = "WaitingForFlux"
	reasonDeleting            = "Deleting"
	reasonHeld                = "Held"
	reasonNotAlone            = "NotAlone"
)

// Reasons of other conditions.
const (
	reasonMet      = "Met"
	reasonUnmet    = "Unmet"
	reasonPlaced   = "OneCluster"
	reasonRetired  = "Archived"
	reasonInUse    = "InUse"
	reasonNotAsked = "NotRetired"
)

// Pauses before the next look. When all is well the next one is there to heal what nobody told us of.
const (
	resync   = time.Minute
	shortly  = 2 * time.Second
	patience = 10 * time.Second
)

// waiting is why an object is not ready, when that is nothing to raise an alarm about: it is tried again after a pause.
type waiting struct {
	reason string
	// status of the condition: False for "it is not", Unknown for "we cannot tell".
	status metav1.ConditionStatus
	err    error
	again  time.Duration
}

func (w *waiting) Error() string { return w.err.Error() }
func (w *waiting) Unwrap() error { return w.err }

// classify gives every failure a reason and the time of the next try.
func classify(err error) *waiting {
	var w *waiting
	if errors.As(err, &w) {
		return w
	}
	w = &waiting{err: err, status: metav1.ConditionFalse, again: patience}
	var missing *organization.AccountMissingError
	switch {
	case errors.Is(err, forge.ErrUnavailable):
		w.reason, w.status, w.again = reasonForgeUnavailable, metav1.ConditionUnknown, shortly
	case errors.As(err, &missing):
		w.reason, w.again = reasonAccountMissing, shortly
	case errors.Is(err, account.ErrUnavailable):
		w.reason, w.status, w.again = reasonSpineUnavailable, metav1.ConditionUnknown, shortly
	case errors.Is(err, forge.ErrForbidden):
		w.reason = reasonForgeForbids
	case isCluster(err):
		w.reason, w.again = reasonClusterRefused, shortly
	default:
		w.reason = reasonForgeRefused
	}
	return w
}

func isCluster(err error) bool {
	var status apierrors.APIStatus
	var network *net.OpError
	return errors.As(err, &status) || errors.As(err, &network)
}

// setReady records the outcome in the conditions and returns when to look next.
func setReady(conditions *[]metav1.Condition, generation int64, err error, well string) time.Duration {
	c := metav1.Condition{
		Type: catalystv1.ConditionReady, Status: metav1.ConditionTrue, Reason: reasonReady, Message: well, ObservedGeneration: generation,
	}
	again := resync
	if err != nil {
		w := classify(err)
		c.Status, c.Reason, c.Message, again = w.status, w.reason, clip(w.Error()), w.again
	}
	apimeta.SetStatusCondition(conditions, c)
	return again
}

// setDependencies records which dependencies are not heeded.
func setDependencies(conditions *[]metav1.Condition, generation int64, unmet []string) {
	c := metav1.Condition{
		Type: catalystv1.ConditionDependenciesMet, Status: metav1.ConditionTrue, Reason: reasonMet, ObservedGeneration: generation,
		Message: "Every dependency is here and is waited for.",
	}
	if len(unmet) > 0 {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reasonUnmet, clip(strings.Join(unmet, "; "))
	}
	apimeta.SetStatusCondition(conditions, c)
}

// wasReady tells whether all was in place for what the object says now, so that what differs is somebody else's doing.
func wasReady(conditions []metav1.Condition, observed, generation int64) bool {
	return observed == generation && apimeta.IsStatusConditionTrue(conditions, catalystv1.ConditionReady)
}

// setFinalizer makes sure of our finalizer, or that it is not there. Beside the status it is all that we write of an
// object of people's.
func setFinalizer(ctx context.Context, c client.Client, o client.Object, there bool) error {
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	changed := false
	if there {
		changed = controllerutil.AddFinalizer(o, catalystv1.Finalizer)
	} else {
		changed = controllerutil.RemoveFinalizer(o, catalystv1.Finalizer)
	}
	if !changed {
		return nil
	}
	err := c.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(catalystv1.ManagedByController))
	return client.IgnoreNotFound(err)
}

// clip keeps a message readable, and below the limit of a condition.
func clip(s string) string {
	const limit = 1000
	if len(s) <= limit {
		return s
	}
	return s[:limit] + " …"
}

// patchStatus writes the status if it is not what it was.
func patchStatus(ctx context.Context, c client.Client, before, after client.Object, was, is any) error {
	if equality.Semantic.DeepEqual(was, is) {
		return nil
	}
	err := c.Status().Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(catalystv1.ManagedByController))
	return client.IgnoreNotFound(err)
}
