package graphql

import (
	gql "github.com/99designs/gqlgen/graphql"

	"catalyst.openova.io/pkg/view"
)

// The words of pkg/view as scalars: what is a string there is one here.

// MarshalKind writes a kind.
func MarshalKind(k view.Kind) gql.Marshaler { return gql.MarshalString(string(k)) }

// UnmarshalKind reads a kind.
func UnmarshalKind(v any) (view.Kind, error) { return word[view.Kind](v) }

// MarshalPhase writes a phase.
func MarshalPhase(p view.Phase) gql.Marshaler { return gql.MarshalString(string(p)) }

// UnmarshalPhase reads a phase.
func UnmarshalPhase(v any) (view.Phase, error) { return word[view.Phase](v) }

// MarshalOperationState writes a state.
func MarshalOperationState(s view.OperationState) gql.Marshaler { return gql.MarshalString(string(s)) }

// UnmarshalOperationState reads a state.
func UnmarshalOperationState(v any) (view.OperationState, error) { return word[view.OperationState](v) }

func word[T ~string](v any) (T, error) {
	s, err := gql.UnmarshalString(v)
	return T(s), err
}
