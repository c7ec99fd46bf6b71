// Package kubernetes asks a cluster what it would make of an Application's objects. It asks as the account under which
// Flux applies in the Environment, so that the answer is the one that Flux will get, and changes nothing.
package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

const (
	// fluxAccount is the environment-controller's name for it.
	fluxAccount = "flux"
	// parallel is how many objects are asked about at once.
	parallel = 8
)

// Cluster is one cluster.
type Cluster struct {
	config *rest.Config
	served discovery
}

var _ manifest.Cluster = (*Cluster)(nil)

// New makes a Cluster of a kubeconfig; without one it is the cluster in which the service runs.
func New(kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	return fromConfig(config), nil
}

func fromConfig(config *rest.Config) *Cluster {
	config = rest.CopyConfig(config)
	config.QPS, config.UserAgent = -1, "catalyst-provisioning"
	// Warnings are for who applies; here they would only fill the log.
	config.WarningHandler = rest.NoWarnings{}
	return &Cluster{config: config}
}

// as is the configuration to ask as the account of an Environment.
func (c *Cluster) as(environment string) *rest.Config {
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + environment + ":" + fluxAccount}
	return config
}

// Capabilities implements manifest.Cluster.
func (c *Cluster) Capabilities(ctx context.Context) (manifest.Capabilities, error) {
	return c.served.capabilities(ctx, c.config)
}

// Inspect implements manifest.Cluster.
func (c *Cluster) Inspect(ctx context.Context, environment string, checks []manifest.Check) []manifest.Finding {
	findings := make([]manifest.Finding, len(checks))
	client, err := dynamic.NewForConfig(c.as(environment))
	if err != nil {
		for i := range findings {
			findings[i].Err = err
		}
		return findings
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, parallel)
	for i, check := range checks {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			findings[i] = c.inspect(ctx, client, environment, check)
			if ctx.Err() != nil {
				findings[i].Err = ctx.Err()
			}
		})
	}
	wg.Wait()
	return findings
}

func (c *Cluster) inspect(ctx context.Context, client dynamic.Interface, environment string, check manifest.Check) (f manifest.Finding) {
	subject := check.Next
	if subject == nil {
		subject = check.Now
	}
	kind, err := c.served.kind(ctx, c.config, subject.APIVersion(), subject.Kind())
	var unknown *unknownKindError
	if errors.As(err, &unknown) {
		return manifest.Finding{Problem: problem(subject, err)}
	}
	if err != nil {
		return manifest.Finding{Err: err}
	}
	resource := kind.in(client, subject.Namespace(), environment)
	live, err := resource.Get(ctx, subject.Name(), metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err) && check.Next == nil:
		return manifest.Finding{Problem: problem(subject, err)}
	case apierrors.IsForbidden(err):
		check.Now = nil // Flux may not read it either, so that there is nothing to compare
	case apierrors.IsNotFound(err):
	case err != nil:
		return manifest.Finding{Err: err}
	default:
		if f.Live, err = object(live); err != nil {
			return manifest.Finding{Err: err}
		}
	}
	return try(ctx, resource, check, f)
}

// try applies, without doing it, what Git says and what it will say.
func try(ctx context.Context, resource dynamic.ResourceInterface, check manifest.Check, f manifest.Finding) manifest.Finding {
	if check.Now != nil {
		applied, refused, err := tryApply(ctx, resource, check.Now, check.Manager)
		if err != nil {
			return manifest.Finding{Err: err}
		}
		f.Applied = applied
		if check.Next != nil {
			f.Problem = refused
		}
	}
	if check.Next != nil && (check.Now == nil || !same(check.Now, check.Next)) {
		_, refused, err := tryApply(ctx, resource, check.Next, check.Manager)
		if err != nil {
			return manifest.Finding{Err: err}
		}
		f.Problem = refused
	}
	return f
}

// tryApply is what the API server would make of an object, or why it refuses it.
func tryApply(ctx context.Context, resource dynamic.ResourceInterface, o manifest.Object, manager string) (applied manifest.Object, refused string, err error) {
	u := &unstructured.Unstructured{}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, "", err
	}
	if err := u.UnmarshalJSON(raw); err != nil {
		return nil, "", err
	}
	answer, err := resource.Apply(ctx, o.Name(), u, metav1.ApplyOptions{FieldManager: manager, Force: true, DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		if status := apierrors.APIStatus(nil); errors.As(err, &status) && answered(status.Status()) {
			return nil, problem(o, err), nil
		}
		return nil, "", err
	}
	applied, err = object(answer)
	return applied, "", err
}

// answered tells an answer about the object, which Flux would get too, from one about the server.
func answered(s metav1.Status) bool {
	switch s.Code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return s.Code >= http.StatusBadRequest && s.Code <= http.StatusInternalServerError
}

// problem is what the API server says. It may repeat what is in the object, so that of a Secret only the fields remain.
func problem(o manifest.Object, err error) string {
	var status apierrors.APIStatus
	if o.Kind() != "Secret" || !errors.As(err, &status) {
		return err.Error()
	}
	fields := []string{}
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			fields = append(fields, cause.Field)
		}
	}
	reason := cmp.Or(string(status.Status().Reason), http.StatusText(int(status.Status().Code)))
	return strings.TrimSpace(fmt.Sprintf("the Secret %s is refused: %s %s", o.Name(), reason, strings.Join(fields, ", ")))
}

func same(a, b manifest.Object) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

func object(u *unstructured.Unstructured) (manifest.Object, error) {
	raw, err := u.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return manifest.ReadObject(raw)
}
