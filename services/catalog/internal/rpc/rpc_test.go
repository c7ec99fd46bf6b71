package rpc

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"catalyst.openova.io/pkg/identity"
	catalogv1 "catalyst.openova.io/proto/gen/catalyst/catalog/v1"
	"catalyst.openova.io/proto/gen/catalyst/catalog/v1/catalogv1connect"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

type verifier struct{}

func (verifier) Verify(_ context.Context, token string) (identity.Person, time.Time, error) {
	if token != "good" {
		return identity.Person{}, time.Time{}, identity.ErrInvalidToken
	}
	return identity.Person{Subject: "ada"}, time.Now().Add(time.Hour), nil
}

func TestGetBlueprint(t *testing.T) {
	var s shelf.Shelf
	s.Replace([]*shelf.Version{
		{Name: "bp-a", Version: "1.0.0", Digest: "sha256:1", Document: []byte("doc"), Repository: "oci://r/catalog/bp-a", Insecure: true},
		{Name: "bp-a", Version: "2.0.0", Reason: "is not signed"},
	})
	mux := http.NewServeMux()
	mux.Handle(NewHandler(&s, verifier{}))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	client := catalogv1connect.NewCatalogServiceClient(srv.Client(), srv.URL)
	for _, tc := range []struct {
		reason, token, name, version string
		code                         connect.Code
		want                         string
	}{
		{"newest", "good", "bp-a", "", 0, "sha256:1"},
		{"exact", "good", "bp-a", "1.0.0", 0, "sha256:1"},
		{"refused", "good", "bp-a", "2.0.0", connect.CodeFailedPrecondition, "Blueprint bp-a 2.0.0 cannot be installed: it is not signed."},
		{"no version", "good", "bp-a", "3.0.0", connect.CodeNotFound, "It has: 1.0.0."},
		{"no Blueprint", "good", "bp-b", "", connect.CodeNotFound, "no Blueprint bp-b"},
		{"nobody", "", "bp-a", "", connect.CodeUnauthenticated, ""},
		{"bad token", "bad", "bp-a", "", connect.CodeUnauthenticated, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			req := connect.NewRequest(&catalogv1.GetBlueprintRequest{Name: tc.name, Version: tc.version})
			if tc.token != "" {
				req.Header().Set("Authorization", "Bearer "+tc.token)
			}
			resp, err := client.GetBlueprint(t.Context(), req)
			if tc.code == 0 {
				if err != nil || resp.Msg.GetDigest() != tc.want || string(resp.Msg.GetDocument()) != "doc" || !resp.Msg.GetInsecure() {
					t.Errorf("%v %v", resp, err)
				}
				return
			}
			if connect.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %v %q", err, tc.code, tc.want)
			}
		})
	}
}
