package rest

import (
	"context"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
)

type sovereignInput struct {
	Conditional
	Selection
}

func (a *api) sovereign(ctx context.Context, in *sovereignInput) (*raw, error) {
	return a.one(ctx, view.Header{Kind: view.KindSovereign, Name: "sovereign"}, in.IfNoneMatch, in.Fields)
}

// ListInput names a part of a list.
type ListInput struct {
	Conditional
	Paging
	Selection
}

func (in *ListInput) list(kind view.Kind, organization, environment string, order readmodel.Order) list {
	return list{Query: readmodel.Query{Kind: kind, Organization: organization, Environment: environment, Order: order},
		paging: in.Paging, match: in.IfNoneMatch, fields: in.Fields}
}

func (a *api) organizations(ctx context.Context, in *ListInput) (*raw, error) {
	return a.many(ctx, in.list(view.KindOrganization, "", "", readmodel.ByName))
}

// OrganizationInput names an Organization.
type OrganizationInput struct {
	Conditional
	Selection
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) organization(ctx context.Context, in *OrganizationInput) (*raw, error) {
	return a.one(ctx, view.Header{Kind: view.KindOrganization, Organization: in.Organization, Name: in.Organization}, in.IfNoneMatch, in.Fields)
}

// seen answers as if an Organization were not there when the person may not see it.
func (a *api) seen(ctx context.Context, organization string) error {
	_, err := a.organization(ctx, &OrganizationInput{Organization: organization})
	return err
}

// OrganizationListInput names an Organization and a part of a list.
type OrganizationListInput struct {
	ListInput
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) environments(ctx context.Context, in *OrganizationListInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.many(ctx, in.list(view.KindEnvironment, in.Organization, "", readmodel.ByName))
}

// EnvironmentInput names an Environment.
type EnvironmentInput struct {
	OrganizationInput
	Environment string `path:"env" maxLength:"80"`
}

func (in *EnvironmentInput) header(kind view.Kind, name string) view.Header {
	return view.Header{Kind: kind, Organization: in.Organization, Environment: in.Environment, Name: name}
}

func (a *api) environment(ctx context.Context, in *EnvironmentInput) (*raw, error) {
	return a.one(ctx, in.header(view.KindEnvironment, in.Environment), in.IfNoneMatch, in.Fields)
}

func (a *api) activity(ctx context.Context, in *EnvironmentInput) (*raw, error) {
	return a.one(ctx, in.header(view.KindActivity, in.Environment), in.IfNoneMatch, in.Fields)
}

// Wanted narrows a list of Applications down.
type Wanted struct {
	Environment string `query:"environment" maxLength:"80" doc:"only this Environment"`
	Name        string `query:"name" maxLength:"253" doc:"only this Application"`
	Blueprint   string `query:"blueprint" maxLength:"253" doc:"only what comes from this Blueprint"`
	Phase       string `query:"phase" maxLength:"200" doc:"only Applications in this phase, or in one of these, separated by commas"`
	Text        string `query:"q" maxLength:"200" doc:"only Applications with this text in their name or the name of their Blueprint"`
}

// Want is what the query stands for; nil if it narrows nothing down but the Environment.
func (w *Wanted) Want() func(*readmodel.View) bool {
	if w.Name == "" && w.Blueprint == "" && w.Phase == "" && w.Text == "" {
		return nil
	}
	var phases []string
	if w.Phase != "" {
		phases = strings.Split(w.Phase, ",")
	}
	text := strings.ToLower(w.Text)
	return func(v *readmodel.View) bool {
		return (w.Name == "" || v.Name == w.Name) && (w.Blueprint == "" || v.Blueprint == w.Blueprint) &&
			(phases == nil || slices.Contains(phases, v.Phase)) && (text == "" || v.Contains(text))
	}
}

// Sorted says how Applications are sorted.
type Sorted struct {
	Sort string `query:"sort" default:"name" enum:"name,-name,phase,-phase,environment,-environment,since,-since" doc:"what to sort by; a leading - turns it round"`
}

type allApplicationsInput struct {
	ListInput
	Wanted
	Sorted
}

func (a *api) allApplications(ctx context.Context, in *allApplicationsInput) (*raw, error) {
	q := in.list(view.KindApplication, "", in.Environment, readmodel.Order(in.Sort))
	q.Want = in.Want()
	return a.many(ctx, q)
}

type applicationsInput struct {
	OrganizationListInput
	Wanted
	Sorted
}

func (a *api) applications(ctx context.Context, in *applicationsInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	q := in.list(view.KindApplication, in.Organization, in.Environment, readmodel.Order(in.Sort))
	q.Want = in.Want()
	return a.many(ctx, q)
}

// CountInput says what to count.
type CountInput struct {
	Conditional
	Wanted
}

func (a *api) countAllApplications(ctx context.Context, in *CountInput) (*raw, error) {
	return a.count(ctx, readmodel.Query{Kind: view.KindApplication, Environment: in.Environment, Want: in.Want()}, in.IfNoneMatch)
}

type countInput struct {
	CountInput
	Organization string `path:"org" maxLength:"63"`
}

func (a *api) countApplications(ctx context.Context, in *countInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.count(ctx, readmodel.Query{
		Kind: view.KindApplication, Organization: in.Organization, Environment: in.Environment, Want: in.Want(),
	}, in.IfNoneMatch)
}

type applicationInput struct {
	EnvironmentInput
	Application string `path:"app" maxLength:"253"`
}

func (a *api) application(ctx context.Context, in *applicationInput) (*raw, error) {
	return a.one(ctx, in.header(view.KindApplication, in.Application), in.IfNoneMatch, in.Fields)
}

type blueprintUsesInput struct {
	OrganizationListInput
	Environment string `path:"env" maxLength:"80"`
}

func (a *api) blueprintUses(ctx context.Context, in *blueprintUsesInput) (*raw, error) {
	if _, err := a.environment(ctx, &EnvironmentInput{OrganizationInput: OrganizationInput{Organization: in.Organization}, Environment: in.Environment}); err != nil {
		return nil, err
	}
	return a.many(ctx, in.list(view.KindBlueprintUse, in.Organization, in.Environment, readmodel.ByName))
}

type allBlueprintUsesInput struct {
	ListInput
	Blueprint string `query:"blueprint" maxLength:"253" doc:"only this Blueprint"`
}

func (a *api) allBlueprintUses(ctx context.Context, in *allBlueprintUsesInput) (*raw, error) {
	q := in.list(view.KindBlueprintUse, "", "", readmodel.ByName)
	if in.Blueprint != "" {
		q.Want = func(v *readmodel.View) bool { return v.Name == in.Blueprint }
	}
	return a.many(ctx, q)
}

func (a *api) operations(ctx context.Context, in *OrganizationListInput) (*raw, error) {
	if err := a.seen(ctx, in.Organization); err != nil {
		return nil, err
	}
	return a.many(ctx, in.list(view.KindOperation, in.Organization, "", readmodel.NewestFirst))
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
	views, _ := a.store.List(readmodel.Query{Kind: view.KindOperation, Organization: in.Organization, Sight: session.SightOf(ctx), Order: readmodel.ByName,
		Limit: 1, Want: func(v *readmodel.View) bool { return v.Name == in.ID }})
	if len(views) == 0 {
		return nil, notFound("Operation", in.ID)
	}
	return a.one(ctx, views[0].Header, in.IfNoneMatch, in.Fields)
}

func (a *api) setAside(ctx context.Context, in *ListInput) (*raw, error) {
	return a.many(ctx, in.list(view.KindSetAside, "", "", readmodel.ByName))
}
