package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// kustomizations are the names under which Kustomize looks for one.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// beyond are the fields of a kustomization that fetch or run something.
var beyond = []string{"helmCharts", "helmChartInflationGenerator", "helmGlobals", "generators", "transformers", "validators", "openapi", "configurations", "crds"}

// named are the fields that name files or folders, and the field of each entry that does; empty for the entry itself.
var named = map[string][]string{
	"resources": {""}, "bases": {""}, "components": {""}, "patchesStrategicMerge": {""}, "patches": {"path"}, "patchesJson6902": {"path"}, "replacements": {"path"},
	"configMapGenerator": {"files", "envs", "env"}, "secretGenerator": {"files", "envs", "env", "literals"},
}

// references follows the kustomization of the Environment and says what is missing or elsewhere. Flux's controller would
// fetch what it names, from anywhere.
func (c *checker) references() {
	for _, link := range c.Links {
		c.add(CodeOutside, link, 0, "", "it is a symbolic link, which is not followed")
	}
	seen := map[string]bool{}
	for next := []string{strings.TrimSuffix(gitlayout.OverlayDir(c.EnvType), "/")}; len(next) > 0; next = next[1:] {
		dir := next[0]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		next = append(next, c.kustomization(dir)...)
	}
}

// kustomization checks the one in a folder, and returns the folders that it builds on.
func (c *checker) kustomization(dir string) (folders []string) {
	i := slices.IndexFunc(kustomizations, func(name string) bool { _, there := c.Files[path.Join(dir, name)]; return there })
	if i < 0 {
		c.add(CodeMissingFile, path.Join(dir, kustomizations[0]), 0, "", "the file is missing")
		return nil
	}
	file := path.Join(dir, kustomizations[i])
	var doc yaml.Node
	if err := yaml.Unmarshal(c.Files[file], &doc); err != nil {
		c.unreadable(file, err)
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	content := doc.Content[0].Content
	for i := 0; i+1 < len(content); i += 2 {
		field, value := content[i].Value, content[i+1]
		if slices.Contains(beyond, field) {
			c.add(CodeOutside, file, content[i].Line, "/"+field, "%s can fetch or run what is not in the repository, so it is not allowed here", field)
		}
		for _, at := range named[field] {
			for _, entry := range entries(value, at) {
				if at == "literals" {
					c.literal(file, entry)
				} else if folder, ok := c.local(file, field, entry); ok && folder != "" {
					folders = append(folders, folder)
				}
			}
		}
	}
	return folders
}

// literal is a value of a Secret that is generated from what stands here.
func (c *checker) literal(file string, n *yaml.Node) {
	name, value, _ := strings.Cut(n.Value, "=")
	if value != "" {
		c.add(CodePlainSecret, file, n.Line, "", "the generated Secret holds %s as plain text", shorten(name))
	}
}

// entries are the texts in a list, or in a field of its entries.
func entries(list *yaml.Node, field string) []*yaml.Node {
	items := []*yaml.Node{list}
	if list.Kind == yaml.SequenceNode {
		items = list.Content
	}
	var out []*yaml.Node
	for _, item := range items {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		switch {
		case field != "":
			if _, v := find(item, "/"+field); v != nil {
				out = append(out, entries(v, "")...)
			}
		case item.Kind == yaml.ScalarNode:
			out = append(out, item)
		}
	}
	return out
}

// local makes sure that an entry names a file or folder that is here; it returns a folder that is built on.
func (c *checker) local(file, field string, n *yaml.Node) (folder string, ok bool) {
	entry := n.Value
	if field == "patchesStrategicMerge" && strings.ContainsAny(entry, "\n{") {
		return "", true // the patch itself
	}
	if strings.HasSuffix(field, "Generator") {
		if _, named, renamed := strings.Cut(entry, "="); renamed {
			entry = named
		}
	}
	full := path.Join(path.Dir(file), entry)
	switch {
	case strings.Contains(entry, "://") || strings.HasPrefix(entry, "git@") || strings.Contains(entry, "?ref="), path.IsAbs(entry), full == "..", strings.HasPrefix(full, "../"):
		c.add(CodeOutside, file, n.Line, "/"+field, "%s names something outside of the repository, which is not fetched", field)
		return "", false
	case c.there(full):
		return "", true
	case c.folder(full):
		return full, true
	}
	c.add(CodeMissingFile, file, n.Line, "/"+field, "%s names %q, which is not in the repository", field, shorten(entry))
	return "", false
}

func (c *checker) there(file string) bool {
	_, read := c.Files[file]
	return read || c.Other[file]
}

func (c *checker) folder(dir string) bool {
	inside := func(name string) bool { return strings.HasPrefix(name, dir+"/") || dir == "." }
	for name := range maps.Keys(c.Files) {
		if inside(name) {
			return true
		}
	}
	for name := range maps.Keys(c.Other) {
		if inside(name) {
			return true
		}
	}
	return false
}
