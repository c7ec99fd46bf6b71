package rest

import (
	"context"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

type operationOutput struct {
	Location string `header:"Location"`
	Body     view.Operation
}

// answer tells of an Operation that was accepted.
func answer(ctx context.Context, o *operation.Operation, err error) (*operationOutput, error) {
	if err != nil {
		return nil, problem(ctx, err)
	}
	return &operationOutput{Location: "/api/v1/organizations/" + o.Organization + "/operations/" + o.ID, Body: o.View()}, nil
}

func (a *API) submit(ctx context.Context, r operation.Request) (*operationOutput, error) {
	o, err := a.service.Submit(ctx, r)
	return answer(ctx, o, err)
}

type operationInput struct {
	Org string `path:"org" maxLength:"253"`
	ID  string `path:"id" maxLength:"64"`
	Key string `header:"Idempotency-Key"`
}

// mayChange answers who asks, if that person may change what the Operation changes.
func (a *API) mayChange(ctx context.Context, in *operationInput) (operation.Person, error) {
	if _, err := authorize(ctx, in.Org, "", identity.PermSeeOrganization); err != nil {
		return operation.Person{}, err
	}
	o, err := a.service.Operation(ctx, in.Org, in.ID)
	if err != nil {
		return operation.Person{}, problem(ctx, err)
	}
	return authorize(ctx, o.Organization, o.Environment, identity.PermWriteApplication)
}

func (a *API) cancel(ctx context.Context, in *operationInput) (*operationOutput, error) {
	p, err := a.mayChange(ctx, in)
	if err != nil {
		return nil, err
	}
	o, err := a.service.Cancel(ctx, in.ID, p)
	return answer(ctx, o, err)
}

func (a *API) retry(ctx context.Context, in *operationInput) (*operationOutput, error) {
	p, err := a.mayChange(ctx, in)
	if err != nil {
		return nil, err
	}
	o, err := a.service.Retry(ctx, in.ID, p, in.Key)
	return answer(ctx, o, err)
}
