package server

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is an error as every API of Catalyst answers it: RFC 9457 with a code for machines and, for input, the
// fields that are wrong.
type Problem struct {
	Type   string  `json:"type,omitempty" doc:"a URI reference that names the kind of problem"`
	Title  string  `json:"title" doc:"the HTTP status in words"`
	Status int     `json:"status"`
	Detail string  `json:"detail" doc:"what happened, to what, why, and what to do"`
	Code   string  `json:"code" doc:"a word for machines, such as name_taken"`
	Errors []Field `json:"errors,omitempty" doc:"what is wrong, field by field"`
	// Suggestion is a value that would be accepted, where one can be told.
	Suggestion string `json:"suggestion,omitempty"`
}

// Field is one wrong field of a request.
type Field struct {
	// Location is a JSON pointer into the request body, or path.x / query.x.
	Location string `json:"location"`
	Message  string `json:"message"`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// NewProblem makes a Problem with the title of its status.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "https://catalyst.openova.io/problems/" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		slog.Debug("problem: client went away", "error", err)
	}
}

// UseProblems makes huma answer its own errors (validation, unknown media type …) as Problems. Call it once, before
// the API is made.
func UseProblems() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := NewProblem(status, codeOf(status), msg)
		for _, err := range errs {
			if d, ok := err.(huma.ErrorDetailer); ok { //nolint:errorlint // huma hands over details, never wrapped ones
				p.Errors = append(p.Errors, Field{Location: d.ErrorDetail().Location, Message: d.ErrorDetail().Message})
			} else if err != nil {
				p.Errors = append(p.Errors, Field{Message: err.Error()})
			}
		}
		return p
	}
}

func codeOf(status int) string {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return "invalid_request"
	case http.StatusUnauthorized:
		return "not_signed_in"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	default:
		if status >= 500 {
			return "internal"
		}
		return "bad_request"
	}
}
