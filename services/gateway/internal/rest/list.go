package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/session"
)

// Page is one page of a list, as the API describes it.
type Page[T any] struct {
	Items      []T      `json:"items" nullable:"false"`
	Next       string   `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
	Incomplete []string `json:"incomplete,omitempty" doc:"the Environments that are missing here because their views cannot be read at the moment"`
}

// Paging says which part of a list is wanted.
type Paging struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"next of the page before"`
}

// list is what a list operation asks for, beside what the person may see.
type list struct {
	readmodel.Query
	paging        Paging
	match, fields string
}

func (a *api) many(ctx context.Context, q list) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	only, err := parseFields(q.Kind, q.fields)
	if err != nil {
		return nil, err
	}
	if q.After, err = Position(q.paging.Cursor, q.Order); err != nil {
		return nil, err
	}
	q.Sight, q.Limit = session.SightOf(ctx), q.paging.Limit
	views, next := a.store.List(q.Query)
	cursor, incomplete := Cursor(next), a.store.Unread(q.Query)
	return conditional(tag(views, cursor, only, incomplete), q.match, func() []byte { return page(views, cursor, only, incomplete) }), nil
}

// Cursor is a position as a client sees it.
func Cursor(p *readmodel.Position) string {
	if p == nil {
		return ""
	}
	b, err := json.Marshal(p)
	if err != nil {
		return "" // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Position is the inverse of Cursor, for a list in an order.
func Position(cursor string, order readmodel.Order) (*readmodel.Position, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // no position is the start
	}
	var p readmodel.Position
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Order != order {
		return nil, server.NewProblem(http.StatusBadRequest, "bad_cursor",
			"The cursor is not one that this list gave out in this order. Leave it out to begin at the start.")
	}
	return &p, nil
}

// page is Page, written from the views as they are.
func page(views []*readmodel.View, cursor string, only *fields, incomplete []string) []byte {
	size := len(cursor) + 64
	if only == nil {
		for _, v := range views {
			size += len(v.Object) + 1
		}
	}
	b := append(make([]byte, 0, size), `{"items":[`...)
	for i, v := range views {
		if i > 0 {
			b = append(b, ',')
		}
		b = only.append(b, v.Object)
	}
	b = append(b, ']')
	if cursor != "" {
		b = append(append(append(b, `,"next":"`...), cursor...), '"')
	}
	if names, err := json.Marshal(incomplete); err == nil && len(incomplete) > 0 {
		b = append(append(b, `,"incomplete":`...), names...)
	}
	return append(b, '}')
}

func tag(views []*readmodel.View, cursor string, only *fields, incomplete []string) string {
	h := fnv.New64a()
	var sum [8]byte
	for _, v := range views {
		for i := range sum {
			sum[i] = byte(v.Sum() >> (8 * i))
		}
		_, _ = h.Write(sum[:]) // never fails
	}
	fmt.Fprintf(h, "%s%s%q", cursor, only.tag(), incomplete)
	return fmt.Sprintf(`"%x-%d"`, h.Sum64(), len(views))
}

// Counts is how many Applications there are that the caller can see.
type Counts struct {
	Total        int                 `json:"total"`
	Phases       map[string]int      `json:"phases" doc:"how many are in each phase; a phase in which there is none is absent"`
	Environments []EnvironmentCounts `json:"environments" nullable:"false" doc:"the same, for each Environment in which there are some"`
	Incomplete   []string            `json:"incomplete,omitempty" doc:"the Environments that are missing here because their views cannot be read at the moment"`
}

// EnvironmentCounts is the part of Counts in one Environment.
type EnvironmentCounts struct {
	Organization string         `json:"organization"`
	Environment  string         `json:"environment"`
	Total        int            `json:"total"`
	Phases       map[string]int `json:"phases"`
}

// Count counts what a query asks for.
func Count(store *readmodel.Store, q readmodel.Query) Counts {
	out := Counts{Phases: map[string]int{}, Environments: []EnvironmentCounts{}, Incomplete: store.Unread(q)}
	for _, t := range store.Count(q) {
		env := EnvironmentCounts{Organization: t.Organization, Environment: t.Environment, Phases: t.Phases}
		for phase, n := range t.Phases {
			env.Total += n
			out.Phases[phase] += n
		}
		out.Total += env.Total
		out.Environments = append(out.Environments, env)
	}
	return out
}

func (a *api) count(ctx context.Context, q readmodel.Query, match string) (*raw, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	q.Sight = session.SightOf(ctx)
	body, err := json.Marshal(Count(a.store, q))
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	_, _ = h.Write(body) // never fails
	return conditional(fmt.Sprintf(`"%x"`, h.Sum64()), match, func() []byte { return body }), nil
}
