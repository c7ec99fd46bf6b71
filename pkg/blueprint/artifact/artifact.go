// Package artifact turns a Blueprint folder into a signed OCI artifact and back. The artifact has two layers: the whole
// folder, which the catalog reads, and the part that Flux renders, in the media type that Flux selects. The same folder
// always gives the same bytes, and what is read is verified and bounded before anything is made of it.
package artifact

import (
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"catalyst.openova.io/pkg/blueprint"
)

// Media types of a Blueprint in a registry.
const (
	// ArtifactType says that a manifest is a Blueprint.
	ArtifactType = "application/vnd.catalyst.blueprint.v1+json"
	// ContentMediaType is the layer with the whole folder.
	ContentMediaType = "application/vnd.catalyst.blueprint.content.v1.tar+gzip"
	// HelmMediaType is the layer with the packaged chart: an OCIRepository takes it with operation copy.
	HelmMediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	// KustomizeMediaType is the layer with the kustomization: an OCIRepository takes it with operation extract.
	KustomizeMediaType = "application/vnd.cncf.flux.content.v1.tar+gzip"
)

// Limits of one artifact, packed and unpacked.
const (
	MaxManifestSize = 256 << 10
	MaxLayerSize    = 8 << 20
	MaxContentSize  = 16 << 20
	MaxFiles        = 2000
)

// PayloadMediaType is the media type of the layer that Flux takes for an engine, and the operation of the
// OCIRepository's layerSelector that goes with it.
func PayloadMediaType(engine blueprint.Engine) (mediaType, operation string) {
	if engine == blueprint.Helm {
		return HelmMediaType, "copy"
	}
	return KustomizeMediaType, "extract"
}

// RefusedError says that an artifact itself is wrong, so that trying again cannot help. Every other error of this
// package is about reaching the registry.
type RefusedError struct {
	// Reason completes the sentence "this version is refused because it …".
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// Reference names a version in a registry.
type Reference struct {
	// Repository without tag, such as catalog/bp-podinfo.
	Repository string
	Version    string
}

// Content is what the catalog takes out of a verified artifact.
type Content struct {
	Blueprint *blueprint.Blueprint
	// Document is blueprint.yaml as it was signed.
	Document []byte
	// Files are the card's icon and description, by path.
	Files map[string][]byte
	// SignedBy is the fingerprint of the key.
	SignedBy string
}

// blob is one part of an artifact with its bytes.
type blob struct {
	descriptor ocispec.Descriptor
	data       []byte
}
