// Command registry serves the Sovereign's OCI registry from a folder. It is the distribution registry with the
// file system driver alone: upstream's own main also links the storage SDKs of three clouds.
package main

import (
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"

	"github.com/distribution/distribution/v3/registry"
)

func main() { registry.RootCmd.Execute() } //nolint:errcheck // cobra has printed it
