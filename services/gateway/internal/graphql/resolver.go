package graphql

import (
	"context"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/rest"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// resolver answers from the read model.
type resolver struct {
	store *readmodel.Store
	hub   *stream.Hub
}

// Query implements ResolverRoot.
func (r *resolver) Query() QueryResolver { return query{r} }

// Subscription implements ResolverRoot.
func (r *resolver) Subscription() SubscriptionResolver { return subscription{r} }

type query struct{ *resolver }

// one reads the view that a header names; nil if it is not there or the person may not see it.
func one[T any](ctx context.Context, r *resolver, h view.Header) (*T, error) {
	v, ok := r.store.Get(h.Key())
	if !ok || v.Kind != h.Kind || !session.SightOf(ctx).May(v.Header) || h.Organization != "" && v.Organization != h.Organization {
		return nil, nil //nolint:nilnil // null is what is not there
	}
	return decode[T](v)
}

func (q query) Sovereign(ctx context.Context) (*view.Sovereign, error) {
	return one[view.Sovereign](ctx, q.resolver, view.Header{Kind: view.KindSovereign, Name: "sovereign"})
}

func (q query) Organizations(ctx context.Context, first int, after *string) (*OrganizationConnection, error) {
	c, err := connect[view.Organization](q.store, readmodel.Query{Kind: view.KindOrganization, Sight: session.SightOf(ctx), Order: readmodel.ByName}, first, after)
	return &OrganizationConnection{c}, err
}

func (q query) Organization(ctx context.Context, name string) (*view.Organization, error) {
	return one[view.Organization](ctx, q.resolver, view.Header{Kind: view.KindOrganization, Organization: name, Name: name})
}

func (q query) Environments(ctx context.Context, organization *string, first int, after *string) (*EnvironmentConnection, error) {
	c, err := connect[view.Environment](q.store, readmodel.Query{
		Kind: view.KindEnvironment, Organization: text(organization), Sight: session.SightOf(ctx), Order: readmodel.ByName,
	}, first, after)
	return &EnvironmentConnection{c}, err
}

func (q query) Environment(ctx context.Context, organization, name string) (*view.Environment, error) {
	return one[view.Environment](ctx, q.resolver, view.Header{Kind: view.KindEnvironment, Organization: organization, Environment: name, Name: name})
}

func (q query) Applications(ctx context.Context, filter *ApplicationFilter, sort ApplicationSort, first int, after *string) (*ApplicationConnection, error) {
	asked := filtered(ctx, filter)
	asked.Order = readmodel.Order(strings.ToLower(string(sort.By)))
	if sort.Descending {
		asked.Order = "-" + asked.Order
	}
	c, err := connect[view.Application](q.store, asked, first, after)
	return &ApplicationConnection{c}, err
}

// filtered is what a filter stands for: the same as in REST.
func filtered(ctx context.Context, f *ApplicationFilter) readmodel.Query {
	q := readmodel.Query{Kind: view.KindApplication, Sight: session.SightOf(ctx)}
	if f == nil {
		return q
	}
	q.Organization, q.Environment = text(f.Organization), text(f.Environment)
	want := (&rest.Wanted{Name: text(f.Name), Blueprint: text(f.Blueprint), Text: text(f.Text)}).Want()
	q.Want = want
	if f.Phases != nil {
		q.Want = func(v *readmodel.View) bool { return slices.Contains(f.Phases, v.Phase) && (want == nil || want(v)) }
	}
	return q
}

func (q query) Application(ctx context.Context, organization, environment, name string) (*view.Application, error) {
	return one[view.Application](ctx, q.resolver, view.Header{Kind: view.KindApplication, Organization: organization, Environment: environment, Name: name})
}

func (q query) ApplicationCounts(ctx context.Context, filter *ApplicationFilter) (*ApplicationCounts, error) {
	counts := rest.Count(q.store, filtered(ctx, filter))
	out := &ApplicationCounts{Total: counts.Total, Phases: phases(counts.Phases), Environments: []*EnvironmentCounts{}, Incomplete: counts.Incomplete}
	for _, e := range counts.Environments {
		out.Environments = append(out.Environments, &EnvironmentCounts{
			Organization: e.Organization, Environment: e.Environment, Total: e.Total, Phases: phases(e.Phases),
		})
	}
	return out, nil
}

func phases(counts map[string]int) []*PhaseCount {
	out := make([]*PhaseCount, 0, len(counts))
	for phase, n := range counts {
		out = append(out, &PhaseCount{Phase: phase, Count: n})
	}
	slices.SortFunc(out, func(a, b *PhaseCount) int { return strings.Compare(a.Phase, b.Phase) })
	return out
}

func (q query) Operations(ctx context.Context, organization *string, first int, after *string) (*OperationConnection, error) {
	c, err := connect[view.Operation](q.store, readmodel.Query{
		Kind: view.KindOperation, Organization: text(organization), Sight: session.SightOf(ctx), Order: readmodel.NewestFirst,
	}, first, after)
	return &OperationConnection{c}, err
}

func (q query) Operation(ctx context.Context, organization, id string) (*view.Operation, error) {
	views, _ := q.store.List(readmodel.Query{Kind: view.KindOperation, Organization: organization, Sight: session.SightOf(ctx), Order: readmodel.ByName,
		Limit: 1, Want: func(v *readmodel.View) bool { return v.Name == id }})
	if organization == "" || len(views) == 0 {
		return nil, nil //nolint:nilnil // null is what is not there
	}
	return decode[view.Operation](views[0])
}

func (q query) Activity(ctx context.Context, organization, environment string) (*view.Activity, error) {
	return one[view.Activity](ctx, q.resolver, view.Header{Kind: view.KindActivity, Organization: organization, Environment: environment, Name: environment})
}

func (q query) BlueprintUses(ctx context.Context, organization, environment, blueprint *string, first int, after *string) (*BlueprintUseConnection, error) {
	asked := readmodel.Query{
		Kind: view.KindBlueprintUse, Organization: text(organization), Environment: text(environment), Sight: session.SightOf(ctx), Order: readmodel.ByName,
	}
	if blueprint != nil {
		asked.Want = func(v *readmodel.View) bool { return v.Name == *blueprint }
	}
	c, err := connect[view.BlueprintUse](q.store, asked, first, after)
	return &BlueprintUseConnection{c}, err
}

func (q query) SetAside(ctx context.Context, first int, after *string) (*SetAsideConnection, error) {
	c, err := connect[view.SetAside](q.store, readmodel.Query{Kind: view.KindSetAside, Sight: session.SightOf(ctx), Order: readmodel.ByName}, first, after)
	return &SetAsideConnection{c}, err
}

// text is an optional argument; none is the same as an empty one.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
