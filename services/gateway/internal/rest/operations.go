package rest

import (
	"cmp"
	"context"
	"slices"

	"catalyst.openova.io/pkg/view"
)

type sovereignInput struct{ Conditional }

func (a *api) sovereign(ctx context.Context, in *sovereignInput) (*One[view.Sovereign], error) {
	return one[view.Sovereign](ctx, a.store, view.Header{Kind: view.KindSovereign, Name: "sovereign"}, in.IfNoneMatch)
}

type listInput struct {
	Conditional
	Paging
}

func (a *api) organizations(ctx context.Context, in *listInput) (*Many[view.Organization], error) {
	return many[view.Organization](ctx, a.store, view.KindOrganization, "", in.Paging, in.IfNoneMatch, nil)
}

type organizationInput struct {
	Conditional
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) organization(ctx context.Context, in *organizationInput) (*One[view.Organization], error) {
	return one[view.Organization](ctx, a.store, view.Header{Kind: view.KindOrganization, Organization: in.Organization, Name: in.Organization}, in.IfNoneMatch)
}

// seen answers as if an Organization were not there when the person may not see it.
func (a *api) seen(ctx context.Context, organization string) error {
	_, err := a.organization(ctx, &organizationInput{Organization: organization})
	return err
}

type organizationListInput struct {
	Conditional
	Paging
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) environments(ctx context.Context, in *organizationListInput) (*Many[view.Environment], error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return many[view.Environment](ctx, a.store, view.KindEnvironment, in.Organization, in.Paging, in.IfNoneMatch, nil)
}

type applicationsInput struct {
	organizationListInput
	Environment string `query:"environment" doc:"only this Environment"`
	Name        string `query:"name" doc:"only this Application"`
}

func (a *api) applications(ctx context.Context, in *applicationsInput) (*Many[view.Application], error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return many[view.Application](ctx, a.store, view.KindApplication, in.Organization, in.Paging, in.IfNoneMatch, func(h view.Header) bool {
		return (in.Environment == "" || h.Environment == in.Environment) && (in.Name == "" || h.Name == in.Name)
	})
}

type applicationInput struct {
	organizationInput
	Environment string `path:"env" maxLength:"63"`
	Application string `path:"app" maxLength:"63"`
}

func (a *api) application(ctx context.Context, in *applicationInput) (*One[view.Application], error) {
	return one[view.Application](ctx, a.store, view.Header{
		Kind: view.KindApplication, Organization: in.Organization, Environment: in.Environment, Name: in.Application,
	}, in.IfNoneMatch)
}

func (a *api) operations(ctx context.Context, in *organizationListInput) (*Many[view.Operation], error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	out, err := many[view.Operation](ctx, a.store, view.KindOperation, in.Organization, Paging{Limit: 500}, in.IfNoneMatch, nil)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out.Body.Items, func(x, y view.Operation) int {
		return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), cmp.Compare(x.Name, y.Name))
	})
	out.Body.Items, out.Body.Next = out.Body.Items[:min(in.Limit, len(out.Body.Items))], ""
	return out, nil
}

type operationInput struct {
	organizationInput
	ID string `path:"id" maxLength:"100"`
}

func (a *api) operation(ctx context.Context, in *operationInput) (*One[view.Operation], error) {
	may := pass(ctx, view.KindOperation, in.Organization)
	views, _ := a.store.Snapshot(func(h view.Header) bool { return h.Name == in.ID && may(h) })
	if len(views) == 0 {
		return nil, notFound("Operation", in.ID)
	}
	return one[view.Operation](ctx, a.store, views[0].Header, in.IfNoneMatch)
}
