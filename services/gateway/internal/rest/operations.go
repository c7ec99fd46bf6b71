package rest

import (
	"context"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

type sovereignInput struct{ Conditional }

func (a *api) sovereign(ctx context.Context, in *sovereignInput) (*raw, error) {
	return a.one(ctx, view.Header{Kind: view.KindSovereign, Name: "sovereign"}, in.IfNoneMatch)
}

type listInput struct {
	Conditional
	Paging
}

func (a *api) organizations(ctx context.Context, in *listInput) (*raw, error) {
	return a.many(ctx, list{kind: view.KindOrganization, order: readmodel.ByName, paging: in.Paging, match: in.IfNoneMatch})
}

// OrganizationInput names an Organization.
type OrganizationInput struct {
	Conditional
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) organization(ctx context.Context, in *OrganizationInput) (*raw, error) {
	return a.one(ctx, view.Header{Kind: view.KindOrganization, Organization: in.Organization, Name: in.Organization}, in.IfNoneMatch)
}

// seen answers as if an Organization were not there when the person may not see it.
func (a *api) seen(ctx context.Context, organization string) error {
	_, err := a.organization(ctx, &OrganizationInput{Organization: organization})
	return err
}

// OrganizationListInput names an Organization and a part of a list.
type OrganizationListInput struct {
	Conditional
	Paging
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) environments(ctx context.Context, in *OrganizationListInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.many(ctx, list{kind: view.KindEnvironment, organization: in.Organization, order: readmodel.ByName, paging: in.Paging, match: in.IfNoneMatch})
}

type applicationsInput struct {
	OrganizationListInput
	Environment string `query:"environment" maxLength:"80" doc:"only this Environment"`
	Name        string `query:"name" maxLength:"63" doc:"only this Application"`
	Phase       string `query:"phase" maxLength:"20" doc:"only Applications in this phase"`
	Sort        string `query:"sort" default:"name" enum:"name,-name,phase,-phase,environment,-environment,since,-since" doc:"what to sort by; a leading - turns it round"`
}

func (a *api) applications(ctx context.Context, in *applicationsInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.many(ctx, list{
		kind: view.KindApplication, organization: in.Organization, order: readmodel.Order(in.Sort), paging: in.Paging, match: in.IfNoneMatch,
		want: func(v readmodel.View) bool {
			return (in.Environment == "" || v.Environment == in.Environment) && (in.Name == "" || v.Name == in.Name) &&
				(in.Phase == "" || v.Phase == in.Phase)
		},
	})
}

type applicationInput struct {
	OrganizationInput
	Environment string `path:"env" maxLength:"63"`
	Application string `path:"app" maxLength:"63"`
}

func (a *api) application(ctx context.Context, in *applicationInput) (*raw, error) {
	return a.one(ctx, view.Header{
		Kind: view.KindApplication, Organization: in.Organization, Environment: in.Environment, Name: in.Application,
	}, in.IfNoneMatch)
}

func (a *api) operations(ctx context.Context, in *OrganizationListInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.many(ctx, list{kind: view.KindOperation, organization: in.Organization, order: readmodel.NewestFirst, paging: in.Paging, match: in.IfNoneMatch})
}

type operationInput struct {
	OrganizationInput
	ID string `path:"id" maxLength:"100"`
}

// operation looks an Operation up by its id alone: who follows it need not know its Environment.
func (a *api) operation(ctx context.Context, in *operationInput) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	may := pass(ctx, view.KindOperation, in.Organization)
	views, _ := a.store.List(readmodel.Query{Kind: view.KindOperation, Organization: in.Organization, Order: readmodel.ByName, Limit: 1,
		Pass: func(v readmodel.View) bool { return v.Name == in.ID && may(v) }})
	if len(views) == 0 {
		return nil, notFound("Operation", in.ID)
	}
	return a.one(ctx, views[0].Header, in.IfNoneMatch)
}
