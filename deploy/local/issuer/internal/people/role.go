package people

import (
	"fmt"
	"strings"
)

// Role says in words what the person's groups allow, for the sign-in page.
func (p Person) Role() string {
	var words []string
	for _, g := range p.Groups {
		words = append(words, describe(g))
	}
	return strings.Join(words, " ")
}

func describe(group string) string {
	parts := strings.Split(strings.Trim(group, "/"), "/")
	where := "in " + parts[0]
	if len(parts) == 3 {
		where = fmt.Sprintf("in %s-%s", parts[0], parts[1])
	}
	switch parts[len(parts)-1] {
	case "sovereign-admin":
		return "Sovereign admin: may do everything, everywhere."
	case "security-officer":
		return "Security officer: sees all and changes nothing."
	case "org-admin":
		return fmt.Sprintf("Admin %s: may do everything there.", where)
	case "org-developer":
		return fmt.Sprintf("Developer %s: installs and configures.", where)
	case "org-viewer":
		return fmt.Sprintf("Viewer %s: sees all and changes nothing.", where)
	default:
		return group
	}
}

// Prefill is the password that all demo people share, to be filled in on the sign-in page; empty if they do not.
func Prefill(list []Person) string {
	shared := ""
	for _, p := range list {
		if !p.Demo {
			continue
		}
		if p.hashed() || shared != "" && shared != p.Password {
			return ""
		}
		shared = p.Password
	}
	return shared
}
