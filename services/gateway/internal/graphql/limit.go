package graphql

import (
	"context"
	"strings"

	gql "github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What a request may ask for. It is refused before anything is read or executed.
const (
	maxBody    = 128 << 10
	maxTokens  = 3000
	maxDepth   = 20 // the introspection of GraphiQL has 15
	maxAliases = 30
	// maxCost bounds how many values an answer can have, a list counting as many times as its first.
	maxCost  = 30_000
	maxFirst = 500
)

// limits refuses operations that are too deep or have too many aliases, and subscriptions that nobody would follow.
type limits struct{}

func (limits) ExtensionName() string               { return "Limits" }
func (limits) Validate(gql.ExecutableSchema) error { return nil }

// MutateOperationContext implements graphql.OperationContextMutator; it changes nothing.
func (limits) MutateOperationContext(_ context.Context, op *gql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation == ast.Subscription && !strings.Contains(op.Headers.Get("Accept"), eventStream) {
		return refuse("SUBSCRIPTION_OVER_SSE_ONLY", "A subscription is answered as Server-Sent Events: send Accept: text/event-stream.")
	}
	w := walker{}
	w.walk(op.Operation.SelectionSet, 1)
	switch {
	case w.depth > maxDepth:
		return refuse("DEPTH_LIMIT_EXCEEDED", "The operation is nested too deeply; %d levels are allowed.", maxDepth)
	case w.aliases > maxAliases:
		return refuse("ALIAS_LIMIT_EXCEEDED", "The operation has too many aliases; %d are allowed.", maxAliases)
	}
	return nil
}

func refuse(code, format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, code)
	return err
}

// walker measures an operation. It ends as soon as a limit is passed, so that fragments that multiply cost nothing;
// cycles have been refused by then.
type walker struct{ depth, aliases, fields int }

func (w *walker) walk(set ast.SelectionSet, depth int) {
	w.depth = max(w.depth, depth)
	for _, s := range set {
		if w.depth > maxDepth || w.aliases > maxAliases || w.fields > maxCost {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			if w.fields++; s.Alias != s.Name {
				w.aliases++
			}
			if len(s.SelectionSet) > 0 {
				w.walk(s.SelectionSet, depth+1)
			}
		case *ast.InlineFragment:
			w.walk(s.SelectionSet, depth)
		case *ast.FragmentSpread:
			if s.Definition != nil {
				w.walk(s.Definition.SelectionSet, depth)
			}
		}
	}
	if w.fields > maxCost {
		w.depth = maxDepth + 1
	}
}

// costs says what a list costs: as many times its first.
func costs() ComplexityRoot {
	var c ComplexityRoot
	list := func(child, first int) int {
		if first < 1 || first > maxFirst {
			first = maxFirst
		}
		return 1 + first*max(child, 1)
	}
	c.Query.Organizations = func(child, first int, _ *string) int { return list(child, first) }
	c.Query.Environments = func(child int, _ *string, first int, _ *string) int { return list(child, first) }
	c.Query.Applications = func(child int, _ *ApplicationFilter, _ ApplicationSort, first int, _ *string) int {
		return list(child, first)
	}
	c.Query.Operations = func(child int, _ *string, first int, _ *string) int { return list(child, first) }
	c.Query.BlueprintUses = func(child int, _, _, _ *string, first int, _ *string) int { return list(child, first) }
	c.Query.SetAside = func(child, first int, _ *string) int { return list(child, first) }
	return c
}
