// Package operation turns what a person asks for into a plan of commits, and carries the plan out: every step is
// idempotent and derived from the plan alone, so a process may die at any instant and the next one ends the work.
package operation

import "errors"

// Code says what went wrong, for machines.
type Code string

// The codes.
const (
	CodeInvalidName          Code = "invalid_name"
	CodeNameTaken            Code = "name_taken"
	CodeOrganizationNotFound Code = "organization_not_found"
	CodeEnvironmentNotFound  Code = "environment_not_found"
	CodeBlueprintNotFound    Code = "blueprint_not_found"
	CodeVersionNotFound      Code = "version_not_found"
	CodeVersionRefused       Code = "version_refused"
	CodeInvalidValues        Code = "invalid_values"
	CodeApplicationNotFound  Code = "application_not_found"
	CodeBranchMoved          Code = "branch_moved"
	CodeForbidden            Code = "forbidden"
	CodeKeyReused            Code = "idempotency_key_reused"
	CodeInvalidRequest       Code = "invalid_request"
	CodeForgeUnavailable     Code = "forge_unavailable"
	CodeCatalogUnavailable   Code = "catalog_unavailable"
	CodeUnavailable          Code = "unavailable"
	CodeUnresolved           Code = "dependencies_unresolved"
	CodeUpgradeRefused       Code = "upgrade_refused"
	CodeInUse                Code = "application_in_use"
	CodePlanTooLarge         Code = "plan_too_large"
	CodePlanNotFound         Code = "plan_not_found"
	CodePlanExpired          Code = "plan_expired"
	CodeOperationNotFound    Code = "operation_not_found"
	CodeNotCancellable       Code = "not_cancellable"
	CodeNotRetryable         Code = "not_retryable"
	CodePlainSecret          Code = "plain_secret"
	CodeCommitNotFound       Code = "commit_not_found"
)

// Error is a refusal that the person can act on.
type Error struct {
	Code    Code
	Message string
	// Fields that are wrong, by JSON pointer into the request.
	Fields []Field
	// Suggestion is a value that would be accepted.
	Suggestion string
	// Moved says who moved a branch, with CodeBranchMoved.
	Moved *Moved
	// Dependents are the Applications that need this one, with CodeInUse.
	Dependents []string
	// Hint is what a person has to do, where trying again does not help.
	Hint  string
	cause error
}

// Field is one wrong field.
type Field struct{ Pointer, Message string }

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.cause }

func refuse(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// CodeOf returns the code of an error, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
