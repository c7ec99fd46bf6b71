package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// maxNames bounds how often a tree is made anew because a name in it is taken.
const maxNames = 200

// input is what a tree is made of, as far as the request says it.
func (g *planning) input(blueprint, version string, values map[string]any) resolve.Input {
	in := resolve.Input{
		Application: g.r.Application, Organization: g.r.Organization, Environment: g.env.Name, EnvType: g.env.EnvType,
		Blueprint: blueprint, Version: version, Size: g.r.Size, Values: values,
		Choices: map[string]resolve.Choice{}, Catalog: map[string][]resolve.Candidate{}, Taken: map[string]bool{},
	}
	for path, c := range g.r.Choices {
		in.Choices[path] = resolve.Choice{Use: resolve.Use(c.Use), Application: c.Application}
	}
	return in
}

// carriage is what an Application brings along from another Environment.
type carriage struct {
	names map[string]bool   // Applications that may be installed here although their repository is there
	pins  map[string]string // the version of a Blueprint that these are pinned to
}

// carry has recorded dependencies satisfied as they are elsewhere: by the Application of the same name, which is brought
// here too unless it is here. What a person chose stands.
func (g *planning) carry(ctx context.Context, in *resolve.Input, recorded []gitlayout.Dependency, prefix string, c carriage) error {
	for _, d := range recorded {
		path := prefix + d.Alias
		if _, chosen := in.Choices[path]; chosen || !wellFormed(d.Application) || c.names[d.Application] {
			continue
		}
		repo, err := g.inspect(ctx, d.Application)
		if err != nil {
			return err
		}
		there := installation{branch: g.env.Branch, branches: g.branches, repo: repo}
		b, ok := there.base()
		switch {
		case repo.branches[g.env.Branch].runsIn(g.env.EnvType):
			in.Choices[path] = resolve.Choice{Use: resolve.Existing, Application: d.Application}
			if err := g.know(ctx, d.Application); err != nil {
				return err
			}
		case ok && b.app != nil && b.broken == nil && b.app.Pin.Name == d.Blueprint:
			in.Choices[path] = resolve.Choice{Use: resolve.New, Application: d.Application}
			c.names[d.Application], c.pins[d.Blueprint] = true, b.app.Pin.Version
			if err := g.carry(ctx, in, b.app.Dependencies, path+"/", c); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep has recorded dependencies of a running Application satisfied as they are.
func (g *planning) keep(ctx context.Context, in *resolve.Input, recorded []gitlayout.Dependency) error {
	g.recorded = recorded
	for _, d := range recorded {
		if _, chosen := in.Choices[d.Alias]; chosen || !wellFormed(d.Application) {
			continue
		}
		if err := g.know(ctx, d.Application); err != nil {
			return err
		}
		if slices.ContainsFunc(g.installed[g.env.Name], func(i resolve.Installed) bool { return i.Application == d.Application }) {
			in.Choices[d.Alias] = resolve.Choice{Use: resolve.Existing, Application: d.Application}
		}
	}
	return nil
}

// applications are those that run in an Environment.
func (g *planning) applications(ctx context.Context, environment string) ([]resolve.Installed, error) {
	if known, ok := g.installed[environment]; ok {
		return known, nil
	}
	all, err := g.Directory.Applications(ctx, environment)
	if err != nil {
		return nil, &Error{Code: CodeUnavailable, cause: err,
			Message: "It cannot be told now which Applications run in " + environment + ". Nothing was changed; try again in a moment."}
	}
	g.installed[environment] = all
	return all, nil
}

// know makes sure that an Application that runs here is among those that are known to, however new it is.
func (g *planning) know(ctx context.Context, application string) error {
	all, err := g.applications(ctx, g.env.Name)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(i resolve.Installed) bool { return i.Application == application }) {
		return nil
	}
	repo, err := g.inspect(ctx, application)
	if err != nil {
		return err
	}
	if b := repo.branches[g.env.Branch]; b.broken == nil && b.runsIn(g.env.EnvType) {
		i := resolve.Installed{Application: application, Blueprint: b.app.Pin.Name, Version: b.app.Pin.Version}
		for _, d := range b.app.Dependencies {
			i.DependsOn = append(i.DependsOn, d.Application)
		}
		g.installed[g.env.Name] = append(slices.Clone(all), i)
	}
	return nil
}

// known returns the versions of a Blueprint, asked for once.
func (g *planning) known(ctx context.Context, name string) ([]Version, error) {
	if all, ok := g.versions[name]; ok {
		return all, nil
	}
	all, err := g.Catalog.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	g.versions[name] = all
	return all, nil
}

func candidates(all []Version, pinned string) []resolve.Candidate {
	out := []resolve.Candidate{}
	for _, v := range all {
		if pinned == "" || v.Version == pinned {
			out = append(out, resolve.Candidate{Version: v.Version, Blueprint: v.Document, Refused: v.Refused})
		}
	}
	return out
}

// resolve makes the tree. It fetches what is missing, and looks whether the names in it are free.
func (g *planning) resolve(ctx context.Context, in resolve.Input, c carriage) (*resolve.Tree, error) {
	for range maxNames {
		in.Installed = g.installed[g.env.Name]
		tree, err := resolve.Resolve(in)
		var need *resolve.NeedError
		switch {
		case errors.As(err, &need):
			for _, name := range need.Blueprints {
				if err := g.fetch(ctx, &in, name, c); err != nil {
					return nil, err
				}
			}
			continue
		case err != nil:
			return nil, g.problems(err)
		}
		taken, err := g.taken(ctx, tree, c)
		if err != nil {
			return nil, err
		}
		if len(taken) == 0 {
			return tree, g.agree(tree)
		}
		for _, name := range taken {
			in.Taken[name] = true
		}
	}
	return nil, refuse(CodeUnresolved, "No free names were found for what "+g.r.Application+" needs. Choose names for them.")
}

// fetch asks the catalog for a Blueprint, and the read model for what runs here as soon as one needs others.
func (g *planning) fetch(ctx context.Context, in *resolve.Input, name string, c carriage) error {
	all, err := g.known(ctx, name)
	if err != nil {
		return err
	}
	in.Catalog[name] = candidates(all, c.pins[name])
	if !slices.ContainsFunc(all, func(v Version) bool { return v.Document != nil && len(v.Document.Spec.Depends) > 0 }) {
		return nil
	}
	if _, err := g.applications(ctx, g.env.Name); err != nil {
		return err
	}
	for _, choice := range g.r.Choices {
		if resolve.Use(choice.Use) == resolve.Existing && wellFormed(choice.Application) {
			if err := g.know(ctx, choice.Application); err != nil {
				return err
			}
		}
	}
	return nil
}

// taken are the names of new Applications in a tree that somebody else has.
func (g *planning) taken(ctx context.Context, tree *resolve.Tree, c carriage) ([]string, error) {
	var out []string
	for _, n := range tree.Order {
		if n == tree.Root || c.names[n.Application] {
			continue
		}
		repo, err := g.inspect(ctx, n.Application)
		if err != nil {
			return nil, err
		}
		pin, err := repo.free(n.Application, n.Name, g.env, g.branches, g.adopt[n.Application] != "")
		if err != nil || pin != nil { // of another Environment, and not known to be meant
			out = append(out, n.Application)
		}
	}
	return out, nil
}

// agree takes a tree into the plan.
func (g *planning) agree(tree *resolve.Tree) error {
	for _, n := range tree.Order {
		if n != tree.Root && isReserved(n.Application) {
			return refuse(CodeUnresolved, "The name "+n.Application+" is reserved for what Catalyst keeps itself. Choose another for "+n.Path+".")
		}
	}
	root := shown(tree.Root)
	g.proposal.Tree, g.proposal.Version, g.proposal.Size = &root, tree.Root.Version, tree.Root.Size
	for _, note := range tree.Notes {
		if !strings.HasPrefix(note, "The choice for ") || len(g.r.Choices) > 0 {
			g.warn("%s", note)
		}
	}
	if !g.env.Ready {
		g.warn("%s is not ready yet, so it will start there later. %s", g.env.Name, g.env.Message)
	}
	return nil
}

// shown is a node as people see it, with all settings of what is made.
func shown(n *resolve.Node) Node {
	out := Node{
		Path: n.Path, Alias: n.Alias, Application: n.Application, Use: string(n.Use), Blueprint: n.Name, Version: n.Version, Range: n.Range,
		Size: n.Size, Values: n.Values, Reason: n.Reason, SharedWith: n.SharedWith,
	}
	if n.Use == resolve.New && n.Blueprint != nil {
		out.Values, _ = n.Blueprint.Settings(n.Values)
	}
	for _, o := range n.Offers {
		out.Offers = append(out.Offers, Offer(o))
	}
	for _, d := range n.Depends {
		out.Depends = append(out.Depends, shown(d))
	}
	return out
}

// application is a node as what is written to its repository.
func (g *planning) application(n *resolve.Node) (gitlayout.Application, error) {
	all := g.versions[n.Name]
	i := slices.IndexFunc(all, func(v Version) bool { return v.Version == n.Version && v.Refused == "" })
	if i < 0 {
		return gitlayout.Application{}, refuse(CodeVersionNotFound, fmt.Sprintf("The catalog has no version %s of %s.", n.Version, n.Name))
	}
	app := gitlayout.Application{Name: n.Application, Organization: g.r.Organization, Environment: g.env.Name, EnvType: g.env.EnvType,
		Blueprint: all[i].Blueprint.Blueprint, Size: n.Size}
	var err error
	if app.Values, err = settings(all[i].Blueprint, n.Values); err != nil {
		return app, err
	}
	for _, d := range n.Depends {
		if d.Use == resolve.Off {
			continue
		}
		needed := gitlayout.Dependency{Alias: d.Alias, Blueprint: d.Name, Application: d.Application, Owned: d.Use == resolve.New}
		if n.Path == "" && slices.ContainsFunc(g.recorded, func(r gitlayout.Dependency) bool { return r.Application == d.Application && r.Owned }) {
			needed.Owned = true
		}
		app.Dependencies = append(app.Dependencies, needed)
	}
	if n.Path == "" {
		g.proposal.Values = app.Values
		return app, plain(g.r.Values, all[i].Blueprint)
	}
	return app, nil
}

// plain refuses secrets in the settings: what is in Git is read by many.
func plain(values map[string]any, bp Blueprint) error {
	found := gitlayout.PlainSecrets(values, bp.Document.Spec.ConfigSchema)
	if len(found) == 0 {
		return nil
	}
	e := refuse(CodePlainSecret, "A setting holds a secret as plain text. Settings are kept in Git, where many can read them: refer to a secret instead.")
	for _, f := range found {
		e.Fields = append(e.Fields, Field{Pointer: "/values" + f.Pointer, Message: f.Message})
	}
	return e
}

// codes of the resolver's problems with the Application itself. What it needs is another matter.
var codes = map[string]Code{
	resolve.CodeSettings: CodeInvalidValues, resolve.CodeSize: CodeInvalidValues, resolve.CodeMissing: CodeBlueprintNotFound,
	resolve.CodeVersion: CodeVersionNotFound, resolve.CodeRefused: CodeVersionRefused, resolve.CodeTooLarge: CodePlanTooLarge,
}

// problems explains why there is no tree.
func (g *planning) problems(err error) error {
	var p *resolve.Problems
	if !errors.As(err, &p) || len(p.List) == 0 {
		return err
	}
	e := &Error{Code: CodeUnresolved, cause: err}
	if first := p.List[0]; first.Path == "" && codes[first.Code] != "" {
		e.Code = codes[first.Code]
	}
	var said []string
	for _, each := range p.List {
		if !slices.Contains(said, each.Message) {
			said = append(said, each.Message)
		}
		pointer := ""
		switch {
		case each.Path != "":
			pointer = "/choices/" + strings.ReplaceAll(each.Path, "/", "~1")
		case each.Code == resolve.CodeSettings:
			pointer = "/values" + each.Pointer
		case each.Code == resolve.CodeSize:
			pointer = "/size"
		case each.Code == resolve.CodeMissing:
			pointer = "/blueprint"
		case each.Code == resolve.CodeVersion, each.Code == resolve.CodeRefused:
			pointer = "/version"
		}
		e.Fields = append(e.Fields, Field{Pointer: pointer, Message: each.Message})
	}
	const most = 5
	e.Message = strings.Join(said[:min(len(said), most)], " ")
	if len(said) > most {
		e.Message += fmt.Sprintf(" And %d more.", len(said)-most)
	}
	return e
}

// settings checks values against the configSchema and fills in its defaults.
func settings(bp Blueprint, values map[string]any) (map[string]any, error) {
	full, wrong := bp.Document.Settings(values)
	if len(wrong) == 0 {
		return full, nil
	}
	e := refuse(CodeInvalidValues, "")
	for _, w := range wrong {
		e.Fields = append(e.Fields, Field{Pointer: "/values" + w.Pointer, Message: w.Message})
	}
	e.Message = fmt.Sprintf("The settings do not fit %s %s: %s %s.", bp.Name, bp.Version, strings.TrimPrefix(wrong[0].Pointer, "/"), wrong[0].Message)
	return nil, e
}
