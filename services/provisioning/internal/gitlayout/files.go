package gitlayout

import (
	"fmt"
	"strings"
)

func applicationYAML(a Application) string {
	var more strings.Builder
	if a.Size != "" {
		fmt.Fprintf(&more, "  size: %s\n", quote(a.Size))
	}
	if len(a.Dependencies) > 0 {
		more.WriteString(text(entry(2, "dependencies", dependencies(a.Dependencies))))
	}
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
%s  # It runs in an Environment when that Environment's branch holds overlays/<env_type>/.
  placement: {}
`, quote(a.Name), quote(a.Blueprint.Name), quote(a.Blueprint.Version), quote(a.Blueprint.Digest), more.String())
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// dependencies is the list as application.yaml holds it.
func dependencies(list []Dependency) []any {
	out := make([]any, 0, len(list))
	for _, d := range list {
		m := map[string]any{"alias": d.Alias, "blueprint": d.Blueprint, "application": d.Application}
		if d.Owned {
			m["owned"] = true
		}
		out = append(out, m)
	}
	return out
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
` + generator(a.Name+"-values", a.Blueprint.Engine) + dependenciesGenerator(a)
}

func dependenciesGenerator(a Application) string {
	if len(a.Dependencies) == 0 {
		return ""
	}
	return text(sequence(2, []any{generatorOf(a)}))
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
`, quote(innerName(a)), quote(a.Environment))
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
%[4]s    - kind: ConfigMap
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
`, quote(a.Name), quote(a.Name+"-values"), quote(a.Name+"-values-overlay"), dependenciesFrom(4, a))
}

// dependenciesFrom is the first place from which settings are taken: what the Application stands on.
func dependenciesFrom(indent int, a Application) string {
	if len(a.Dependencies) == 0 {
		return ""
	}
	return text(sequence(indent, []any{sourceOf(a)}))
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
%[5]s      - kind: ConfigMap
        name: %[2]s
      - kind: ConfigMap
        name: %[3]s
  commonMetadata:
    labels:
      catalyst.openova.io/application: %[1]s
`, quote(a.Name), quote(a.Name+"-values"), quote(a.Name+"-values-overlay"), quote(innerName(a)), dependenciesFrom(6, a))
}

const secretsReadme = `# Secrets

Only references belong here: an ExternalSecret or SecretStore that names a secret, never its value.
Catalyst shows this folder to everybody who may read the Application.
`

func codeowners(a Application) string {
	return fmt.Sprintf("# Who is asked to review a change.\n.* @%[1]s/org-developer\noverlays/prod/.* @%[1]s/org-admin\n", a.Organization)
}

func readme(a Application) string {
	engine, dir := "chart", "overlays/<env_type>"
	example := "replicas: 3"
	inner, kind := a.Name, "HelmRelease"
	if a.Blueprint.Engine == Kustomize {
		engine, example, inner, kind = "kustomization", "replicas=3", innerName(a), "Kustomization"
	}
	return fmt.Sprintf(`# %[1]s

An Application of %[2]s, installed from the Blueprint %[3]s by Catalyst. This repository is what runs: change it by a
form in the console, by a commit or by a pull request. Both leave the same files.

| file | what it says |
|---|---|
| application.yaml | the Blueprint and its version, its size, and the Applications that it stands on |
| base/%[4]s | settings in every Environment |
| overlays/<env_type>/%[4]s | settings in one Environment; they win |
| base/release.yaml | the Flux objects that render the Blueprint |
| %[5]s | the names of the Applications that it stands on, for the %[6]s; only where there are any |
| secrets/ | references to secrets, never values |

The branches develop, staging and main are the Environments dev, stg and prod. It runs in an Environment when that
branch holds overlays/<env_type>/. Catalyst checks every commit and shows what is wrong with it as the commit status
catalyst/check and on the Application's page.

## By hand

**Settings:** a line in %[7]s/%[4]s, such as %[8]s, on the branch of the Environment.

**Another version:** the same in three places, on the branch of the Environment: spec.blueprint.version and
spec.blueprint.digest in application.yaml, and spec.ref.digest of the OCIRepository in base/release.yaml, with the version
behind it as a remark. The console shows the digest of each version.

**Pause:** Flux leaves it as it is in one Environment while %[7]s/kustomization.yaml ends with these lines. Where there
is a list of patches already, the item goes to its end. To resume, take them away.

%[9]s`, a.Name, a.Organization, a.Blueprint.Name, a.Blueprint.Engine.ValuesFile(), dependenciesFile(a.Blueprint.Engine), engine, dir, example,
		indented(text(entry(0, "patches", []any{suspension(kind, inner)}))))
}

// indented is text as Markdown shows it word for word.
func indented(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString("    " + line)
	}
	return b.String()
}
