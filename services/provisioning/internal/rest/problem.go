package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// Conflict is a Problem about what somebody else did or needs.
type Conflict struct {
	server.Problem
	Moved      *Moved   `json:"moved,omitempty" doc:"who changed the branch in the meantime; plan again on top of that"`
	Dependents []string `json:"dependents,omitempty" doc:"the Applications that need this one"`
	Hint       string   `json:"hint,omitempty" doc:"what a person has to do"`
}

// Moved says what happened on a branch after it was looked at.
type Moved struct {
	Repository string   `json:"repository" example:"acme/shop"`
	Branch     string   `json:"branch" example:"develop"`
	By         string   `json:"by,omitempty" doc:"author of the newest change; empty where the branch is gone" example:"Noor Haddad"`
	Commit     string   `json:"commit,omitempty"`
	Message    string   `json:"message,omitempty" doc:"of that commit, its first line"`
	Files      []string `json:"files" nullable:"false" doc:"files that differ from those that were planned on"`
}

var statuses = map[operation.Code]int{
	operation.CodeInvalidName: http.StatusUnprocessableEntity, operation.CodeInvalidValues: http.StatusUnprocessableEntity,
	operation.CodeInvalidRequest: http.StatusUnprocessableEntity, operation.CodeKeyReused: http.StatusUnprocessableEntity,
	operation.CodeBlueprintNotFound: http.StatusUnprocessableEntity, operation.CodeVersionNotFound: http.StatusUnprocessableEntity,
	operation.CodeVersionRefused: http.StatusUnprocessableEntity, operation.CodeNameTaken: http.StatusConflict,
	operation.CodeOrganizationNotFound: http.StatusNotFound, operation.CodeEnvironmentNotFound: http.StatusNotFound,
	operation.CodeApplicationNotFound: http.StatusNotFound, operation.CodeBranchMoved: http.StatusPreconditionFailed,
	operation.CodeForbidden: http.StatusForbidden, operation.CodeForgeUnavailable: http.StatusServiceUnavailable,
	operation.CodeCatalogUnavailable: http.StatusServiceUnavailable, operation.CodeUnavailable: http.StatusServiceUnavailable,
	operation.CodeUnresolved: http.StatusUnprocessableEntity, operation.CodeUpgradeRefused: http.StatusConflict,
	operation.CodeInUse: http.StatusConflict, operation.CodePlanTooLarge: http.StatusUnprocessableEntity,
	operation.CodePlanNotFound: http.StatusNotFound, operation.CodePlanExpired: http.StatusGone,
	operation.CodeOperationNotFound: http.StatusNotFound, operation.CodeNotCancellable: http.StatusConflict,
	operation.CodeNotRetryable: http.StatusConflict, operation.CodePlainSecret: http.StatusUnprocessableEntity,
	operation.CodeCommitNotFound: http.StatusUnprocessableEntity,
}

// problem turns an error of the domain into an answer. What is not meant for people is logged and not told.
func problem(ctx context.Context, err error) error {
	var e *operation.Error
	if !errors.As(err, &e) {
		if ctx.Err() != nil {
			return server.NewProblem(http.StatusServiceUnavailable, "unavailable", "The request was cut off.")
		}
		slog.Error("a request failed", "error", err)
		return server.NewProblem(http.StatusServiceUnavailable, "unavailable", "Catalyst cannot do this now. Nothing was changed that is not shown; try again in a moment.")
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if cause := errors.Unwrap(err); cause != nil && status >= http.StatusInternalServerError {
		slog.Error("a request failed", "code", e.Code, "error", cause)
	}
	p := &Conflict{Problem: *server.NewProblem(status, string(e.Code), e.Message), Dependents: e.Dependents, Hint: e.Hint}
	p.Suggestion = e.Suggestion
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, server.Field{Location: f.Pointer, Message: f.Message})
	}
	if m := e.Moved; m != nil {
		p.Moved = &Moved{Repository: m.Repo.String(), Branch: m.Branch, By: m.By, Commit: m.Commit, Message: m.Message, Files: append([]string{}, m.Files...)}
	}
	return p
}
