package kubernetes

import (
	"time"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/environment"
)

// Names of what every Environment holds.
const (
	fluxAccount  = "flux"
	gitSecret    = "catalyst-git"
	keysSecret   = "catalyst-blueprint-keys"
	keyName      = "catalyst.pub"
	fluxRole     = "catalyst-flux"
	adminBinding = "catalyst-flux-admin"
)

// The intervals are long because webhooks drive Flux; only a failure is tried again soon.
const (
	fluxInterval = 10 * time.Minute
	fluxRetry    = 10 * time.Second
	fluxTimeout  = time.Minute
	// healthTimeout is how long an Application that others wait for may take to be healthy.
	healthTimeout = 5 * time.Minute
)

// untilHealthy has what renders an Application be ready only once its workloads are. Elsewhere Flux does not wait for
// them: a worker is busy for as long as it waits.
var untilHealthy = []kustomize.Patch{
	{
		Target: &kustomize.Selector{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"},
		Patch: `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: any
spec:
  install:
    disableWait: false
  upgrade:
    disableWait: false
`,
	},
	{
		Target: &kustomize.Selector{Group: kustomizev1.GroupVersion.Group, Kind: kustomizev1.KustomizationKind},
		Patch: `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: any
spec:
  wait: true
`,
	},
}

func labels(env environment.Environment) map[string]string {
	return map[string]string{
		catalystv1.LabelManagedBy:    catalystv1.ManagedByController,
		catalystv1.LabelOrganization: env.Organization,
		catalystv1.LabelEnvironment:  env.Name,
	}
}

func object(env environment.Environment, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: env.Name, Name: name, Labels: labels(env)}
}

func applicationObject(env environment.Environment, app string) metav1.ObjectMeta {
	m := object(env, app)
	m.Labels[catalystv1.LabelApplication] = app
	return m
}

// Labels by which the API server enforces the Pod Security Standards in a namespace.
const (
	podSecurityEnforce = "pod-security.kubernetes.io/enforce"
	podSecurityWarn    = "pod-security.kubernetes.io/warn"
	podSecurityAudit   = "pod-security.kubernetes.io/audit"
)

// namespace enforces what the Environment is granted, and warns of what the strictest level would refuse.
func namespace(env environment.Environment, grant *catalystv1.PodSecurity) *corev1.Namespace {
	level := catalystv1.PodSecurityRestricted
	if grant != nil && grant.Level != "" {
		level = grant.Level
	}
	l := labels(env)
	l[podSecurityEnforce] = string(level)
	l[podSecurityWarn], l[podSecurityAudit] = string(catalystv1.PodSecurityRestricted), string(catalystv1.PodSecurityRestricted)
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.Name, Labels: l}}
}

func serviceAccount(env environment.Environment) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: object(env, fluxAccount), AutomountServiceAccountToken: new(false)}
}

// role lets Flux make, as the Environment's own account, the Flux objects that render an Application. The cluster role
// admin covers workloads; Flux adds its kinds to it only where its own cluster roles are installed.
func role(env environment.Environment) *rbacv1.Role {
	all := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	return &rbacv1.Role{ObjectMeta: object(env, fluxRole), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"source.toolkit.fluxcd.io"}, Resources: []string{"ocirepositories", "gitrepositories", "helmrepositories", "helmcharts", "buckets", "externalartifacts"}, Verbs: all},
		{APIGroups: []string{"kustomize.toolkit.fluxcd.io"}, Resources: []string{"kustomizations"}, Verbs: all},
		{APIGroups: []string{"helm.toolkit.fluxcd.io"}, Resources: []string{"helmreleases"}, Verbs: all},
	}}
}

func roleBinding(env environment.Environment, name, kind, roleName string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: object(env, name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: roleName},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: fluxAccount, Namespace: env.Name}},
	}
}

func secret(env environment.Environment, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: object(env, name), Type: corev1.SecretTypeOpaque, Data: data}
}

func gitRepository(env environment.Environment, app, url string) *sourcev1.GitRepository {
	return &sourcev1.GitRepository{ObjectMeta: applicationObject(env, app), Spec: sourcev1.GitRepositorySpec{
		URL:       url,
		Reference: &sourcev1.GitRepositoryRef{Branch: env.Branch},
		SecretRef: &meta.LocalObjectReference{Name: gitSecret},
		Interval:  metav1.Duration{Duration: fluxInterval},
		Timeout:   &metav1.Duration{Duration: fluxTimeout},
	}}
}

// kustomization applies an Application. One that others wait for is ready only once it is healthy; of all others that
// is not asked.
func kustomization(env environment.Environment, a environment.Application) *kustomizev1.Kustomization {
	k := &kustomizev1.Kustomization{ObjectMeta: applicationObject(env, a.Name), Spec: kustomizev1.KustomizationSpec{
		SourceRef:          kustomizev1.CrossNamespaceSourceReference{Kind: sourcev1.GitRepositoryKind, Name: a.Name},
		Path:               "./overlays/" + env.EnvType,
		TargetNamespace:    env.Name,
		ServiceAccountName: fluxAccount,
		Prune:              true,
		Wait:               a.Awaited,
		Interval:           metav1.Duration{Duration: fluxInterval},
		RetryInterval:      &metav1.Duration{Duration: fluxRetry},
		Timeout:            &metav1.Duration{Duration: fluxTimeout},
		CommonMetadata:     &kustomizev1.CommonMetadata{Labels: map[string]string{catalystv1.LabelApplication: a.Name}},
	}}
	if a.Awaited {
		k.Spec.Timeout, k.Spec.Patches = &metav1.Duration{Duration: healthTimeout}, untilHealthy
	}
	for _, w := range a.Waits {
		k.Spec.DependsOn = append(k.Spec.DependsOn, kustomizev1.DependencyReference{Name: w})
	}
	return k
}
