package rpc

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"catalyst.openova.io/pkg/blueprint"
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

// serve is a catalog with the versions, and a client of it.
func serve(t *testing.T, versions ...*shelf.Version) catalogv1connect.CatalogServiceClient {
	t.Helper()
	var s shelf.Shelf
	s.Replace(versions)
	mux := http.NewServeMux()
	mux.Handle(NewHandler(&s, verifier{}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return catalogv1connect.NewCatalogServiceClient(srv.Client(), srv.URL)
}

func ask[T any](message *T, token string) *connect.Request[T] {
	req := connect.NewRequest(message)
	if token != "" {
		req.Header().Set("Authorization", "Bearer "+token)
	}
	return req
}

func TestGetBlueprint(t *testing.T) {
	client := serve(t,
		&shelf.Version{Name: "bp-a", Version: "1.0.0", Digest: "sha256:1", Document: []byte("doc"), Repository: "oci://r/catalog/bp-a", Insecure: true},
		&shelf.Version{Name: "bp-a", Version: "2.0.0", Reason: "is not signed"},
	)
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
			resp, err := client.GetBlueprint(t.Context(), ask(&catalogv1.GetBlueprintRequest{Name: tc.name, Version: tc.version}, tc.token))
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

func TestListVersions(t *testing.T) {
	client := serve(t,
		&shelf.Version{Name: "bp-a", Version: "1.9.0", Digest: "sha256:1", Document: []byte("old"), Repository: "oci://r/catalog/bp-a", Insecure: true},
		&shelf.Version{Name: "bp-a", Version: "1.10.0", Digest: "sha256:2", Document: []byte("new"), Repository: "oci://r/catalog/bp-a"},
		&shelf.Version{Name: "bp-a", Version: "2.0.0", Digest: "sha256:3", Repository: "oci://r/catalog/bp-a", Reason: "is not signed"},
		&shelf.Version{Name: "bp-private", Version: "1.0.0", Card: shelf.Card{Visibility: blueprint.Private}},
	)
	resp, err := client.ListVersions(t.Context(), ask(&catalogv1.ListVersionsRequest{Name: "bp-a"}, "good"))
	if err != nil {
		t.Fatal(err)
	}
	want := []*catalogv1.Version{
		{Version: "2.0.0", Digest: "sha256:3", Repository: "oci://r/catalog/bp-a", Refused: "is not signed"},
		{Version: "1.10.0", Digest: "sha256:2", Document: []byte("new"), Repository: "oci://r/catalog/bp-a"},
		{Version: "1.9.0", Digest: "sha256:1", Document: []byte("old"), Repository: "oci://r/catalog/bp-a", Insecure: true},
	}
	if diff := cmp.Diff(want, resp.Msg.GetVersions(), protocmp.Transform()); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		reason, token, name string
		code                connect.Code
	}{
		{"not there", "good", "bp-b", connect.CodeNotFound},
		{"not for this person", "good", "bp-private", connect.CodeNotFound},
		{"nobody", "", "bp-a", connect.CodeUnauthenticated},
	} {
		_, err := client.ListVersions(t.Context(), ask(&catalogv1.ListVersionsRequest{Name: tc.name}, tc.token))
		if connect.CodeOf(err) != tc.code || (tc.code == connect.CodeNotFound && !strings.Contains(err.Error(), "no Blueprint "+tc.name)) {
			t.Errorf("%s: got %v, want %v", tc.reason, err, tc.code)
		}
	}
}
