package gitlayout

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
)

const (
	releaseFile       = BaseDir + "release.yaml"
	sharedFile        = BaseDir + kustomizationFile
	kustomizationFile = "kustomization.yaml"
)

// Upgrade returns the files that differ once an Application runs another version, with other dependencies or of another
// size; nil stands for a file that goes. Files are those of a branch. What people wrote around the edits stays; what
// cannot be edited is refused with a *NotEditableError.
func Upgrade(files map[string][]byte, a Application) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, edit := range map[string]func([]byte, Application) ([]byte, error){
		ApplicationFile: upgradeApplication, releaseFile: upgradeRelease, sharedFile: upgradeKustomization,
	} {
		old, ok := files[name]
		if !ok {
			return nil, &NotEditableError{File: name, Reason: "the branch does not hold it"}
		}
		edited, err := edit(old, a)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(edited, old) {
			out[name] = edited
		}
	}
	name := dependenciesFile(a.Blueprint.Engine)
	old, there := files[name]
	if len(a.Dependencies) == 0 {
		if there {
			out[name] = nil
		}
		return out, nil
	}
	edited, err := editDependencies(old, a)
	if err != nil {
		return nil, err
	}
	if !there || !bytes.Equal(edited, old) {
		out[name] = edited
	}
	return out, nil
}

func upgradeApplication(old []byte, a Application) ([]byte, error) {
	if _, err := ReadApplication(old); err != nil {
		return nil, &NotEditableError{File: ApplicationFile, Reason: reason(err)}
	}
	doc, err := readYAML(old)
	if err != nil {
		return nil, &NotEditableError{File: ApplicationFile, Reason: reason(err)}
	}
	spec := under(doc, "spec")
	pin := under(spec, "blueprint")
	for k, v := range map[string]any{"name": a.Blueprint.Name, "version": a.Blueprint.Version, "digest": a.Blueprint.Digest} {
		pin = with(pin, k, v)
	}
	spec = with(with(spec, "blueprint", pin), "size", nil)
	if a.Size != "" {
		spec["size"] = a.Size
	}
	spec = with(spec, "dependencies", dependenciesOver(spec["dependencies"], a.Dependencies))
	return editYAML(ApplicationFile, old, with(doc, "spec", spec), style{
		inner: []string{"name", "version", "digest", "size", "dependencies"},
		after: map[string][]string{"size": {"blueprint"}, "dependencies": {"size", "blueprint"}, "digest": {"version"}},
	})
}

// dependenciesOver is the list of dependencies, with what people wrote into those that stay.
func dependenciesOver(was any, list []Dependency) any {
	if len(list) == 0 {
		return nil
	}
	old, ok := was.([]any)
	if !ok {
		old = nil
	}
	now := dependencies(list)
	for i, d := range list {
		for _, v := range old {
			m, ok := v.(map[string]any)
			if !ok || m["alias"] != d.Alias {
				continue
			}
			kept := with(m, "owned", nil)
			maps.Copy(kept, now[i].(map[string]any)) //nolint:forcetypeassert // it was made just above
			now[i] = kept
		}
	}
	return now
}

// upgradeRelease edits the Flux objects that render the Blueprint.
func upgradeRelease(old []byte, a Application) ([]byte, error) {
	applier := "HelmRelease"
	if a.Blueprint.Engine == Kustomize {
		applier = "Kustomization"
	}
	var out []byte
	seen := map[string]int{}
	for _, part := range documents(old) {
		doc, err := readYAML(part)
		if err != nil {
			return nil, &NotEditableError{File: releaseFile, Reason: reason(err)}
		}
		want := doc
		kind, _ := doc["kind"].(string)
		name := under(doc, "metadata")["name"]
		switch {
		case kind == "OCIRepository" && name == a.Name:
			want = with(doc, "spec", pinned(under(doc, "spec"), a.Blueprint))
			seen["OCIRepository"]++
		case a.Blueprint.Engine == Helm && kind == applier && name == a.Name:
			spec := under(doc, "spec")
			want = with(doc, "spec", with(spec, "valuesFrom", placed(spec["valuesFrom"], dependenciesName(a), itemOf(a, sourceOf), true)))
			seen[applier]++
		case a.Blueprint.Engine == Kustomize && kind == applier && name == innerName(a):
			spec := under(doc, "spec")
			build := under(spec, "postBuild")
			build = with(build, "substituteFrom", placed(build["substituteFrom"], dependenciesName(a), itemOf(a, sourceOf), true))
			if len(build) > 0 {
				want = with(doc, "spec", with(spec, "postBuild", build))
			}
			seen[applier]++
		}
		edited, err := editYAML(releaseFile, part, want, style{
			remark: versionRemark(a.Blueprint.Version), after: map[string][]string{"insecure": {"url"}},
		})
		if err != nil {
			return nil, err
		}
		out = append(out, edited...)
	}
	for _, kind := range []string{"OCIRepository", applier} {
		if seen[kind] != 1 {
			return nil, &NotEditableError{File: releaseFile, Reason: fmt.Sprintf("it holds %d objects of kind %s that belong to %s, and one is needed", seen[kind], kind, a.Name)}
		}
	}
	return out, nil
}

// itemOf is an item that is there for as long as there are dependencies.
func itemOf(a Application, item func(Application) map[string]any) map[string]any {
	if len(a.Dependencies) == 0 {
		return nil
	}
	return item(a)
}

// pinned is the spec of a source at a version of a Blueprint.
func pinned(spec map[string]any, bp Blueprint) map[string]any {
	spec = with(spec, "url", bp.Repository)
	switch {
	case bp.Insecure:
		spec["insecure"] = true
	case spec["insecure"] == true:
		delete(spec, "insecure")
	}
	spec["ref"] = with(under(spec, "ref"), "digest", bp.Digest)
	spec["layerSelector"] = with(with(under(spec, "layerSelector"), "mediaType", bp.MediaType), "operation", bp.Operation)
	return spec
}

// versionRemark writes the version behind a digest anew, where a version stood.
func versionRemark(version string) func(string) string {
	return func(comment string) string {
		if digits := strings.TrimLeft(comment, "# "); digits != "" && digits[0] >= '0' && digits[0] <= '9' && !strings.Contains(digits, " ") {
			return "# " + strings.Map(noControl, version)
		}
		return comment
	}
}

func upgradeKustomization(old []byte, a Application) ([]byte, error) {
	doc, err := readYAML(old)
	if err != nil {
		return nil, &NotEditableError{File: sharedFile, Reason: reason(err)}
	}
	list := placed(doc["configMapGenerator"], dependenciesName(a), itemOf(a, generatorOf), false)
	return editYAML(sharedFile, old, with(doc, "configMapGenerator", list), style{})
}
