package identity

// Permission is something that a person may or may not do.
type Permission int

// The permissions.
const (
	// PermSeeOrganization is to know that an Organization exists and how it is called. Every role in it gives that,
	// however narrow.
	PermSeeOrganization Permission = iota + 1
	// PermRead is to read what is in an Environment, or, with an empty envType, in all of the Organization. With an
	// empty organization it is to read the Sovereign's own card (its clusters), which every role gives.
	PermRead
	// PermWriteApplication is to install, configure and uninstall Applications in an Environment, or, with an empty
	// envType, in all of the Organization.
	PermWriteApplication
	// PermAdministerOrganization is to change Environments, policies and people of an Organization.
	PermAdministerOrganization
	// PermAdministerSovereign is to change the Sovereign itself.
	PermAdministerSovereign
)

// Can is the one authorization function, for REST, the stream and Git alike. It tells whether the person may do it in
// the Environment {organization}-{envType}; an empty envType asks about the Organization as a whole, which a role that
// is narrowed to one Environment does not give. What is not allowed here is refused.
func Can(p Person, perm Permission, organization, envType string) bool {
	for _, g := range p.Roles {
		if allows(g, perm, organization, envType) {
			return true
		}
	}
	return false
}

func allows(g Role, perm Permission, organization, envType string) bool {
	switch g.Name {
	case SovereignAdmin:
		return perm >= PermSeeOrganization && perm <= PermAdministerSovereign
	case SecurityOfficer:
		return perm == PermSeeOrganization || perm == PermRead
	case OrgAdmin, OrgDeveloper, OrgViewer:
	default:
		return false
	}
	if organization == "" {
		return perm == PermRead && envType == ""
	}
	if g.Organization != organization {
		return false
	}
	if perm == PermSeeOrganization {
		return true
	}
	if g.EnvType != "" && g.EnvType != envType {
		return false
	}
	switch perm {
	case PermRead:
		return true
	case PermWriteApplication:
		return g.Name == OrgAdmin || g.Name == OrgDeveloper
	case PermAdministerOrganization:
		return g.Name == OrgAdmin && g.EnvType == ""
	default:
		return false
	}
}
