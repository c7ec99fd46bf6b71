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
	if _, err := s.entry(ctx, req.Msg.GetName()); err != nil {
		return nil, err
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

// ListVersions implements catalogv1connect.CatalogServiceHandler.
func (s *service) ListVersions(ctx context.Context, req *connect.Request[catalogv1.ListVersionsRequest]) (*connect.Response[catalogv1.ListVersionsResponse], error) {
	e, err := s.entry(ctx, req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	out := &catalogv1.ListVersionsResponse{Versions: make([]*catalogv1.Version, 0, len(e.Versions))}
	for _, v := range e.Versions {
		out.Versions = append(out.Versions, &catalogv1.Version{
			Version: v.Version, Document: v.Document, Repository: v.Repository, Digest: v.Digest, Insecure: v.Insecure, Refused: v.Reason,
		})
	}
	return connect.NewResponse(out), nil
}

// entry is a Blueprint that the person who asks may see; the others look as if they were not there.
func (s *service) entry(ctx context.Context, name string) (*shelf.Entry, error) {
	e, err := s.shelf.Entry(name)
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, err)
	}
	p, _ := identity.FromContext(ctx)
	if !e.VisibleTo(identity.Can(p, identity.PermAdministerSovereign, "", "")) {
		return nil, connect.NewError(connect.CodeNotFound, &shelf.NotFoundError{Name: name})
	}
	return e, nil
}

func refusal(v *shelf.Version) string {
	return fmt.Sprintf("Blueprint %s %s cannot be installed: it %s.", v.Name, v.Version, v.Reason)
}
