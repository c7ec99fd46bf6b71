package oci

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"

	"catalyst.openova.io/pkg/blueprint/artifact"
	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/services/catalog/internal/shelf"
)

// look finds out what a tag is now. It reads the artifact only when the tag's digest is not the known one, or when the
// version was refused and may have been signed since.
func (s *Source) look(ctx context.Context, repo registry.Repository, ref artifact.Reference, before found) (found, error) {
	desc, err := repo.Resolve(ctx, ref.Version)
	if err != nil {
		return found{}, err
	}
	digest := desc.Digest.String()
	if v := before.version; v != nil && v.Digest == digest {
		again := before.unread || (!v.Installable() && time.Since(before.at) >= retryRefused)
		if !again {
			return before, nil
		}
	}
	next := s.read(ctx, repo, ref, desc)
	if v := before.version; v != nil && v.Digest == digest && v.Reason == next.version.Reason {
		next.version = v // nothing new
	} else if !next.version.Installable() {
		s.log.Warn("a version is refused", "blueprint", next.version.Name, "version", ref.Version, "digest", digest, "because it", next.version.Reason)
	} else {
		s.log.Info("a version is on the shelf", "blueprint", next.version.Name, "version", ref.Version, "digest", digest)
	}
	return next, nil
}

// read verifies an artifact and takes out what the shelf shows.
func (s *Source) read(ctx context.Context, repo registry.Repository, ref artifact.Reference, desc ocispec.Descriptor) found {
	v := s.blank(ref, desc.Digest.String())
	content, err := artifact.Fetch(ctx, repo, ref, desc, s.keys)
	var refused *artifact.RefusedError
	switch {
	case errors.As(err, &refused):
		v.Reason = refused.Reason
		return found{version: v, at: time.Now()}
	case err != nil:
		v.Reason = "could not be read from the registry: " + err.Error()
		return found{version: v, unread: true, at: time.Now()}
	}
	if wrong := resolve.Check(content.Blueprint); len(wrong) > 0 {
		v.Reason = fmt.Sprintf("has a dependency that cannot be read: %s %s", wrong[0].Pointer, wrong[0].Message)
		return found{version: v, at: time.Now()}
	}
	spec := content.Blueprint.Spec
	v.SignedBy, v.Document = content.SignedBy, content.Document
	v.Card = shelf.Card{
		Title: spec.Card.Title, Summary: spec.Card.Summary, Category: spec.Card.Category, Owner: spec.Owner, Visibility: spec.Visibility,
		Icon: dataURI(spec.Card.Icon, content.Files[spec.Card.Icon]), Description: strings.ToValidUTF8(string(content.Files[spec.Card.Description]), "\uFFFD"),
	}
	return found{version: v, at: time.Now()}
}

// dataURI is an image that a page can show without another request.
func dataURI(name string, data []byte) string {
	mediaType := map[string]string{".svg": "image/svg+xml", ".png": "image/png"}[path.Ext(name)]
	if mediaType == "" || len(data) == 0 {
		return ""
	}
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)
}
