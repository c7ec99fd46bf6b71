package gitlayout

import (
	"fmt"
	"strings"
)

func applicationYAML(a Application) string {
	return fmt.Sprintf(`apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata:
  name: %s
spec:
  # What it was installed from. The digest is what runs; the version is for people.
  blueprint:
    name: %s
    version: %s
    digest: %s
  # It runs in an Environment when that Environment's branch holds overlays/<env_type>/.
  placement: {}
`, quote(a.Name), quote(a.Blueprint.Name), quote(a.Blueprint.Version), quote(a.Blueprint.Digest))
}

// generator is a ConfigMap of settings. Its label makes Flux look again as soon as it changes.
func generator(name string, e Engine) string {
	source := "files: [" + yamlFile + "]"
	if e == Kustomize {
		source = "envs: [" + envFile + "]"
	}
	return fmt.Sprintf(`configMapGenerator:
  - name: %s
    %s
    options:
      disableNameSuffixHash: true
      labels:
        reconcile.fluxcd.io/watch: Enabled
`, quote(name), source)
}

func baseKustomization(a Application) string {
	return `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - release.yaml
` + generator(a.Name+"-values", a.Blueprint.Engine)
}

func overlayKustomization(a Application) string {
	text := `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base
` + generator(a.Name+"-values-overlay", a.Blueprint.Engine)
	if a.Blueprint.Engine == Kustomize {
		text += fmt.Sprintf(`patches:
  # What the Blueprint renders goes where this Environment runs.
  - target:
      kind: Kustomization
      name: %s
    patch: |
      - op: add
        path: /spec/targetNamespace
        value: %s
`, quote(a.Name+"-blueprint"), quote(a.Environment))
	}
	return text
}

func release(a Application) string {
	if a.Blueprint.Engine == Kustomize {
		return source(a) + "---\n" + kustomizeRelease(a)
	}
	return source(a) + "---\n" + helmRelease(a)
}

// source is the Blueprint, pinned by the digest whose signature was verified; Flux verifies it again.
func source(a Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The Blueprint, and how Flux renders it.
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: %s
spec:
  interval: 10m
  url: %s
`, quote(a.Name), quote(a.Blueprint.Repository))
	if a.Blueprint.Insecure {
		b.WriteString("  insecure: true\n")
	}
	fmt.Fprintf(&b, `  ref:
    digest: %s # %s
  layerSelector:
    mediaType: %s
    operation: %s
  verify:
    provider: cosign
    secretRef:
      name: catalyst-blueprint-keys
`, quote(a.Blueprint.Digest), strings.Map(noControl, a.Blueprint.Version), quote(a.Blueprint.MediaType), quote(a.Blueprint.Operation))
	return b.String()
}

func noControl(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

func helmRelease(a Application) string {
	return fmt.Sprintf(`apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: %[1]s
spec:
  interval: 10m
  releaseName: %[1]s
  serviceAccountName: flux
  chartRef:
    kind: OCIRepository
    name: %[1]s
  # Later ones win.
  valuesFrom:
    - kind: ConfigMap
      name: %[2]s
    - kind: ConfigMap
      name: %[3]s
  install:
    disableWait: true
    strategy:
      name: RetryOnFailure
      retryInterval: 1m
  upgrade:
    disableWait: true
    strategy:
      name: RetryOnFailure
      retryInterval: 1m
  commonMetadata:
    labels:
      catalyst.openova.io/application: %[1]s
`, quote(a.Name), quote(a.Name+"-values"), quote(a.Name+"-values-overlay"))
}

func kustomizeRelease(a Application) string {
	return fmt.Sprintf(`apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: %[4]s
spec:
  interval: 10m
  retryInterval: 1m
  serviceAccountName: flux
  sourceRef:
    kind: OCIRepository
    name: %[1]s
  path: ./
  prune: true
  wait: false
  # ${name} in the Blueprint becomes the setting of that name; later ones win, and application is fixed.
  postBuild:
    substitute:
      application: %[1]s
    substituteFrom:
      - kind: ConfigMap
        name: %[2]s
      - kind: ConfigMap
        name: %[3]s
  commonMetadata:
    labels:
      catalyst.openova.io/application: %[1]s
`, quote(a.Name), quote(a.Name+"-values"), quote(a.Name+"-values-overlay"), quote(a.Name+"-blueprint"))
}

const secretsReadme = `# Secrets

Only references belong here: an ExternalSecret or SecretStore that names a secret, never its value.
Catalyst shows this folder to everybody who may read the Application.
`

func codeowners(a Application) string {
	return fmt.Sprintf("# Who is asked to review a change.\n.* @%[1]s/org-developer\noverlays/prod/.* @%[1]s/org-admin\n", a.Organization)
}

func readme(a Application) string {
	return fmt.Sprintf(`# %[1]s

An Application of %[2]s, installed from the Blueprint %[3]s by Catalyst. This repository is what runs: change it by a
form in the console, by a commit or by a pull request.

| file | what it says |
|---|---|
| application.yaml | the Blueprint and its version |
| base/%[4]s | settings in every Environment |
| overlays/<env_type>/%[4]s | settings in one Environment; they win |
| base/release.yaml | the Flux objects that render the Blueprint |
| secrets/ | references to secrets, never values |

The branches develop, staging and main are the Environments dev, stg and prod. It runs in an Environment when that
branch holds overlays/<env_type>/.
`, a.Name, a.Organization, a.Blueprint.Name, a.Blueprint.Engine.ValuesFile())
}
