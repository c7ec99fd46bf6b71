package environment

import (
	"slices"
)

// Evidence is what Git says about one Application in one Environment.
type Evidence int

// The kinds of evidence. Only Present, Absent and Gone are answers; the rest leaves everything as it is.
const (
	// Unknown: Git could not be read.
	Unknown Evidence = iota
	// Present: the head of the branch holds application.yaml and the overlay.
	Present
	// Absent: the head of the branch was read, and it does not.
	Absent
	// NoBranch: the repository is there and the branch is not. Deleting a branch by hand is no way to uninstall.
	NoBranch
	// Gone: there is no such repository, while the organization lists others.
	Gone
)

func (e Evidence) String() string {
	return [...]string{"unknown", "present", "absent", "no branch", "gone"}[e]
}

// Finding is the evidence on one Application.
type Finding struct {
	Evidence Evidence
	// Head of the branch, if there is one.
	Head string
	// Declaration is what the head says of the Application, where it is present.
	Declaration Declaration
	// Why says in words what is not known; nil for an answer.
	Why error
}

// Plan is what to do in the cluster.
type Plan struct {
	Apply  []string
	Remove []string
	// Held run on although Git does not say that they should.
	Held []string
}

// MakePlan compares what Git says with what the cluster holds.
func MakePlan(findings map[string]Finding, running []string) Plan {
	var p Plan
	for app, f := range findings {
		runs := slices.Contains(running, app)
		switch {
		case f.Evidence == Present:
			p.Apply = append(p.Apply, app)
		case !runs:
		case f.Evidence == Absent || f.Evidence == Gone:
			p.Remove = append(p.Remove, app)
		default:
			p.Held = append(p.Held, app)
		}
	}
	slices.Sort(p.Apply)
	slices.Sort(p.Remove)
	slices.Sort(p.Held)
	return p
}
