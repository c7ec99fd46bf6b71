// Package rpc serves the catalog to other services of Catalyst.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"connectrpc.com/connect"

	"catalyst.openova.io/pkg/identity"
	catalogv1 "catalyst.openova.io/proto/gen/catalyst/catalog/v1"
	"catalyst.openova.io/proto/gen/catalyst/catalog/v1/catalogv1connect"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// NewHandler returns the path that it serves and the handler. The caller forwards the token of the person for whom it
// asks.
func NewHandler(s *shelf.Shelf, verifier identity.TokenVerifier) (string, http.Handler) {
	path, h := catalogv1connect.NewCatalogServiceHandler(&service{shelf: s}, connect.WithReadMaxBytes(64<<10))
	return path, identity.Require(verifier, h)
}

type service struct{ shelf *shelf.Shelf }

// GetBlueprint implements catalogv1connect.CatalogServiceHandler.
func (s *service) GetBlueprint(ctx context.Context, req *connect.Request[catalogv1.GetBlueprintRequest]) (*connect.Response[catalogv1.GetBlueprintResponse], error) {
	e, err := s.shelf.Entry(req.Msg.GetName())
	if err == nil {
		p, _ := identity.FromContext(ctx)
		if !e.VisibleTo(identity.Can(p, identity.PermAdministerSovereign, "", "")) {
			err = &shelf.NotFoundError{Name: req.Msg.GetName()}
		}
	}
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, err)
	}
	v, err := s.shelf.Find(req.Msg.GetName(), req.Msg.GetVersion())
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, err)
	}
	if !v.Installable() {
		return nil, connect.NewError(connect.CodeFailedPrecondition, errors.New(refusal(v)))
	}
	return connect.NewResponse(&catalogv1.GetBlueprintResponse{
		Name: v.Name, Version: v.Version, Document: v.Document, Repository: v.Repository, Digest: v.Digest, Insecure: v.Insecure,
	}), nil
}

func refusal(v *shelf.Version) string {
	return fmt.Sprintf("Blueprint %s %s cannot be installed: it %s.", v.Name, v.Version, v.Reason)
}
