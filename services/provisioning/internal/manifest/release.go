package manifest

import "fmt"

// Who applies, as the API server knows them.
const (
	kustomizeManager = "kustomize-controller"
	helmManager      = "helm-controller"
)

const (
	helmGroup      = "helm.toolkit.fluxcd.io"
	kustomizeGroup = "kustomize.toolkit.fluxcd.io"
)

// pinned is a HelmRelease or Kustomization with the artifact that it renders.
type pinned struct {
	owner  Object
	source Source
}

func (p pinned) suspended() bool { v, _ := p.owner.at("spec", "suspend").(bool); return v }

func (p pinned) manager() string {
	if p.owner.Group() == helmGroup {
		return helmManager
	}
	return kustomizeManager
}

// owns tells whether Flux rendered an object for this release: it says so in a label.
func (p pinned) owns(o Object) bool {
	group := p.owner.Group()
	return o.text("metadata", "labels", group+"/name") == p.owner.Name() && o.text("metadata", "labels", group+"/namespace") == p.owner.Namespace()
}

// pins lists the Blueprints that the objects of a tree ask for; notes say which could not be followed.
func pins(objects []Object) (found []pinned, notes []string) {
	for _, o := range objects {
		var ref Object
		switch {
		case o.Group() == helmGroup && o.Kind() == "HelmRelease":
			ref, _ = o.at("spec", "chartRef").(map[string]any)
		case o.Group() == kustomizeGroup && o.Kind() == "Kustomization":
			ref, _ = o.at("spec", "sourceRef").(map[string]any)
		default:
			continue
		}
		source, ok := artifact(objects, ref)
		if !ok {
			notes = append(notes, fmt.Sprintf("%s is not followed: it does not render an OCIRepository of this repository that is pinned to a digest", o))
			continue
		}
		found = append(found, pinned{o, source})
	}
	return found, notes
}

func artifact(objects []Object, ref Object) (Source, bool) {
	for _, o := range objects {
		if o.Group() != "source.toolkit.fluxcd.io" || o.Kind() != "OCIRepository" || ref.Kind() != o.Kind() || ref.text("name") != o.Name() {
			continue
		}
		s := Source{URL: o.text("spec", "url"), Digest: o.text("spec", "ref", "digest"), MediaType: o.text("spec", "layerSelector", "mediaType")}
		return s, s.URL != "" && s.Digest != "" && s.MediaType != ""
	}
	return Source{}, false
}

// settings are the ConfigMaps among objects.
func settings(objects []Object) Settings {
	out := Settings{}
	for _, o := range objects {
		if o.Kind() != "ConfigMap" || o.Group() != "" {
			continue
		}
		data := map[string]string{}
		values, _ := o.at("data").(map[string]any)
		for k, v := range values {
			if text, ok := v.(string); ok {
				data[k] = text
			}
		}
		out[o.Name()] = data
	}
	return out
}
