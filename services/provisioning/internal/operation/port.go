package operation

import (
	"context"
	"errors"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// Person is who asks.
type Person struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Email   string `json:"email"`
}

func (p Person) author() forge.Person {
	name := p.Name
	if name == "" {
		name = p.Email
	}
	return forge.Person{Name: name, Email: p.Email}
}

// Environment is one stage of an Organization.
type Environment struct {
	Name, EnvType, Branch string
	// Ready is false while its cluster is not prepared; Message says why.
	Ready   bool
	Message string
}

// Blueprint is one verified version from the catalog.
type Blueprint struct {
	gitlayout.Blueprint
	// Document is what was signed, parsed.
	Document *blueprint.Blueprint
}

// Version is one version that the catalog knows. Of one that is refused only the name and the version are there.
type Version struct {
	Blueprint
	// Refused completes "is refused because it …". Empty: it may be installed.
	Refused string
}

// Catalog knows Blueprints. It returns *Error with the codes of a Blueprint or version that is not there or refused.
type Catalog interface {
	// Blueprint returns a version; the newest that can be installed if the version is empty.
	Blueprint(ctx context.Context, name, version string) (Blueprint, error)
	// Versions returns all of a Blueprint; none if there is no such Blueprint.
	Versions(ctx context.Context, name string) ([]Version, error)
}

// Directory knows Organizations and their Environments.
type Directory interface {
	// Environments returns those of an Organization, or an *Error with CodeOrganizationNotFound.
	Environments(ctx context.Context, organization string) ([]Environment, error)
	// Applications returns those that run in an Environment, as the read model knows them.
	Applications(ctx context.Context, environment string) ([]resolve.Installed, error)
}

// ErrConflict says that a record is not what the caller thought it was.
var ErrConflict = errors.New("the record was changed by somebody else")

// ErrNoRecord says that there is no record of an id.
var ErrNoRecord = errors.New("no such Operation")

// Records keep Operations. They are the truth about what was accepted.
type Records interface {
	// Create stores a new one, or returns ErrConflict if there is one of its id.
	Create(ctx context.Context, o *Operation) error
	Get(ctx context.Context, id string) (*Operation, error)
	// Update stores a change, or returns ErrConflict if the stored one is not the one that o was read from.
	Update(ctx context.Context, o *Operation) error
	// Enqueue has a worker run it, soon and until it has ended.
	Enqueue(ctx context.Context, id string) error
	// Announce tells everybody how far it has come.
	Announce(ctx context.Context, o *Operation) error
}

// Forge is the Git forge.
type Forge interface {
	forge.Reader
	forge.History
	forge.Writer
}
