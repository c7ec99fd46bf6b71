// Package render makes the objects that Flux would apply out of the files of an Application's repository and of the
// Blueprint that it pins, with the libraries that Flux uses. It is pure: it reads no disk, asks nobody and runs nothing.
// What it is given was written by others and may be made to harm, so that it belongs into a process of its own.
package render

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// Limits of one rendering. Flux itself cannot apply an object of more than what etcd takes, 1.5 MiB.
const (
	MaxObjects = 1000
	MaxOutput  = 4 << 20
	MaxTree    = 16 << 20
)

const (
	kustomizeGroup = "kustomize.toolkit.fluxcd.io"
	helmGroup      = "helm.toolkit.fluxcd.io"
)

// Flux is the engine.
type Flux struct{}

var _ manifest.Engine = Flux{}

// Tree implements manifest.Engine: what the Kustomization that the environment-controller makes applies.
func (Flux) Tree(t manifest.Tree) (manifest.Rendering, error) {
	spec := kustomization{Path: "./overlays/" + t.EnvType, TargetNamespace: t.Environment}
	spec.CommonMetadata.Labels = map[string]string{catalystv1.LabelApplication: t.Application}
	objects, err := spec.build(t.Files)
	if err != nil {
		return manifest.Rendering{}, err
	}
	spec.own(objects, t.Application, t.Environment)
	return manifest.Rendering{Objects: objects}, nil
}

// Release implements manifest.Engine.
func (Flux) Release(r manifest.Release) (manifest.Rendering, error) {
	if r.Owner.Group() == helmGroup {
		return helm(r)
	}
	return kustomize(r)
}

// read splits YAML into objects, those of a List singly.
func read(text string) ([]manifest.Object, error) {
	if len(text) > MaxOutput {
		return nil, fmt.Errorf("it renders to more than %d MiB", MaxOutput>>20)
	}
	var out []manifest.Object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		raw, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("it renders what is not YAML: %w", err)
		}
		if string(raw) == "null" {
			continue
		}
		o, err := manifest.ReadObject(raw)
		if err != nil {
			return nil, errors.New("it renders what is no object of Kubernetes")
		}
		if out, err = appendObject(out, o); err != nil {
			return nil, err
		}
	}
}

func appendObject(out []manifest.Object, o manifest.Object) ([]manifest.Object, error) {
	if items, ok := o["items"].([]any); ok && strings.HasSuffix(o.Kind(), "List") {
		for _, item := range items {
			m, ok := item.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("it renders a %s of what is no object", o.Kind())
			}
			var err error
			if out, err = appendObject(out, m); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if o.Kind() == "" || o.APIVersion() == "" || o.Name() == "" {
		return nil, fmt.Errorf("it renders an object without apiVersion, kind or name (%q %q %q)", o.APIVersion(), o.Kind(), o.Name())
	}
	if len(out) >= MaxObjects {
		return nil, fmt.Errorf("it renders more than %d objects", MaxObjects)
	}
	return append(out, o), nil
}

// inNamespace puts objects that name no namespace into one, unless their kind is known to have none.
func inNamespace(objects []manifest.Object, namespace string) {
	for _, o := range objects {
		namespaced, known := openapi.IsNamespaceScoped(kyaml.TypeMeta{APIVersion: o.APIVersion(), Kind: o.Kind()})
		if o.Namespace() == "" && (namespaced || !known) {
			o.SetNamespace(namespace)
		}
	}
}
