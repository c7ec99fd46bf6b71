package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.yaml.in/yaml/v3"

	"catalyst.openova.io/pkg/blueprint"
)

// Package is a Blueprint folder, checked and packed, ready to be pushed.
type Package struct {
	Blueprint *blueprint.Blueprint
	// Digest of the manifest: what a signature covers and an Application pins.
	Digest digest.Digest

	manifest blob
	blobs    []blob
}

// Pack checks a folder and packs it. The error, if it is about the folder, is a *blueprint.InvalidError or says which
// file is wrong.
func Pack(folder fs.FS) (*Package, error) {
	files, err := readFolder(folder)
	if err != nil {
		return nil, err
	}
	b, err := check(files)
	if err != nil {
		return nil, err
	}
	content, err := pack(files, "")
	if err != nil {
		return nil, err
	}
	prefix := ""
	if b.Spec.Manifests.Engine == blueprint.Helm {
		prefix = b.Metadata.Name
	}
	payload, err := pack(under(files, b.Spec.Manifests.Path), prefix)
	if err != nil {
		return nil, err
	}
	mediaType, _ := PayloadMediaType(b.Spec.Manifests.Engine)
	p := &Package{Blueprint: b, blobs: []blob{newBlob(ContentMediaType, content), newBlob(mediaType, payload)}}
	for _, layer := range p.blobs {
		if layer.descriptor.Size > MaxLayerSize {
			return nil, fmt.Errorf("the folder packs to more than %d MiB", MaxLayerSize>>20)
		}
	}
	return p, p.seal()
}

// seal makes the manifest.
func (p *Package) seal() error {
	b := p.Blueprint
	manifest := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: ArtifactType,
		Config:       ocispec.DescriptorEmptyJSON,
		Layers:       []ocispec.Descriptor{p.blobs[0].descriptor, p.blobs[1].descriptor},
		Annotations: map[string]string{
			ocispec.AnnotationTitle:       b.Metadata.Name,
			ocispec.AnnotationVersion:     b.Metadata.Version,
			ocispec.AnnotationDescription: b.Spec.Card.Summary,
			ocispec.AnnotationVendor:      b.Spec.Owner,
		},
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	p.manifest = newBlob(ocispec.MediaTypeImageManifest, raw)
	p.Digest = p.manifest.descriptor.Digest
	p.blobs = append(p.blobs, blob{descriptor: ocispec.DescriptorEmptyJSON, data: ocispec.DescriptorEmptyJSON.Data})
	return nil
}

func newBlob(mediaType string, data []byte) blob {
	return blob{descriptor: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data: data}
}

// readFolder reads every file; hidden ones are left out, links are refused.
func readFolder(folder fs.FS) ([]file, error) {
	var files []file
	total := 0
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".helmignore" {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is a link or a device; a Blueprint holds plain files only", name)
		}
		if err := checkPath(name); err != nil {
			return fmt.Errorf("the folder %w", err)
		}
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		if total += len(data); total > MaxContentSize || len(files) >= MaxFiles {
			return fmt.Errorf("the folder has more than %d MiB or %d files", MaxContentSize>>20, MaxFiles)
		}
		files = append(files, file{name, data})
		return nil
	})
	return files, err
}

func find(files []file, name string) ([]byte, bool) {
	i := slices.IndexFunc(files, func(f file) bool { return f.path == name })
	if i < 0 {
		return nil, false
	}
	return files[i].data, true
}

// under is the part of a folder, with paths relative to it.
func under(files []file, dir string) []file {
	var out []file
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f.path, dir+"/"); ok {
			out = append(out, file{rest, f.data})
		}
	}
	return out
}

// check reads blueprint.yaml and makes sure that everything it names is there.
func check(files []file) (*blueprint.Blueprint, error) {
	doc, ok := find(files, blueprint.DocumentName)
	if !ok {
		return nil, fmt.Errorf("there is no %s in this folder, so it is not a Blueprint", blueprint.DocumentName)
	}
	b, err := blueprint.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", blueprint.DocumentName, err)
	}
	if err := b.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", blueprint.DocumentName, err)
	}
	for _, name := range []string{b.Spec.Card.Icon, b.Spec.Card.Description} {
		if name == "" {
			continue
		}
		data, ok := find(files, name)
		if !ok {
			return nil, fmt.Errorf("%s names %s, which is not in the folder", blueprint.DocumentName, name)
		}
		if len(data) > maxCardFile {
			return nil, fmt.Errorf("%s has %d bytes; a file of the card may have %d", name, len(data), maxCardFile)
		}
	}
	payload := under(files, b.Spec.Manifests.Path)
	if b.Spec.Manifests.Engine == blueprint.Helm {
		return b, checkChart(b, payload)
	}
	return b, checkKustomization(b, payload)
}

func checkChart(b *blueprint.Blueprint, payload []file) error {
	at := path.Join(b.Spec.Manifests.Path, "Chart.yaml")
	raw, ok := find(payload, "Chart.yaml")
	if !ok {
		return fmt.Errorf("there is no %s, so there is no chart to install", at)
	}
	var chart struct{ Name, Version string }
	if err := yaml.Unmarshal(raw, &chart); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if chart.Name != b.Metadata.Name || chart.Version != b.Metadata.Version {
		return fmt.Errorf("%s says %s %s; the Blueprint is %s %s, and both must be the same", at, chart.Name, chart.Version, b.Metadata.Name, b.Metadata.Version)
	}
	if !slices.ContainsFunc(payload, func(f file) bool {
		return strings.HasPrefix(f.path, "templates/") && strings.HasSuffix(f.path, ".yaml")
	}) {
		return fmt.Errorf("the chart in %s has no templates/*.yaml: a wrapper without its payload cannot be published", b.Spec.Manifests.Path)
	}
	return nil
}

// kustomizationFields are what a Blueprint's kustomization may use: nothing that fetches, executes or generates.
var kustomizationFields = []string{
	"apiVersion", "kind", "metadata", "resources", "components", "labels", "commonAnnotations", "configMapGenerator",
	"generatorOptions", "images", "namePrefix", "nameSuffix", "patches", "replicas", "replacements",
}

func checkKustomization(b *blueprint.Blueprint, payload []file) error {
	if _, ok := find(payload, "kustomization.yaml"); !ok {
		return fmt.Errorf("there is no %s/kustomization.yaml, so there is nothing to install", b.Spec.Manifests.Path)
	}
	for _, f := range payload {
		if base := path.Base(f.path); base != "kustomization.yaml" && base != "kustomization.yml" && base != "Kustomization" {
			continue
		}
		if err := checkOneKustomization(f, payload); err != nil {
			return fmt.Errorf("%s/%s: %w", b.Spec.Manifests.Path, f.path, err)
		}
	}
	return nil
}

func checkOneKustomization(f file, payload []file) error {
	var k map[string]any
	if err := yaml.Unmarshal(f.data, &k); err != nil {
		return err
	}
	for field := range k {
		if !slices.Contains(kustomizationFields, field) {
			return fmt.Errorf("the field %s is not allowed in a Blueprint", field)
		}
	}
	if k["resources"] == nil && k["components"] == nil {
		return errors.New("it has no resources: a wrapper without its payload cannot be published")
	}
	for _, field := range []string{"resources", "components"} {
		entries, _ := k[field].([]any)
		for _, entry := range entries {
			name, _ := entry.(string)
			full := path.Join(path.Dir(f.path), name)
			if _, isFile := find(payload, full); !isFile && len(under(payload, full)) == 0 {
				return fmt.Errorf("%s %q is not in the folder; what is elsewhere cannot be referred to", field, name)
			}
		}
	}
	return nil
}
