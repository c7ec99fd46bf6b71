package kubernetes

import (
	"context"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// describes tells whether the Application is told of already.
func (c *cluster) describes(ctx context.Context, env environment.Environment, app string) (bool, error) {
	err := c.client.Get(ctx, client.ObjectKey{Namespace: env.Name, Name: app}, &catalystv1.Application{})
	return err == nil, client.IgnoreNotFound(err)
}

// describe keeps the object that tells of an Application: derived from Git, never an input.
func (c *cluster) describe(ctx context.Context, env environment.Environment, a environment.Application) error {
	if _, err := ensure(ctx, c.client, nil, application(env, a.Name)); err != nil {
		return err
	}
	var o catalystv1.Application
	err := c.client.Get(ctx, client.ObjectKey{Namespace: env.Name, Name: a.Name}, &o)
	if apierrors.IsNotFound(err) { // made a moment ago: the cache has not heard of it, so it is complete only on the server
		o = *application(env, a.Name)
		err = c.live.Get(ctx, client.ObjectKeyFromObject(&o), &o)
	}
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	var k kustomizev1.Kustomization
	if err := c.client.Get(ctx, client.ObjectKeyFromObject(&o), &k); client.IgnoreNotFound(err) != nil {
		return err
	}
	before := o.DeepCopy()
	fill(&o.Status, env, a)
	mirror(&o.Status.Conditions, &k)
	return patchStatus(ctx, c.client, before, &o, before.Status, o.Status)
}

func application(env environment.Environment, app string) *catalystv1.Application {
	return &catalystv1.Application{ObjectMeta: applicationObject(env, app)}
}

// fill writes down what Git says.
func fill(s *catalystv1.ApplicationStatus, env environment.Environment, a environment.Application) {
	d := a.Declaration
	s.Repository, s.Branch, s.Revision, s.Size = env.Organization+"/"+a.Name, env.Branch, a.Head, d.Size
	s.Blueprint = nil
	if d.Blueprint != "" || d.Version != "" {
		s.Blueprint = &catalystv1.BlueprintPin{Name: d.Blueprint, Version: d.Version}
	}
	why := map[string]string{}
	for _, l := range a.Left {
		why[l.To] = l.Why
	}
	s.Dependencies = nil
	for _, dep := range d.Dependencies {
		s.Dependencies = append(s.Dependencies, catalystv1.ApplicationDependency{
			Alias: dep.Alias, Application: dep.Application, Waits: why[dep.Application] == "", Message: clip(why[dep.Application]),
		})
	}
	var unmet []string
	for _, l := range a.Left {
		unmet = append(unmet, l.Why)
	}
	if d.Problem != "" {
		unmet = append(unmet, d.Problem)
	}
	if len(d.Dependencies) == 0 && len(unmet) == 0 {
		apimeta.RemoveStatusCondition(&s.Conditions, catalystv1.ConditionDependenciesMet)
		return
	}
	setDependencies(&s.Conditions, 0, unmet)
}

// mirror repeats what Flux said last of applying the Application. While it works that is no news.
func mirror(conditions *[]metav1.Condition, k *kustomizev1.Kustomization) {
	ready := apimeta.FindStatusCondition(k.Status.Conditions, meta.ReadyCondition)
	switch {
	case ready != nil && ready.Status != metav1.ConditionUnknown:
		apimeta.SetStatusCondition(conditions, metav1.Condition{
			Type: catalystv1.ConditionReady, Status: ready.Status, Reason: ready.Reason, Message: clip(ready.Message),
		})
	case apimeta.FindStatusCondition(*conditions, catalystv1.ConditionReady) == nil:
		apimeta.SetStatusCondition(conditions, metav1.Condition{
			Type: catalystv1.ConditionReady, Status: metav1.ConditionUnknown, Reason: reasonWaitingForFlux, Message: "Flux has not applied it yet.",
		})
	}
}
