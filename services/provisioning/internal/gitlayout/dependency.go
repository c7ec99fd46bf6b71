package gitlayout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// The manifests of a Blueprint learn on which Applications it stands: a chart from .Values.catalyst.dependencies, a
// kustomization from ${dependency_<alias>}. The files that say so are derived from application.yaml.

const (
	dependenciesYAML = BaseDir + "dependencies.yaml"
	dependenciesEnv  = BaseDir + "dependencies.env"
	// ours is the key of the settings that Catalyst gives to every chart.
	ours = "catalyst"
)

func dependenciesFile(e Engine) string {
	if e == Kustomize {
		return dependenciesEnv
	}
	return dependenciesYAML
}

// dependenciesHead is the first line of such a file.
const dependenciesHead = "# On which Applications it stands, for the manifests of its Blueprint. It follows from application.yaml.\n"

// variable is how a kustomization names a dependency.
func variable(alias string) string { return "dependency_" + strings.ReplaceAll(alias, "-", "_") }

// Binding is the name of the Secret by which an Application lets others connect to it.
func Binding(application string) string { return application + "-binding" }

// editDependencies returns the file of the dependencies; what people added to it stays.
func editDependencies(old []byte, a Application) ([]byte, error) {
	if old == nil {
		old = []byte(dependenciesHead)
	}
	if a.Blueprint.Engine == Kustomize {
		values := readEnv(old, nil)
		for name := range values {
			if strings.HasPrefix(name, "dependency_") {
				delete(values, name)
			}
		}
		for _, d := range a.Dependencies {
			if !envName(variable(d.Alias)) {
				return nil, &NotEditableError{File: dependenciesEnv, Reason: fmt.Sprintf("the alias %q of a dependency can be no variable", d.Alias)}
			}
			values[variable(d.Alias)] = d.Application
		}
		return editEnv(old, values, nil)
	}
	values, err := readYAML(old)
	if err != nil {
		return nil, &NotEditableError{File: dependenciesYAML, Reason: reason(err)}
	}
	all := map[string]any{}
	for _, d := range a.Dependencies {
		all[d.Alias] = map[string]any{"application": d.Application, "binding": Binding(d.Application)}
	}
	values[ours] = with(under(values, ours), "dependencies", all)
	return editYAML(dependenciesYAML, old, values, style{})
}

// generatorOf is the ConfigMap of the dependencies, as base/kustomization.yaml makes it.
func generatorOf(a Application) map[string]any {
	m := map[string]any{"name": dependenciesName(a), "options": map[string]any{
		"disableNameSuffixHash": true, "labels": map[string]any{"reconcile.fluxcd.io/watch": "Enabled"},
	}}
	if a.Blueprint.Engine == Kustomize {
		m["envs"] = []any{strings.TrimPrefix(dependenciesEnv, BaseDir)}
	} else {
		m["files"] = []any{yamlFile + "=" + strings.TrimPrefix(dependenciesYAML, BaseDir)}
	}
	return m
}

func sourceOf(a Application) map[string]any {
	return map[string]any{"kind": "ConfigMap", "name": dependenciesName(a)}
}

func dependenciesName(a Application) string { return a.Name + "-dependencies" }

// innerName is the name of what renders a kustomization.
func innerName(a Application) string { return a.Name + "-blueprint" }

// under is the mapping at a key of another one, or an empty one.
func under(m map[string]any, key string) map[string]any {
	inner, ok := m[key].(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return inner
}

// with is a copy of a mapping with another value at a key; nil takes the key away.
func with(m map[string]any, key string, v any) map[string]any {
	out := make(map[string]any, len(m)+1)
	for k, e := range m {
		out[k] = e
	}
	if out[key] = v; v == nil {
		delete(out, key)
	}
	return out
}

// placed is a list in which there is one item of a name, put where it was or else at the place, or none if item is nil.
func placed(list any, name string, item map[string]any, first bool) any {
	old, ok := list.([]any)
	if !ok {
		old = nil
	}
	found := slices.IndexFunc(old, func(v any) bool {
		m, ok := v.(map[string]any)
		return ok && m["name"] == name
	})
	out := slices.Clone(old)
	switch {
	case item == nil && found >= 0:
		out = slices.Delete(out, found, found+1)
	case item == nil, found >= 0:
	case first:
		out = slices.Insert(out, 0, any(item))
	default:
		out = append(out, item)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// documents cuts a file of YAML into its documents, each with the line that begins it.
func documents(content []byte) [][]byte {
	var out [][]byte
	from := 0
	for at := 0; at < len(content); {
		line := content[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		if at > from && bytes.HasPrefix(line, []byte("---")) && strings.Trim(string(line[3:min(4, len(line))]), " \t\r\n") == "" {
			out = append(out, content[from:at])
			from = at
		}
		at += len(line)
	}
	return append(out, content[from:])
}
