package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// kustomization is what the spec of Flux's Kustomization says about rendering.
type kustomization struct {
	Path            string           `json:"path"`
	TargetNamespace string           `json:"targetNamespace"`
	NamePrefix      string           `json:"namePrefix"`
	NameSuffix      string           `json:"nameSuffix"`
	Components      []string         `json:"components"`
	Patches         []kustypes.Patch `json:"patches"`
	Images          []kustypes.Image `json:"images"`
	CommonMetadata  metadata         `json:"commonMetadata"`
	PostBuild       *postBuild       `json:"postBuild"`
	Decryption      any              `json:"decryption"`
	settings        manifest.Settings
}

type metadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type postBuild struct {
	Substitute     map[string]string `json:"substitute"`
	SubstituteFrom []struct {
		Kind     string `json:"kind"`
		Name     string `json:"name"`
		Optional bool   `json:"optional"`
	} `json:"substituteFrom"`
	Strategy string `json:"substituteStrategy"`
}

// decode reads the spec of one of Flux's objects.
func decode(owner manifest.Object, into any) error {
	raw, err := json.Marshal(owner["spec"])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("its spec cannot be read: %w", err)
	}
	return nil
}

// kustomize renders a Blueprint as the Kustomization that names it says.
func kustomize(r manifest.Release) (manifest.Rendering, error) {
	spec := kustomization{settings: r.Settings}
	if err := decode(r.Owner, &spec); err != nil {
		return manifest.Rendering{}, err
	}
	files, err := untar(r.Payload)
	if err != nil {
		return manifest.Rendering{}, err
	}
	objects, err := spec.build(files)
	if err != nil {
		return manifest.Rendering{}, err
	}
	spec.own(objects, r.Owner.Name(), r.Owner.Namespace())
	return manifest.Rendering{Objects: objects}, nil
}

// own marks objects as Flux does, so that it finds them again.
func (k kustomization) own(objects []manifest.Object, name, namespace string) {
	for _, o := range objects {
		o.Mark("labels", k.CommonMetadata.Labels)
		o.Mark("annotations", k.CommonMetadata.Annotations)
		o.Mark("labels", map[string]string{kustomizeGroup + "/name": name, kustomizeGroup + "/namespace": namespace})
	}
}

// build is kustomize build in memory, with what the spec adds to the kustomization, and the variables put in.
func (k kustomization) build(files map[string][]byte) (objects []manifest.Object, err error) {
	if k.Decryption != nil {
		return nil, errors.New("it holds secrets that Flux decrypts, which nobody else can")
	}
	if err := check(files); err != nil {
		return nil, err
	}
	root := path.Clean("/" + k.Path)
	fs, err := k.fileSystem(files, root)
	if err != nil {
		return nil, err
	}
	// What is wrong with its input makes kustomize panic in places.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize cannot make anything of it: %v", p)
		}
	}()
	built, err := krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: kustypes.LoadRestrictionsNone, PluginConfig: kustypes.DisabledPluginConfig(),
	}).Run(fs, root)
	if err != nil {
		return nil, fmt.Errorf("kustomize: %w", err)
	}
	if err := k.substitute(built); err != nil {
		return nil, err
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("kustomize: %w", err)
	}
	return read(string(text))
}

// fileSystem holds the files in memory, the kustomization at root with what the spec adds. A link among the files is
// there as the path that it names, and leads nowhere.
func (k kustomization) fileSystem(files map[string][]byte, root string) (filesys.FileSystem, error) {
	fs := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := fs.WriteFile(path.Clean("/"+name), content); err != nil {
			return nil, err
		}
	}
	at := ""
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if p := path.Join(root, name); fs.Exists(p) && !fs.IsDir(p) {
			at = p
			break
		}
	}
	if at == "" {
		return nil, fmt.Errorf("there is no kustomization.yaml in %s", strings.TrimPrefix(root, "/"))
	}
	old, err := fs.ReadFile(at)
	if err != nil {
		return nil, err
	}
	edited, err := k.add(old)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(at, "/"), err)
	}
	return fs, fs.WriteFile(at, edited)
}

// add writes what the spec says into a kustomization, as Flux does.
func (k kustomization) add(old []byte) ([]byte, error) {
	kus := kustypes.Kustomization{TypeMeta: kustypes.TypeMeta{APIVersion: kustypes.KustomizationVersion, Kind: kustypes.KustomizationKind}}
	if err := yaml.Unmarshal(old, &kus); err != nil {
		return nil, err
	}
	for _, field := range []struct {
		into *string
		from string
	}{{&kus.Namespace, k.TargetNamespace}, {&kus.NamePrefix, k.NamePrefix}, {&kus.NameSuffix, k.NameSuffix}} {
		if field.from != "" {
			*field.into = field.from
		}
	}
	for _, p := range k.Patches {
		kus.Patches = append(kus.Patches, kustypes.Patch{Patch: p.Patch, Target: p.Target})
	}
	for _, c := range k.Components {
		if strings.Contains(c, ":") || path.IsAbs(c) {
			return nil, fmt.Errorf("the component %q is not in the folder", c)
		}
		kus.Components = append(kus.Components, c)
	}
	for _, image := range k.Images {
		if i := slices.IndexFunc(kus.Images, func(old kustypes.Image) bool { return old.Name == image.Name }); i >= 0 {
			kus.Images[i] = image
		} else {
			kus.Images = append(kus.Images, image)
		}
	}
	return yaml.Marshal(kus)
}

var variableName = regexp.MustCompile(`^[_[:alpha:]][_[:alpha:][:digit:]]*$`)

// variables are what takes the place of ${name}: later ones win, and what the spec itself says wins over all.
func (k kustomization) variables() (map[string]string, error) {
	out := map[string]string{}
	add := func(values map[string]string) error {
		for name, value := range values {
			if !variableName.MatchString(name) {
				return fmt.Errorf("%q cannot be the name of a variable", name)
			}
			out[name] = strings.ReplaceAll(value, "\n", "")
		}
		return nil
	}
	for _, ref := range k.PostBuild.SubstituteFrom {
		values, ok := k.settings[ref.Name]
		if ref.Kind != "ConfigMap" || !ok {
			if ref.Optional && ref.Kind == "ConfigMap" {
				continue
			}
			return nil, fmt.Errorf("it takes variables from the %s %s, which is not in this repository", ref.Kind, ref.Name)
		}
		if err := add(values); err != nil {
			return nil, err
		}
	}
	return out, add(k.PostBuild.Substitute)
}

// substitute puts the variables into all that was built, unless it says that it does not want them.
func (k kustomization) substitute(built resmap.ResMap) error {
	if k.PostBuild == nil {
		return nil
	}
	values, err := k.variables()
	if err != nil || len(values) == 0 && k.PostBuild.Strategy != "Always" {
		return err
	}
	for _, res := range built.Resources() {
		const mark = kustomizeGroup + "/substitute"
		if res.GetLabels()[mark] == "disabled" || res.GetAnnotations()[mark] == "disabled" {
			continue
		}
		if err := substituteOne(res, values); err != nil {
			return fmt.Errorf("%s %s: %w", res.GetKind(), res.GetName(), err)
		}
	}
	return nil
}

func substituteOne(res *resource.Resource, values map[string]string) error {
	text, err := res.AsYAML()
	if err != nil {
		return err
	}
	put, err := envsubst.Eval(string(text), func(name string) (string, bool) { return values[name], true })
	if err != nil {
		return fmt.Errorf("its variables cannot be put in: %w", err)
	}
	if len(put) > MaxOutput {
		return fmt.Errorf("with its variables it has more than %d MiB", MaxOutput>>20)
	}
	raw, err := yaml.YAMLToJSON([]byte(put))
	if err != nil {
		return fmt.Errorf("with its variables it is not YAML any more: %w", err)
	}
	return res.UnmarshalJSON(raw)
}
