// Package graphql serves the read model as GraphQL: the same views, filtered by the same rule, as REST and the stream.
package graphql

//go:generate gqlgen generate --config gqlgen.yml
