package rest

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/session"
)

// describe adds what the gateway serves beside huma to the description of its API.
func describe(h huma.API) {
	doc := h.OpenAPI()
	schema := func(t reflect.Type) *huma.Schema { return doc.Components.Schemas.Schema(t, true, "") }
	text := &huma.Schema{Type: huma.TypeString}
	answer := func(description, media string, s *huma.Schema) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{media: {Schema: s}}}
	}
	problem := answer("What went wrong", "application/problem+json", schema(reflect.TypeFor[server.Problem]()))
	query := func(name, description string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: text}
	}
	doc.AddOperation(&huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: "/api/v1/session", Tags: []string{"session"}, Summary: "Show who is signed in",
		Responses: map[string]*huma.Response{"200": answer("OK", "application/json", schema(reflect.TypeFor[session.Session]())), "default": problem},
	})
	doc.AddOperation(&huma.Operation{
		OperationID: "logout", Method: http.MethodPost, Path: "/auth/logout", Tags: []string{"session"}, Summary: "End the session",
		Responses: map[string]*huma.Response{"204": {Description: "Nobody is signed in any more"}, "default": problem},
	})
	doc.AddOperation(&huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/api/v1/stream", Tags: []string{"read"}, Summary: "Follow everything that you can see",
		Description: "Server-sent events: `put` and `delete` with a Frame, `synced` after a snapshot or what was missed, `resync` before a snapshot that replaces everything. " +
			"The id of an event, sent back as Last-Event-ID, continues exactly after it.",
		Parameters: []*huma.Param{
			query("organization", "only this Organization"), query("environment", "only this Environment"), query("application", "only this Application"),
			{Name: "Last-Event-ID", In: "header", Schema: text},
		},
		Responses: map[string]*huma.Response{"200": answer("A stream of events; the data of put and delete is a Frame", "text/event-stream", schema(reflect.TypeFor[view.Frame]())), "default": problem},
	})
	anything := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	doc.AddOperation(&huma.Operation{
		OperationID: "graphql", Method: http.MethodPost, Path: "/api/v1/graphql", Tags: []string{"read"}, Summary: "Read the same views by GraphQL",
		Description: "Queries, and subscriptions as Server-Sent Events in the distinct connections mode of graphql-sse (Accept: text/event-stream); GET takes queries as well. " +
			"What is nested too deeply, has too many aliases or would cost too much is refused before it is executed. Introspection describes the schema.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: anything}}},
		Responses:   map[string]*huma.Response{"200": answer("What was asked for, or errors", "application/json", anything), "default": problem},
	})
	doc.AddOperation(&huma.Operation{
		OperationID: "get-bootstrap", Method: http.MethodGet, Path: "/api/v1/bootstrap", Tags: []string{"bootstrap"},
		Summary:   "Show how far the start of a local Sovereign is (no sign-in needed); /api/v1/bootstrap/stream follows it",
		Responses: map[string]*huma.Response{"200": answer("OK", "application/json", anything), "default": problem},
	})
}
