package gitlayout

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Pin is the Blueprint that an Application was installed from.
type Pin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// Spec is what application.yaml says.
type Spec struct {
	// Name of the Application; empty if the file names none.
	Name         string
	Pin          Pin
	Size         string
	Dependencies []Dependency
}

// ReadApplication reads application.yaml, which people may have edited. What it does not know it leaves alone.
func ReadApplication(b []byte) (Spec, error) {
	var doc struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Blueprint    Pin          `json:"blueprint"`
			Size         string       `json:"size"`
			Dependencies []Dependency `json:"dependencies"`
		} `json:"spec"`
	}
	if len(b) > maxEdited {
		return Spec{}, fmt.Errorf("%s has %d bytes, and at most %d are read", ApplicationFile, len(b), maxEdited)
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return Spec{}, fmt.Errorf("%s is not YAML: %w", ApplicationFile, err)
	}
	if doc.Kind != "Application" || doc.Spec.Blueprint.Name == "" || doc.Spec.Blueprint.Version == "" {
		return Spec{}, fmt.Errorf("%s names no Blueprint and version", ApplicationFile)
	}
	return Spec{Name: doc.Metadata.Name, Pin: doc.Spec.Blueprint, Size: doc.Spec.Size, Dependencies: doc.Spec.Dependencies}, nil
}

// ReadPin reads the Blueprint out of application.yaml.
func ReadPin(b []byte) (Pin, error) {
	spec, err := ReadApplication(b)
	return spec.Pin, err
}
