package desired

import "fmt"

// Verdict is what becomes of an object that is being deleted.
type Verdict int

// The verdicts.
const (
	// Wait: it is held until more is known.
	Wait Verdict = iota
	// LetGo: the object goes and everything that belongs to it stays, to be taken over when it comes back.
	LetGo
	// CleanUp: everything that belongs to it is dealt with, and then it goes.
	CleanUp
)

// Farewell is the verdict on a deletion, with its reason.
type Farewell struct {
	Verdict Verdict
	// Why in a sentence.
	Why string
}

// OfEnvironment decides on an Environment that is being deleted. ownerStays is whether its Organization is there and
// not being deleted itself, retired whether that went the first of the two steps out.
func OfEnvironment(name, organization string, s State, unclear error, ownerStays, retired bool) Farewell {
	switch {
	case unclear != nil:
		return Farewell{Wait, fmt.Sprintf("whether Git wants the Environment %s gone cannot be told, so nothing is taken away: %s", name, unclear)}
	case s.Declares("Environment", name):
		return Farewell{LetGo, fmt.Sprintf("Git still declares the Environment %s: nothing is taken away, and it is made anew", name)}
	case !ownerStays && !retired:
		return Farewell{Wait, fmt.Sprintf("the Environment %s left Git together with its Organization, which was not retired: nothing is taken away. "+
			"Commit %s again; to let it go for good, set spec.retired first", name, organization)}
	default:
		return Farewell{CleanUp, fmt.Sprintf("Git no longer declares the Environment %s", name)}
	}
}

// OfOrganization decides on an Organization that is being deleted, whose Environments that are still there are given.
// archived is whether it was retired and nothing is left to archive.
func OfOrganization(name string, s State, unclear error, retired, archived bool, environments int) Farewell {
	switch {
	case unclear != nil:
		return Farewell{Wait, fmt.Sprintf("whether Git wants the Organization %s gone cannot be told, so nothing is taken away: %s", name, unclear)}
	case s.Declares(organizationKind, name):
		return Farewell{LetGo, fmt.Sprintf("Git still declares the Organization %s: nothing is taken away, and it is made anew", name)}
	case !retired:
		return Farewell{Wait, fmt.Sprintf("the Organization %s left Git without being retired: nothing is taken away. Commit it again with spec.retired: true, "+
			"wait for its condition Retired, and remove it then", name)}
	case environments > 0:
		return Farewell{Wait, fmt.Sprintf("%d Environments of %s are still there: remove their manifests, and they are cleaned up first", environments, name)}
	case !archived:
		return Farewell{Wait, fmt.Sprintf("the repositories of %s are not all archived yet", name)}
	default:
		return Farewell{CleanUp, fmt.Sprintf("Git no longer declares the Organization %s, which was retired", name)}
	}
}
