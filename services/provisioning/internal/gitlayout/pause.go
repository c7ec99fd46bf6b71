package gitlayout

import (
	"encoding/json"
	"slices"

	"sigs.k8s.io/yaml"
)

// suspend is the patch by which Flux leaves an Application as it is in one Environment.
const suspend = "- op: add\n  path: /spec/suspend\n  value: true\n"

// SetPaused returns the files that differ once Flux leaves the Application of an Environment as it is, or no longer does.
// Files are those of a branch. Who pauses by hand adds the same patch; taking it away leaves no trace.
func SetPaused(files map[string][]byte, envType string, paused bool) (map[string][]byte, error) {
	file := OverlayDir(envType) + kustomizationFile
	old, ok := files[file]
	if !ok {
		return nil, &NotEditableError{File: file, Reason: "the branch does not hold it"}
	}
	kind, name, asleep, err := applier(files[releaseFile])
	if err != nil {
		return nil, err
	}
	doc, err := readYAML(old)
	if err != nil {
		return nil, &NotEditableError{File: file, Reason: reason(err)}
	}
	list, ok := doc["patches"].([]any)
	if !ok && doc["patches"] != nil {
		return nil, &NotEditableError{File: file, Reason: "patches is no list"}
	}
	stays := slices.DeleteFunc(slices.Clone(list), func(p any) bool { return equal(p, suspension(kind, name)) })
	want := any(stays)
	switch {
	case paused == IsPaused(files, envType):
		return map[string][]byte{}, nil
	case paused:
		want = append(slices.Clone(list), any(suspension(kind, name)))
	case asleep:
		return nil, &NotEditableError{File: releaseFile, Reason: "it sets spec.suspend itself, for every Environment"}
	case slices.ContainsFunc(stays, func(p any) bool { return suspends(p, kind, name) }):
		return nil, &NotEditableError{File: file, Reason: "it is paused by another patch than the one that Catalyst writes"}
	case len(stays) == 0:
		want = nil
	}
	edited, err := editYAML(file, old, with(doc, "patches", want), style{})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{file: edited}, nil
}

// IsPaused tells whether Flux leaves the Application of an Environment as it is.
func IsPaused(files map[string][]byte, envType string) bool {
	kind, name, asleep, err := applier(files[releaseFile])
	if err != nil || asleep {
		return err == nil
	}
	doc, err := readYAML(files[OverlayDir(envType)+kustomizationFile])
	if err != nil {
		return false
	}
	list, _ := doc["patches"].([]any)
	return slices.ContainsFunc(list, func(p any) bool { return suspends(p, kind, name) })
}

// applier is the Flux object that renders the Blueprint, and whether it is suspended where it is made.
func applier(release []byte) (kind, name string, asleep bool, err error) {
	for _, part := range documents(release) {
		doc, err := readYAML(part)
		if err != nil {
			return "", "", false, &NotEditableError{File: releaseFile, Reason: reason(err)}
		}
		k, _ := doc["kind"].(string)
		if k != "HelmRelease" && k != "Kustomization" {
			continue
		}
		if name != "" {
			return "", "", false, &NotEditableError{File: releaseFile, Reason: "more than one object in it renders manifests"}
		}
		kind = k
		name, _ = under(doc, "metadata")["name"].(string)
		asleep = under(doc, "spec")["suspend"] == true
	}
	if name == "" {
		return "", "", false, &NotEditableError{File: releaseFile, Reason: "it holds no HelmRelease or Kustomization with a name"}
	}
	return kind, name, asleep, nil
}

func suspension(kind, name string) map[string]any {
	return map[string]any{"target": map[string]any{"kind": kind, "name": name}, "patch": suspend}
}

// suspends tells whether a patch that somebody wrote suspends an object. Who names no target means every object.
func suspends(patch any, kind, name string) bool {
	p, ok := patch.(map[string]any)
	if !ok {
		return false
	}
	target := under(p, "target")
	text, _ := p["patch"].(string)
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return false
	}
	var ops []struct {
		Op, Path string
		Value    any
	}
	if json.Unmarshal(b, &ops) == nil {
		about := (target["kind"] == nil || target["kind"] == kind) && (target["name"] == nil || target["name"] == name)
		for _, op := range slices.Backward(ops) {
			if op.Path == "/spec/suspend" {
				return about && op.Op != "remove" && op.Value == true
			}
		}
		return false
	}
	var object map[string]any
	if json.Unmarshal(b, &object) != nil || under(object, "spec")["suspend"] != true {
		return false
	}
	if target["kind"] != nil || target["name"] != nil {
		return (target["kind"] == nil || target["kind"] == kind) && (target["name"] == nil || target["name"] == name)
	}
	return object["kind"] == kind && under(object, "metadata")["name"] == name
}
