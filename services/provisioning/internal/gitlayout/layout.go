// Package gitlayout knows the files of an Application's repository: it writes them, reads them back and edits the ones
// that people edit too. It is pure.
package gitlayout

import (
	"fmt"
	"strings"
)

// Engine renders the manifests of a Blueprint.
type Engine string

// The engines that Flux brings.
const (
	Helm      Engine = "helm"
	Kustomize Engine = "kustomize"
)

const (
	yamlFile = "values.yaml"
	envFile  = "values.env"
	// ApplicationFile makes a repository an Application.
	ApplicationFile = "application.yaml"
	// ReadmeFile is what an uninstalled Application keeps.
	ReadmeFile = "README.md"
	tombstone  = "<!-- catalyst: removed -->"
)

// Blueprint is one verified version of a Blueprint, as far as the files of an Application need it.
type Blueprint struct {
	Name, Version, Digest string
	// Repository is its address in the registry, oci://host/path; Insecure if that is served without TLS.
	Repository string
	Insecure   bool
	Engine     Engine
	// MediaType of the layer that Flux takes, and what it does with it: copy or extract.
	MediaType, Operation string
	Settings             []Setting
}

// Application is what is installed, and where.
type Application struct {
	Name, Organization   string
	Environment, EnvType string
	Blueprint            Blueprint
	// Size is the name of the overlay of the Blueprint that was chosen; it may be empty.
	Size string
	// Dependencies are the Applications that it stands on.
	Dependencies []Dependency
	// Values are the settings in this Environment.
	Values map[string]any
}

// Dependency is an Application of the same Environment that another one stands on.
type Dependency struct {
	Alias       string `json:"alias"`
	Blueprint   string `json:"blueprint"`
	Application string `json:"application"`
	// Owned says that it was made for the other by its install.
	Owned bool `json:"owned,omitempty"`
}

// ValuesFile is the name of the file with settings.
func (e Engine) ValuesFile() string {
	if e == Kustomize {
		return envFile
	}
	return yamlFile
}

// OverlayDir is the folder that makes an Application run in an Environment.
func OverlayDir(envType string) string { return "overlays/" + envType + "/" }

// BaseDir is what every Environment shares. It is a folder of its own because Kustomize refuses a base that contains the
// overlay which refers to it.
const BaseDir = "base/"

// BaseValues is the path of the settings in every Environment.
func BaseValues(e Engine) string { return BaseDir + e.ValuesFile() }

// OverlayValues is the path of the settings of one Environment.
func OverlayValues(envType string, e Engine) string { return OverlayDir(envType) + e.ValuesFile() }

// Files returns every file of a new Application that is installed into one Environment.
func Files(a Application) (map[string][]byte, error) {
	files, err := Overlay(a)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		ApplicationFile:                applicationYAML(a),
		sharedFile:                     baseKustomization(a),
		releaseFile:                    release(a),
		BaseValues(a.Blueprint.Engine): commonValues(a),
		"secrets/README.md":            secretsReadme,
		"CODEOWNERS":                   codeowners(a),
		ReadmeFile:                     readme(a),
	} {
		files[name] = []byte(text)
	}
	if len(a.Dependencies) > 0 {
		files[dependenciesFile(a.Blueprint.Engine)], err = editDependencies(nil, a)
	}
	return files, err
}

// Overlay returns the files that one more Environment adds.
func Overlay(a Application) (map[string][]byte, error) {
	values, err := writeValues(a)
	if err != nil {
		return nil, err
	}
	dir := OverlayDir(a.EnvType)
	return map[string][]byte{
		dir + kustomizationFile:               []byte(overlayKustomization(a)),
		dir + a.Blueprint.Engine.ValuesFile(): values,
	}, nil
}

// EditValues returns the file of settings of an Environment with other values; what people wrote around them stays.
func EditValues(a Application, old []byte) ([]byte, error) {
	if a.Blueprint.Engine == Kustomize {
		edited, err := editEnv(old, a.Values, a.Blueprint.Settings)
		if err != nil {
			return nil, err
		}
		return edited, nil
	}
	return editYAML(OverlayValues(a.EnvType, a.Blueprint.Engine), old, a.Values, style{order: ordered(a.Values, a.Blueprint.Settings), about: comments(a.Blueprint.Settings), empty: valuesHead(a)})
}

// ReadValues reads the settings of an Environment. Types are those of the configSchema, by name of the setting; a file
// of KEY=value has none of its own.
func ReadValues(e Engine, b []byte, types map[string]string) (map[string]any, error) {
	if e == Kustomize {
		return readEnv(b, types), nil
	}
	return readYAML(b)
}

// SameValues tells whether two sets of settings say the same.
func SameValues(a, b map[string]any) bool { return equal(a, b) }

// Tombstone is the README.md of an Application that was uninstalled everywhere.
func Tombstone(name, organization string) []byte {
	return fmt.Appendf(nil, `# %s

This Application of %s was uninstalled. Nothing of it runs any more; its history is kept in this repository.
To bring it back, install it again under the same name, or revert the commit that removed it.

%s
`, name, organization, tombstone)
}

// IsTombstone tells whether a README.md is one.
func IsTombstone(readme []byte) bool { return strings.Contains(string(readme), tombstone) }

func writeValues(a Application) ([]byte, error) {
	if a.Blueprint.Engine == Kustomize {
		return writeEnv(valuesHead(a), a.Values, a.Blueprint.Settings)
	}
	return writeYAML(valuesHead(a), a.Values, a.Blueprint.Settings), nil
}

func valuesHead(a Application) string {
	head := fmt.Sprintf("# Settings of %s in %s. Edit them here or in the console: a commit on this branch applies them.\n", a.Name, a.Environment)
	if a.Blueprint.Engine == Kustomize {
		head += "# One KEY=value a line, without quotes.\n"
	}
	return head
}

func commonValues(a Application) string {
	head := "# Settings in every Environment, unless overlays/<env_type>/" + a.Blueprint.Engine.ValuesFile() + " says otherwise.\n"
	if a.Blueprint.Engine == Kustomize {
		return head + "# One KEY=value a line, without quotes.\n"
	}
	return head + "{}\n"
}
