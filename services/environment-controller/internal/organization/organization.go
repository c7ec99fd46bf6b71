// Package organization knows what an Organization needs in the Git forge: the Git organization itself, the teams that
// its roles become, and the webhook through which a push is noticed at once. It compares that with what is there and
// changes only what differs.
package organization

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Organization is an organization of the Git forge.
type Organization struct {
	Name        string
	DisplayName string
	// Private hides it, and every repository in it, from who is not in one of its teams.
	Private bool
}

// Wish is what is wanted of one Organization.
type Wish struct {
	Organization
	// Teams beside those that every Organization has, by name, level and description.
	Teams []Team
	// Reader is the account with which Flux reads this Organization's repositories, and no others.
	Reader string
}

// Level is what the members of a team may do with every repository of their organization.
type Level string

// The levels. A team that somebody gave anything else is read as Irregular, which no team is meant to have.
const (
	Read      Level = "read"
	Write     Level = "write"
	Admin     Level = "admin"
	Irregular Level = "irregular"
)

// Team is a team of the Git forge.
type Team struct {
	// ID is the forge's; 0 for a team that does not exist yet.
	ID           int64
	Name         string
	Description  string
	Level        Level
	CreatesRepos bool
	// Members are accounts. Nil where people decide who is in it, so that nobody is added or removed.
	Members []string
}

// Hook is a webhook of the Git forge.
type Hook struct {
	// ID is the forge's; 0 for a hook that does not exist yet.
	ID     int64
	Name   string
	URL    string
	Events []string
	// Secret signs the deliveries. The forge takes it with a new hook, never shows it and never changes it.
	Secret string
	// Regular is false when the hook is off, or sends in another form or to fewer branches than it should.
	Regular bool
}

// Place is where a hook hangs: on an organization, or on one of its repositories.
type Place struct{ Organization, Repo string }

func (p Place) String() string {
	if p.Repo == "" {
		return p.Organization
	}
	return p.Organization + "/" + p.Repo
}

// Organizations makes and changes the forge's organizations.
type Organizations interface {
	// Organization returns forge.ErrNotFound for one that is not there.
	Organization(ctx context.Context, name string) (Organization, error)
	CreateOrganization(ctx context.Context, o Organization) error
	UpdateOrganization(ctx context.Context, o Organization) error
}

// Teams makes and changes the teams of an organization.
type Teams interface {
	// Teams lists them without their members.
	Teams(ctx context.Context, organization string) ([]Team, error)
	Members(ctx context.Context, team int64) ([]string, error)
	// SaveTeam makes a team whose ID is 0 and changes any other. It leaves members alone.
	SaveTeam(ctx context.Context, organization string, t Team) error
	AddMember(ctx context.Context, team int64, account string) error
	RemoveMember(ctx context.Context, team int64, account string) error
}

// Hooks makes and changes webhooks.
type Hooks interface {
	// Hooks returns forge.ErrNotFound for a place that is not there.
	Hooks(ctx context.Context, place Place) ([]Hook, error)
	// SaveHook makes a hook whose ID is 0 and changes any other, except its secret.
	SaveHook(ctx context.Context, place Place, h Hook) error
	DeleteHook(ctx context.Context, place Place, id int64) error
}

// Repository is one of an organization's.
type Repository struct {
	Name     string
	Archived bool
}

// Archive makes repositories readable only, and changeable again.
type Archive interface {
	Repositories(ctx context.Context, organization string) ([]Repository, error)
	SetArchived(ctx context.Context, organization, repository string, archived bool) error
}

// Settings are what every Organization of the Sovereign shares.
type Settings struct {
	WebhookURL string
	// WebhookSecret signs the deliveries of every hook.
	WebhookSecret string
	// WebhookKey, if it is given, goes before it: each place has a secret of its own that follows from this key and its
	// name, so that who learns one can forge deliveries of that place only.
	WebhookKey string
	// Writers and Readers are the accounts of Catalyst's services.
	Writers, Readers []string
}

// Teams of Catalyst's own services, in every organization.
const (
	TeamWriters = "catalyst-writers"
	TeamReaders = "catalyst-readers"
)

// teams that an Organization has. The first three are its roles; people decide who is in them.
func (s Settings) teams(w Wish) []Team {
	readers := orEmpty(s.Readers)
	if w.Reader != "" {
		readers = append(slices.Clone(readers), w.Reader)
	}
	return append([]Team{
		{Name: "org-admin", Level: Admin, Description: "Administers the Organization and its Applications"},
		{Name: "org-developer", Level: Write, Description: "Installs and changes Applications"},
		{Name: "org-viewer", Level: Read, Description: "Reads everything, changes nothing"},
		{Name: TeamWriters, Level: Write, CreatesRepos: true, Members: orEmpty(s.Writers), Description: "Catalyst: carries out Operations as commits"},
		{Name: TeamReaders, Level: Read, Members: readers, Description: "Catalyst: observes, and feeds Flux"},
	}, w.Teams...)
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// hookName begins the name of Catalyst's hooks.
const hookName = "catalyst"

// hookEvents are the events that may change which Applications exist, or what they are.
var hookEvents = []string{"create", "delete", "pull_request", "push", "repository"}

// Secret with which the deliveries from one place are signed.
func (s Settings) Secret(p Place) string {
	if s.WebhookKey == "" {
		return s.WebhookSecret
	}
	m := hmac.New(sha256.New, []byte(s.WebhookKey))
	m.Write([]byte("webhook of " + p.String()))
	return hex.EncodeToString(m.Sum(nil))
}

// hook that a place has. Its name ends in a fingerprint of the secret, because the forge never shows a secret: a new
// secret is a new name, and so a hook that is replaced.
func (s Settings) hook(p Place) Hook {
	secret := s.Secret(p)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("name of the webhook"))
	return Hook{
		Name: hookName + " " + hex.EncodeToString(m.Sum(nil)[:6]), URL: s.WebhookURL,
		Events: hookEvents, Secret: secret, Regular: true,
	}
}
