package environment

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

const (
	// maxDescription is the size in bytes of the largest application.yaml that is read.
	maxDescription = 64 << 10
	// maxDependencies is how many dependencies are heeded.
	maxDependencies = 100
	// maxWord is how long a word of it may be.
	maxWord = 256
)

// Declaration is what application.yaml says of an Application.
type Declaration struct {
	Blueprint, Version, Size string
	Dependencies             []Dependency
	// Problem says why it cannot be read, if it cannot.
	Problem string
}

// Dependency is an Application of the same Environment that another depends on.
type Dependency struct{ Alias, Application string }

// ReadDeclaration reads an application.yaml. What cannot be read is a Problem, not an error: the file is people's.
func ReadDeclaration(doc []byte) Declaration {
	var d Declaration
	if err := d.read(doc); err != nil {
		return Declaration{Problem: clip(descriptionFile+": "+err.Error(), 4*maxWord)}
	}
	return d
}

func (d *Declaration) read(doc []byte) error {
	if len(doc) > maxDescription {
		return fmt.Errorf("%d bytes are more than the %d that are read", len(doc), maxDescription)
	}
	var app struct {
		Spec struct {
			Blueprint    struct{ Name, Version string }
			Size         string
			Dependencies []struct{ Alias, Application string }
		}
	}
	if err := yaml.Unmarshal(doc, &app); err != nil {
		return err
	}
	d.Blueprint, d.Version, d.Size = clip(app.Spec.Blueprint.Name, maxWord), clip(app.Spec.Blueprint.Version, maxWord), clip(app.Spec.Size, maxWord)
	if n := len(app.Spec.Dependencies); n > maxDependencies {
		return fmt.Errorf("spec.dependencies: %d are more than the %d that are heeded", n, maxDependencies)
	}
	for _, dep := range app.Spec.Dependencies {
		if dep.Application == "" {
			return errors.New("spec.dependencies: one of them names no application")
		}
		d.Dependencies = append(d.Dependencies, Dependency{Alias: clip(dep.Alias, maxWord), Application: clip(dep.Application, maxWord)})
	}
	return nil
}

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && s[cut]&0xC0 == 0x80 { // not in the middle of a rune
		cut--
	}
	return s[:cut] + "…"
}
