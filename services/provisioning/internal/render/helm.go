package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// helmRelease is what the spec of Flux's HelmRelease says about rendering.
type helmRelease struct {
	ReleaseName      string         `json:"releaseName"`
	TargetNamespace  string         `json:"targetNamespace"`
	Values           map[string]any `json:"values"`
	ValuesFrom       []valuesFrom   `json:"valuesFrom"`
	CommonMetadata   metadata       `json:"commonMetadata"`
	PostRenderers    []any          `json:"postRenderers"`
	Install, Upgrade struct {
		DisableSchemaValidation bool `json:"disableSchemaValidation"`
	}
}

type valuesFrom struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	ValuesKey  string `json:"valuesKey"`
	TargetPath string `json:"targetPath"`
	Optional   bool   `json:"optional"`
}

// helm renders a Blueprint as the HelmRelease that names it says.
func helm(r manifest.Release) (manifest.Rendering, error) {
	var spec helmRelease
	if err := decode(r.Owner, &spec); err != nil {
		return manifest.Rendering{}, err
	}
	if len(spec.PostRenderers) > 0 {
		return manifest.Rendering{}, errors.New("it has postRenderers, which are not rendered here")
	}
	values, err := spec.values(r.Settings)
	if err != nil {
		return manifest.Rendering{}, err
	}
	c, err := loadChart(r.Payload, r.Digest)
	if err != nil {
		return manifest.Rendering{}, err
	}
	name, namespace := spec.release(r.Owner)
	able, err := capabilities(c, r.Capabilities)
	if err != nil {
		return manifest.Rendering{}, err
	}
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return manifest.Rendering{}, fmt.Errorf("helm: %w", err)
	}
	options := common.ReleaseOptions{Name: name, Namespace: namespace, Revision: 1, IsInstall: !r.Upgrade, IsUpgrade: r.Upgrade}
	lax := spec.Install.DisableSchemaValidation && !r.Upgrade || spec.Upgrade.DisableSchemaValidation && r.Upgrade
	scope, err := util.ToRenderValuesWithSchemaValidation(c, values, options, able, lax)
	if err != nil {
		return manifest.Rendering{}, fmt.Errorf("helm: %w", err)
	}
	var used surprises
	texts, err := engine.Engine{CustomTemplateFuncs: used.functions()}.Render(c, scope)
	if err != nil {
		return manifest.Rendering{}, fmt.Errorf("helm: %w", err)
	}
	out, err := collect(texts)
	if err != nil {
		return manifest.Rendering{}, err
	}
	inNamespace(out.Objects, namespace)
	spec.own(out.Objects, r.Owner, name, namespace)
	out.Notes = append(out.Notes, used.notes()...)
	if len(c.CRDObjects()) > 0 {
		out.Notes = append(out.Notes, "the chart brings definitions in crds/, which are not compared")
	}
	return out, nil
}

// values are what the chart is given: later ConfigMaps win, and what the HelmRelease itself says wins over all.
func (h helmRelease) values(settings manifest.Settings) (map[string]any, error) {
	out := map[string]any{}
	for _, from := range h.ValuesFrom {
		data, ok := settings[from.Name]
		key := from.ValuesKey
		if key == "" {
			key = "values.yaml"
		}
		text, has := data[key]
		switch {
		case from.Kind != "ConfigMap":
			return nil, fmt.Errorf("it takes values from the %s %s, which nobody but Flux may read", from.Kind, from.Name)
		case from.TargetPath != "":
			return nil, fmt.Errorf("it puts the %s %s at %s, which is not rendered here", from.Kind, from.Name, from.TargetPath)
		case !ok || !has:
			if from.Optional {
				continue
			}
			return nil, fmt.Errorf("it takes %s from the ConfigMap %s, which is not in this repository", key, from.Name)
		}
		values, err := common.ReadValues([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("the values in %s are not a mapping in YAML: %w", from.Name, err)
		}
		out = merge(out, values)
	}
	return merge(out, h.Values), nil
}

// merge lays b over a.
func merge(a, b map[string]any) map[string]any {
	out := make(map[string]any, len(a)+len(b))
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		over, ok := v.(map[string]any)
		under, both := out[k].(map[string]any)
		if ok && both {
			v = merge(under, over)
		}
		out[k] = v
	}
	return out
}

// release is the name and namespace that Flux gives a release.
func (h helmRelease) release(owner manifest.Object) (name, namespace string) {
	namespace = owner.Namespace()
	if h.TargetNamespace != "" {
		namespace = h.TargetNamespace
	}
	switch {
	case h.ReleaseName != "":
		name = h.ReleaseName
	case h.TargetNamespace != "":
		name = h.TargetNamespace + "-" + owner.Name()
	default:
		name = owner.Name()
	}
	const most, hash = 53, 12
	if len(name) > most {
		sum := sha256.Sum256([]byte(name))
		name = name[:most-hash-1] + "-" + hex.EncodeToString(sum[:])[:hash]
	}
	return name, namespace
}

// loadChart unpacks a chart in memory. Flux tells it the digest that it came from, as part of its version.
func loadChart(payload []byte, digest string) (*chart.Chart, error) {
	files, err := archive.LoadArchiveFiles(bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("its chart cannot be unpacked: %w", err)
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("its chart cannot be read: %w", err)
	}
	version, err := semver.NewVersion(c.Metadata.Version)
	if err != nil {
		return nil, fmt.Errorf("its chart has the version %q, which is none: %w", c.Metadata.Version, err)
	}
	if _, sum, ok := strings.Cut(digest, ":"); ok && len(sum) >= 12 {
		told, err := version.SetMetadata(sum[:12])
		if err != nil {
			return nil, err
		}
		c.Metadata.Version = told.String()
	}
	return c, nil
}

// capabilities are what the templates are told about the cluster.
func capabilities(c *chart.Chart, of manifest.Capabilities) (*common.Capabilities, error) {
	able := common.DefaultCapabilities.Copy()
	if of.Version != "" {
		version, err := common.ParseKubeVersion(of.Version)
		if err != nil {
			return nil, fmt.Errorf("the cluster's version %q: %w", of.Version, err)
		}
		able.KubeVersion, able.APIVersions = *version, of.APIs
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, able.KubeVersion.String()) {
		return nil, fmt.Errorf("the chart wants Kubernetes %s; this is %s", want, able.KubeVersion.Version)
	}
	return able, nil
}

// collect takes the objects out of what the templates printed, in the order in which Helm applies them.
func collect(texts map[string]string) (manifest.Rendering, error) {
	total := 0
	for name, text := range texts {
		if total += len(text); total > MaxOutput {
			return manifest.Rendering{}, fmt.Errorf("it renders to more than %d MiB", MaxOutput>>20)
		}
		if path.Base(name) == "NOTES.txt" {
			delete(texts, name)
		}
	}
	hooks, sorted, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	if err != nil {
		return manifest.Rendering{}, fmt.Errorf("helm: %w", err)
	}
	var out manifest.Rendering
	for _, m := range sorted {
		objects, err := read(m.Content)
		if err != nil {
			return manifest.Rendering{}, fmt.Errorf("%s: %w", m.Name, err)
		}
		if out.Objects = append(out.Objects, objects...); len(out.Objects) > MaxObjects {
			return manifest.Rendering{}, fmt.Errorf("it renders more than %d objects", MaxObjects)
		}
	}
	for _, h := range hooks {
		if !slices.ContainsFunc(out.Notes, func(n string) bool { return strings.Contains(n, h.Path) }) {
			out.Notes = append(out.Notes, fmt.Sprintf("the chart runs what is in %s before or after, which is not shown", h.Path))
		}
	}
	return out, nil
}

// own marks objects as Helm and Flux do, so that they find them again.
func (h helmRelease) own(objects []manifest.Object, owner manifest.Object, name, namespace string) {
	for _, o := range objects {
		o.Mark("labels", h.CommonMetadata.Labels)
		o.Mark("annotations", h.CommonMetadata.Annotations)
		o.Mark("labels", map[string]string{
			helmGroup + "/name": owner.Name(), helmGroup + "/namespace": owner.Namespace(), "app.kubernetes.io/managed-by": "Helm",
		})
		o.Mark("annotations", map[string]string{"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace})
	}
}
