// Package check looks at the files of an Application's branch after somebody pushed, and says what is wrong with them: on
// the commit and on the Application's card. It writes nothing to a repository, and stops nothing.
package check

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// Code says what kind of problem it is, for machines.
type Code string

// The codes.
const (
	CodeUnreadable        Code = "unreadable"
	CodeMissingFile       Code = "missing_file"
	CodeWrongName         Code = "wrong_name"
	CodeBlueprintRefused  Code = "blueprint_refused"
	CodeWrongDigest       Code = "wrong_digest"
	CodeDependencyMissing Code = "dependency_missing"
	CodeInvalidValues     Code = "invalid_values"
	CodePlainSecret       Code = "plain_secret"
	CodeOutside           Code = "outside_repository"
	CodeUnchecked         Code = "unchecked"
)

// Severity is how bad a problem is.
type Severity string

// The severities. Of an Application with an Error, what Git says cannot run as it is written.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing that is wrong with a file. No value of a setting is in it.
type Problem struct {
	Code Code
	File string
	// Line is 0 where it is not known.
	Line int
	// Pointer is the setting, where it is about one.
	Pointer  string
	Message  string
	Severity Severity
}

// String is the problem in one sentence.
func (p Problem) String() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s line %d", at, p.Line)
	}
	if p.Pointer != "" {
		at += ", " + strings.ReplaceAll(strings.TrimPrefix(p.Pointer, "/"), "/", ".")
	}
	return at + ": " + p.Message
}

// Tree is what a branch holds.
type Tree struct {
	Application, EnvType string
	// Files that were read; of the others only that they are there.
	Files map[string][]byte
	Other map[string]bool
	// Links are symbolic links.
	Links []string
}

// Known is what a tree is compared with.
type Known struct {
	// Blueprint that application.yaml names, with the digest of that version; nil with the reason in Refused.
	Blueprint *blueprint.Blueprint
	Digest    string
	Refused   string
	// Applications of the Environment: whether those that it stands on are there.
	Applications map[string]bool
}

// most is how many problems are told.
const most = 100

// Check says what is wrong with a tree, the worst first, then by file and line.
func Check(t Tree, k Known) []Problem {
	c := &checker{Tree: t, Known: k}
	c.application()
	c.values()
	c.secrets()
	c.references()
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Message, b.Message))
	})
	c.problems = slices.Compact(c.problems)
	return c.problems[:min(len(c.problems), most)]
}

// Pin is what application.yaml names: the Blueprint, and the Applications that it stands on.
func Pin(files map[string][]byte) (pin gitlayout.Pin, needs []string) {
	spec, err := gitlayout.ReadApplication(files[gitlayout.ApplicationFile])
	if err != nil {
		return gitlayout.Pin{}, nil
	}
	for _, d := range spec.Dependencies {
		if d.Application != "" {
			needs = append(needs, d.Application)
		}
	}
	return spec.Pin, needs
}

type checker struct {
	Tree
	Known
	problems []Problem
}

func (c *checker) add(code Code, file string, line int, pointer, format string, args ...any) {
	c.problems = append(c.problems, Problem{Code: code, File: file, Line: line, Pointer: pointer, Message: fmt.Sprintf(format, args...), Severity: Error})
}

// application checks application.yaml, and that base/release.yaml runs what it says.
func (c *checker) application() {
	const file = gitlayout.ApplicationFile
	content := c.Files[file]
	spec, err := gitlayout.ReadApplication(content)
	if err != nil {
		c.unreadable(file, err)
		return
	}
	if spec.Name != "" && spec.Name != c.Application {
		c.add(CodeWrongName, file, lineOf(content, "/metadata/name"), "/metadata/name", "it says that it is %q, but its repository is %q", shorten(spec.Name), c.Application)
	}
	switch at := lineOf(content, "/spec/blueprint/version"); {
	case c.Blueprint == nil:
		c.add(CodeBlueprintRefused, file, at, "/spec/blueprint", "%s", sentence(c.Refused))
	case spec.Pin.Digest != c.Digest:
		c.add(CodeWrongDigest, file, lineOf(content, "/spec/blueprint/digest"), "/spec/blueprint/digest",
			"it is not the digest of %s %s, which is %s", spec.Pin.Name, spec.Pin.Version, c.Digest)
	}
	release := gitlayout.BaseDir + "release.yaml"
	if running, line := digestOf(c.Files[release]); running != "" && spec.Pin.Digest != "" && running != spec.Pin.Digest {
		c.add(CodeWrongDigest, release, line, "/spec/ref/digest", "it runs another digest than application.yaml says: change both together")
	}
	for i, d := range spec.Dependencies {
		pointer := fmt.Sprintf("/spec/dependencies/%d", i)
		switch at := lineOf(content, pointer); {
		case d.Application == "":
			c.add(CodeDependencyMissing, file, at, pointer, "the dependency %q names no Application", shorten(d.Alias))
		case !c.Applications[d.Application]:
			c.add(CodeDependencyMissing, file, at, pointer+"/application", "there is no Application %q in this Environment, and it stands on one", shorten(d.Application))
		}
	}
}

// unreadable says why a file cannot be read, without what stands in it.
func (c *checker) unreadable(file string, err error) {
	if _, there := c.Files[file]; !there {
		c.add(CodeMissingFile, file, 0, "", "the file is missing, or larger than what is read")
		return
	}
	line, why := reason(err)
	c.add(CodeUnreadable, file, line, "", "%s", why)
}

// engine that renders the Blueprint: what it says, or what the files say.
func (c *checker) engine() gitlayout.Engine {
	if c.Blueprint != nil {
		return gitlayout.Engine(c.Blueprint.Spec.Manifests.Engine)
	}
	for _, e := range []gitlayout.Engine{gitlayout.Kustomize, gitlayout.Helm} {
		if _, there := c.Files[gitlayout.OverlayValues(c.EnvType, e)]; there {
			return e
		}
	}
	return gitlayout.Helm
}

// values checks the settings against the schema, and for secrets.
func (c *checker) values() {
	e := c.engine()
	var schema blueprint.Schema
	if c.Blueprint != nil {
		schema = c.Blueprint.Spec.ConfigSchema
	}
	files := []string{gitlayout.BaseValues(e), gitlayout.OverlayValues(c.EnvType, e)}
	all, whole := map[string]any{}, true
	own := map[string]map[string]any{}
	for _, file := range files {
		content, there := c.Files[file]
		if !there && !c.Other[file] {
			continue // the generator that wants it is checked with the kustomizations
		}
		values, err := gitlayout.ReadValues(e, content, typesOf(schema))
		if err != nil || !there {
			c.unreadable(file, err)
			whole = false
			continue
		}
		own[file] = values
		all = merged(all, values)
		for _, f := range gitlayout.PlainSecrets(values, schema) {
			c.add(CodePlainSecret, file, lineIn(e, content, f.Pointer), f.Pointer, "%s", f.Message)
		}
	}
	if c.Blueprint == nil || !whole {
		return
	}
	_, wrong := c.Blueprint.Settings(all)
	for _, f := range wrong {
		file := files[1]
		if !holds(own[file], f.Pointer) && holds(own[files[0]], f.Pointer) {
			file = files[0]
		}
		c.add(CodeInvalidValues, file, lineIn(e, c.Files[file], f.Pointer), f.Pointer, "%s", f.Message)
	}
}

// merged is what Helm and Kustomize make of two sets of settings: the later wins, mapping by mapping.
func merged(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		x, inA := out[k].(map[string]any)
		y, inB := v.(map[string]any)
		if inA && inB {
			out[k] = merged(x, y)
		} else {
			out[k] = v
		}
	}
	return out
}

// typesOf are the types of the settings by name, where the schema names exactly one.
func typesOf(schema blueprint.Schema) map[string]string {
	out := map[string]string{}
	properties, _ := schema.Document()["properties"].(map[string]any)
	for name, p := range properties {
		if m, ok := p.(map[string]any); ok {
			out[name], _ = m["type"].(string)
		}
	}
	return out
}

// secrets looks for Kubernetes Secrets that hold data.
func (c *checker) secrets() {
	for name, content := range c.Files {
		if !manifest(name) || strings.HasPrefix(name, "overlays/") && !strings.HasPrefix(name, gitlayout.OverlayDir(c.EnvType)) {
			continue
		}
		for _, s := range plainSecrets(content) {
			c.add(CodePlainSecret, name, s.line, "", "the Secret %q holds the data of %s as plain text: keep it elsewhere and refer to it, with an ExternalSecret for instance", shorten(s.name), s.keys)
		}
	}
}

func manifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name))
}

func sentence(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }

// shorten cuts a name that somebody else wrote.
func shorten(s string) string {
	const longest = 64
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}
