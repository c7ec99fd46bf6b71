// Package identity says who a person is and what that person may do: it verifies the token that an OpenID Connect issuer
// signed, reads the roles from its groups, and holds the one function that decides, Can.
package identity

import (
	"regexp"
	"slices"
	"strings"
)

// RoleName names what a person is in the Sovereign, in an Organization or in one of its Environments.
type RoleName string

// The roles. The first two hold for the Sovereign as a whole, the others for an Organization or one Environment of it.
const (
	SovereignAdmin  RoleName = "sovereign-admin"
	SecurityOfficer RoleName = "security-officer"
	OrgAdmin        RoleName = "org-admin"
	OrgDeveloper    RoleName = "org-developer"
	OrgViewer       RoleName = "org-viewer"
)

// Role is what a person is, and where.
type Role struct {
	Name RoleName `json:"role" enum:"sovereign-admin,security-officer,org-admin,org-developer,org-viewer"`
	// Organization is empty for a role in the Sovereign as a whole.
	Organization string `json:"organization,omitempty"`
	// EnvType narrows the role to one Environment of the Organization; empty means all of it.
	EnvType string `json:"envType,omitempty"`
}

// Person is who asks, as the issuer vouches for it.
type Person struct {
	Subject       string `json:"subject"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"emailVerified"`
	Name          string `json:"name"`
	Roles         []Role `json:"roles"`
}

// envTypes are the stages that an Organization can have.
var envTypes = []string{"dev", "stg", "uat", "prod", "poc"}

var organizationName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// EnvType returns the stage of an Environment of an Organization: dev for acme-dev of acme. It returns "" if the name
// is not one of that Organization's; asking Can about "" then needs a role in the Organization as a whole.
func EnvType(organization, environment string) string {
	t, ok := strings.CutPrefix(environment, organization+"-")
	if !ok || organization == "" || !slices.Contains(envTypes, t) {
		return ""
	}
	return t
}

// ParseGroups reads roles out of the groups of a token. The forms are sovereign-admin, security-officer,
// {org}/{role} and {org}/{env_type}/{role}, each with or without a leading "/". Everything else is somebody else's
// group and means nothing here.
func ParseGroups(groups []string) []Role {
	roles := make([]Role, 0, len(groups))
	for _, group := range groups {
		if g, ok := parseGroup(group); ok && !slices.Contains(roles, g) {
			roles = append(roles, g)
		}
	}
	return roles
}

func parseGroup(group string) (Role, bool) {
	parts := strings.Split(strings.TrimPrefix(group, "/"), "/")
	role := RoleName(parts[len(parts)-1])
	switch len(parts) {
	case 1:
		return Role{Name: role}, role == SovereignAdmin || role == SecurityOfficer
	case 2, 3:
		g := Role{Name: role, Organization: parts[0]}
		if len(parts) == 3 {
			g.EnvType = parts[1]
			if !slices.Contains(envTypes, g.EnvType) {
				return Role{}, false
			}
		}
		ok := (role == OrgAdmin || role == OrgDeveloper || role == OrgViewer) &&
			organizationName.MatchString(g.Organization) && g.Organization != "system"
		return g, ok
	default:
		return Role{}, false
	}
}
