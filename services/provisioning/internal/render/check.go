package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/yaml"
)

// fields are what a kustomization may use: nothing that fetches, executes or generates by a plugin.
var fields = []string{
	"apiVersion", "kind", "metadata", "resources", "bases", "components", "namespace", "namePrefix", "nameSuffix", "labels", "commonLabels",
	"commonAnnotations", "configMapGenerator", "secretGenerator", "generatorOptions", "images", "patches", "patchesStrategicMerge",
	"patchesJson6902", "replicas", "replacements", "sortOptions", "buildMetadata", "vars",
}

// paths are the fields that name files, and how to get at them: a name of a field in each entry, or the entry itself.
var paths = map[string][]string{
	"resources": {""}, "bases": {""}, "components": {""}, "patchesStrategicMerge": {""}, "patches": {"path"}, "patchesJson6902": {"path"},
	"replacements": {"path"}, "configMapGenerator": {"files", "envs", "env"}, "secretGenerator": {"files", "envs", "env"},
}

// check refuses kustomizations that reach beyond their files. Kustomize would fetch, clone or run what they name.
func check(files map[string][]byte) error {
	total := 0
	for name, content := range files {
		total += len(content)
		if !fileName(name) {
			return fmt.Errorf("the path %q leads outside", name)
		}
	}
	if total > MaxTree {
		return fmt.Errorf("its files have more than %d MiB", MaxTree>>20)
	}
	for name, content := range files {
		if !slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) {
			continue
		}
		if err := checkOne(name, content, files); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func fileName(name string) bool {
	return !path.IsAbs(name) && path.Clean(name) == name && name != ".." && !strings.HasPrefix(name, "../")
}

func checkOne(name string, content []byte, files map[string][]byte) error {
	var k map[string]any
	if err := yaml.Unmarshal(content, &k); err != nil {
		return err
	}
	for field, value := range k {
		if !slices.Contains(fields, field) {
			return fmt.Errorf("the field %s is not rendered here: it can fetch or run what is not in the repository", field)
		}
		for _, at := range paths[field] {
			for _, entry := range entries(value, at) {
				if err := local(path.Dir(name), field, entry, files); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// entries are the texts in a list, or in a field of its entries.
func entries(list any, field string) []string {
	items, ok := list.([]any)
	if !ok {
		items = []any{list}
	}
	var out []string
	for _, item := range items {
		if field != "" {
			m, ok := item.(map[string]any)
			if !ok {
				continue
			}
			if m[field] != nil {
				out = append(out, entries(m[field], "")...)
			}
			continue
		}
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// local makes sure that an entry names a file or folder that is here.
func local(dir, field, entry string, files map[string][]byte) error {
	if field == "patchesStrategicMerge" && strings.ContainsAny(entry, "\n{") {
		return nil // the patch itself
	}
	if strings.HasSuffix(field, "Generator") {
		if _, file, renamed := strings.Cut(entry, "="); renamed {
			entry = file
		}
	}
	full := path.Join(dir, entry)
	if !path.IsAbs(entry) && fileName(full) {
		if _, ok := files[full]; ok {
			return nil
		}
		for name := range files {
			if strings.HasPrefix(name, full+"/") || full == "." {
				return nil
			}
		}
	}
	return fmt.Errorf("%s %q is not in the repository; what is elsewhere is not fetched", field, entry)
}

// untar unpacks the files of a kustomization in memory. Links and devices are refused, and what unpacks to too much.
func untar(archive []byte) (map[string][]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, errors.New("it is not a gzipped archive")
	}
	tr := tar.NewReader(io.LimitReader(zr, MaxTree))
	files := map[string][]byte{}
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it cannot be unpacked into %d MiB: %w", MaxTree>>20, err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		if header.Typeflag != tar.TypeReg || !fileName(header.Name) {
			return nil, fmt.Errorf("it holds %q, which is a link or leads outside", header.Name)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("it cannot be unpacked into %d MiB: %w", MaxTree>>20, err)
		}
		files[header.Name] = content
	}
}
