package graphql

import (
	"encoding/json"
	"fmt"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/rest"
)

// AnyView is one of the types of pkg/view.
type AnyView any

// Connection is a part of a list of views.
type Connection[T any] struct {
	Nodes      []T
	PageInfo   PageInfo
	Incomplete []string

	store *readmodel.Store
	query readmodel.Query
}

// TotalCount is how many there are that the caller can see; it is counted when it is asked for.
func (c Connection[T]) TotalCount() int { return rest.Count(c.store, c.query).Total }

// The connections of each kind of view.
type (
	// OrganizationConnection is a part of a list of Organizations.
	OrganizationConnection struct{ Connection[view.Organization] }
	// EnvironmentConnection is a part of a list of Environments.
	EnvironmentConnection struct{ Connection[view.Environment] }
	// ApplicationConnection is a part of a list of Applications.
	ApplicationConnection struct{ Connection[view.Application] }
	// OperationConnection is a part of a list of Operations.
	OperationConnection struct{ Connection[view.Operation] }
	// BlueprintUseConnection is a part of a list of uses of Blueprints.
	BlueprintUseConnection struct{ Connection[view.BlueprintUse] }
	// SetAsideConnection is a part of a list of what was set aside.
	SetAsideConnection struct{ Connection[view.SetAside] }
)

// connect reads a part of a list.
func connect[T any](store *readmodel.Store, q readmodel.Query, first int, after *string) (c Connection[T], err error) {
	if first < 1 || first > maxFirst {
		return c, fmt.Errorf("first is %d, and has to be from 1 to %d", first, maxFirst)
	}
	if after != nil {
		if q.After, err = rest.Position(*after, q.Order); err != nil {
			return c, err
		}
	}
	q.Limit = first
	views, next := store.List(q)
	c = Connection[T]{Nodes: make([]T, 0, len(views)), Incomplete: store.Unread(q), store: store, query: q}
	for _, v := range views {
		t, err := decode[T](v)
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, *t)
	}
	if next != nil {
		end := rest.Cursor(next)
		c.PageInfo = PageInfo{HasNextPage: true, EndCursor: &end}
	}
	return c, nil
}

func decode[T any](v *readmodel.View) (*T, error) {
	t := new(T)
	if err := json.Unmarshal(v.Object, t); err != nil {
		return nil, fmt.Errorf("%s cannot be read", v.Key)
	}
	return t, nil
}

// kinds decode each kind of view.
var kinds = map[view.Kind]func(*readmodel.View) (AnyView, error){
	view.KindSovereign: any1[view.Sovereign], view.KindOrganization: any1[view.Organization], view.KindEnvironment: any1[view.Environment],
	view.KindApplication: any1[view.Application], view.KindOperation: any1[view.Operation], view.KindActivity: any1[view.Activity],
	view.KindBlueprintUse: any1[view.BlueprintUse], view.KindSetAside: any1[view.SetAside],
}

func any1[T any](v *readmodel.View) (AnyView, error) { return decode[T](v) }
