package operation

import (
	"context"
	"fmt"
	"slices"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// settings reads the settings of an Application in an Environment from Git: those of all Environments, and over them
// those of this one.
func (p *Planner) settings(ctx context.Context, r Request) (Settings, error) {
	environments, err := p.Directory.Environments(ctx, r.Organization)
	if err != nil {
		return Settings{}, err
	}
	env, err := find(environments, r)
	if err != nil {
		return Settings{}, err
	}
	repo := forge.Repo{Organization: r.Organization, Name: r.Application}
	here, err := p.running(ctx, r, env)
	if err != nil {
		return Settings{}, err
	}
	engine, types, err := p.shape(ctx, here)
	if err != nil {
		return Settings{}, err
	}
	out := Settings{Commit: here.head, Blueprint: here.app.Pin, Size: here.app.Size}
	files, err := open(ctx, p.Forge, repo, here.head, present(here.files, gitlayout.BaseValues(engine), gitlayout.OverlayValues(env.EnvType, engine)))
	if err != nil {
		return Settings{}, err
	}
	out.Values, err = says(files, env, engine, types)
	return out, err
}

// present are those of the paths that are among the files.
func present(files []string, paths ...string) []string {
	return slices.DeleteFunc(paths, func(p string) bool { return !slices.Contains(files, p) })
}

// says reads the settings of an Environment out of the files of its branch.
func says(files map[string][]byte, env Environment, engine gitlayout.Engine, types map[string]string) (map[string]any, error) {
	out := map[string]any{}
	for _, path := range []string{gitlayout.BaseValues(engine), gitlayout.OverlayValues(env.EnvType, engine)} {
		content, ok := files[path]
		if !ok {
			continue
		}
		values, err := gitlayout.ReadValues(engine, content, types)
		if err != nil {
			return nil, refuse(CodeInvalidRequest, fmt.Sprintf("%s on the branch %s cannot be read: %v. Mend it in Git.", path, env.Branch, err))
		}
		out = merge(out, values)
	}
	return out, nil
}

// shape is how the settings are written. Without the catalog the files tell.
func (p *Planner) shape(ctx context.Context, here branch) (gitlayout.Engine, map[string]string, error) {
	bp, err := p.Catalog.Blueprint(ctx, here.app.Pin.Name, here.app.Pin.Version)
	switch {
	case err == nil:
		return bp.Engine, bp.types(), nil
	case CodeOf(err) == "":
		return "", nil, err
	case slices.Contains(here.files, gitlayout.BaseValues(gitlayout.Kustomize)):
		return gitlayout.Kustomize, nil, nil
	default:
		return gitlayout.Helm, nil, nil
	}
}

// types of the settings by name, where the configSchema names exactly one.
func (b Blueprint) types() map[string]string {
	out := map[string]string{}
	properties, _ := b.Document.Spec.ConfigSchema.Document()["properties"].(map[string]any)
	for name, p := range properties {
		if m, ok := p.(map[string]any); ok {
			out[name], _ = m["type"].(string)
		}
	}
	return out
}

// merge lays b over a, as Helm does: mappings are merged, everything else is replaced.
func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		under, isMap := a[k].(map[string]any)
		over, both := v.(map[string]any)
		if isMap && both {
			a[k] = merge(under, over)
		} else {
			a[k] = v
		}
	}
	return a
}
