package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/Masterminds/semver/v3"

	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// configure gives an Application other settings. What it needs may change with them.
func (g *planning) configure(ctx context.Context) error {
	here, err := g.running(ctx, g.r, g.env)
	if err != nil {
		return err
	}
	if g.r.Head != "" && g.r.Head != here.head {
		return moved(ctx, g.Forge, &forge.MovedError{Repo: g.repo(g.r.Application), Branch: g.env.Branch, Expect: g.r.Head, Actual: here.head})
	}
	in := g.input(here.app.Pin.Name, here.app.Pin.Version, g.r.Values)
	return g.revise(ctx, here, in, fmt.Sprintf("Configure %s in %s", g.r.Application, g.env.Name))
}

// upgrade goes to another version, newer or older, as far as the Blueprint allows it.
func (g *planning) upgrade(ctx context.Context) error {
	here, err := g.running(ctx, g.r, g.env)
	if err != nil {
		return err
	}
	pin := here.app.Pin
	all, err := g.known(ctx, pin.Name)
	if err != nil {
		return err
	}
	if g.r.Version == "" {
		return &Error{Code: CodeInvalidRequest, Message: "Name the version to go to.", Fields: []Field{{Pointer: "/version", Message: "is required"}}}
	}
	var refused *resolve.UpgradeError
	if err := resolve.Upgrade(pin.Version, g.r.Version, candidates(all, "")); errors.As(err, &refused) {
		e := &Error{Code: CodeUpgradeRefused, Message: refused.Reason, Fields: []Field{{Pointer: "/version", Message: refused.Reason}}}
		if len(refused.Via) > 0 {
			e.Suggestion = refused.Via[0]
		}
		return e
	} else if err != nil {
		return err
	}
	word := "Upgrade"
	if g.op.Action = Upgrade; older(g.r.Version, pin.Version) {
		g.op.Action, word = Downgrade, "Downgrade"
	}
	values := g.r.Values
	if values == nil {
		if values, err = g.chosen(ctx, here, all); err != nil {
			return err
		}
	}
	in := g.input(pin.Name, g.r.Version, values)
	return g.revise(ctx, here, in, fmt.Sprintf("%s %s from %s to %s in %s", word, g.r.Application, pin.Version, g.r.Version, g.env.Name))
}

func older(a, b string) bool {
	va, errA := semver.NewVersion(a)
	vb, errB := semver.NewVersion(b)
	return errA == nil && errB == nil && va.LessThan(vb)
}

// chosen are the settings of an Environment that differ from the defaults of the version that runs, so that the others
// follow the defaults of the next one.
func (g *planning) chosen(ctx context.Context, here branch, all []Version) (map[string]any, error) {
	i := slices.IndexFunc(all, func(v Version) bool { return v.Version == here.app.Pin.Version && v.Document != nil })
	engine, types, defaults := gitlayout.Helm, map[string]string(nil), map[string]any(nil)
	switch {
	case i >= 0:
		engine, types = all[i].Engine, all[i].types()
		defaults, _ = all[i].Document.Settings(nil)
	case slices.Contains(here.files, gitlayout.BaseValues(gitlayout.Kustomize)):
		engine = gitlayout.Kustomize
	}
	path := present(here.files, gitlayout.OverlayValues(g.env.EnvType, engine))
	files, err := open(ctx, g.Forge, g.repo(g.r.Application), here.head, path)
	if err != nil {
		return nil, err
	}
	values, err := says(files, g.env, engine, types)
	if err != nil {
		return nil, err
	}
	return beyond(values, defaults), nil
}

// beyond is what values say that defaults do not.
func beyond(values, defaults map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		d, ok := defaults[k]
		a, isMap := v.(map[string]any)
		b, both := d.(map[string]any)
		switch {
		case isMap && both:
			if inner := beyond(a, b); len(inner) > 0 {
				out[k] = inner
			}
		case !ok || !gitlayout.SameValues(map[string]any{k: v}, map[string]any{k: d}):
			out[k] = v
		}
	}
	return out
}

// revise plans what a running Application becomes, and what it needs that is not there yet.
func (g *planning) revise(ctx context.Context, here branch, in resolve.Input, message string) error {
	if in.Size == "" {
		in.Size = here.app.Size
	}
	if err := g.keepIfAny(ctx, &in, here.app.Dependencies); err != nil {
		return err
	}
	tree, err := g.resolve(ctx, in, carriage{})
	if err != nil {
		return err
	}
	for _, n := range tree.Order[:len(tree.Order)-1] {
		if err := g.place(ctx, n); err != nil {
			return err
		}
	}
	app, err := g.application(tree.Root)
	if err != nil {
		return err
	}
	if !slices.Contains(here.files, gitlayout.BaseValues(app.Blueprint.Engine)) {
		return refuse(CodeUpgradeRefused, fmt.Sprintf("%s %s is rendered by another engine than %s, so %s cannot go there. Install it anew beside the old one.",
			app.Blueprint.Name, app.Blueprint.Version, here.app.Pin.Version, g.r.Application))
	}
	changed, err := g.revised(ctx, here, app)
	if err != nil {
		return err
	}
	for _, d := range here.app.Dependencies {
		if !slices.ContainsFunc(app.Dependencies, func(n gitlayout.Dependency) bool { return n.Application == d.Application }) {
			g.warn("%s no longer needs %s (%s). It stays, with its data; uninstall it if nothing else needs it.", g.r.Application, d.Application, d.Alias)
		}
	}
	g.edit(Change{Application: g.r.Application, Message: message}, here, changed)
	return nil
}

// keepIfAny spares the question what runs here for an Application that needs nothing.
func (g *planning) keepIfAny(ctx context.Context, in *resolve.Input, recorded []gitlayout.Dependency) error {
	if len(recorded) == 0 {
		return nil
	}
	return g.keep(ctx, in, recorded)
}

// revised are the files that differ.
func (g *planning) revised(ctx context.Context, here branch, app gitlayout.Application) (map[string][]byte, error) {
	path := gitlayout.OverlayValues(g.env.EnvType, app.Blueprint.Engine)
	want := present(here.files, path)
	same := sameNeeds(*here.app, app)
	if !same {
		want = concerns(here.files, g.env.EnvType)
	}
	files, err := open(ctx, g.Forge, g.repo(app.Name), here.head, want)
	if err != nil {
		return nil, err
	}
	changed := map[string][]byte{}
	if !same {
		if changed, err = gitlayout.Upgrade(files, app); err != nil {
			return nil, err
		}
	}
	edited, err := gitlayout.EditValues(app, files[path])
	if err != nil {
		return nil, err
	}
	if string(edited) != string(files[path]) {
		changed[path] = edited
	}
	return changed, nil
}
