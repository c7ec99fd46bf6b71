package graphql

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// New serves /api/v1/graphql, to people who have signed in.
func New(store *readmodel.Store, hub *stream.Hub) http.Handler {
	srv := handler.New(NewExecutableSchema(Config{Resolvers: &resolver{store, hub}, Complexity: costs()}))
	srv.AddTransport(sse{})
	srv.AddTransport(transport.GET{})
	srv.AddTransport(transport.POST{})
	srv.SetParserTokenLimit(maxTokens)
	srv.Use(extension.Introspection{})
	srv.Use(limits{})
	srv.Use(extension.FixedComplexityLimit(maxCost))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !store.Synced() {
			w.Header().Set("Retry-After", "1")
			stream.Unavailable().Write(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		srv.ServeHTTP(w, r)
	})
}
