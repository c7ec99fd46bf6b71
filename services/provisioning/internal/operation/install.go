package operation

import (
	"fmt"
	"slices"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// installation is everything that a plan to install depends on.
type installation struct {
	app      gitlayout.Application
	branch   string // of the Environment
	branches []string
	repo     repository
}

// installed returns the branch of the lowest Environment that holds the Application.
func (r repository) installed(names []string) (branch, bool) {
	for _, n := range names {
		if b, ok := r.branches[n]; ok && b.pin != nil {
			return b, true
		}
	}
	return branch{}, false
}

// free tells whether a name may be installed, and from which version it is pinned already.
func (r repository) free(name, blueprint string, env Environment, names []string, adoptable bool) (*gitlayout.Pin, error) {
	switch {
	case !r.exists, len(r.branches) == 0 && !r.foreign && adoptable:
		return nil, nil //nolint:nilnil // no pin is a good answer
	case r.foreign, len(r.branches) == 0:
		return nil, taken(name, "There is a repository of that name which is no Application.")
	}
	for _, n := range names {
		b, ok := r.branches[n]
		switch {
		case !ok, b.tombstone:
		case b.pin == nil:
			return nil, taken(name, "There is a repository of that name which is no Application: its branch "+n+" holds no "+gitlayout.ApplicationFile+".")
		case b.broken != nil:
			return nil, taken(name, "There is an Application of that name which cannot be read: on the branch "+n+" "+b.broken.Error()+".")
		case b.pin.Name != blueprint:
			return nil, taken(name, "There is an Application of that name, from the Blueprint "+b.pin.Name+".")
		}
	}
	if r.branches[env.Branch].runsIn(env.EnvType) {
		return nil, taken(name, name+" is installed in "+env.Name+" already. Change its settings instead.")
	}
	if b := r.branches[env.Branch]; b.pin != nil {
		return b.pin, nil
	}
	b, _ := r.installed(names)
	return b.pin, nil
}

func taken(name, why string) *Error {
	return &Error{Code: CodeNameTaken, Message: why, Fields: []Field{{Pointer: "/name", Message: why}}, Suggestion: name}
}

// planInstall decides the files and the branches.
func planInstall(in installation) (create bool, write map[string][]byte, commits []Commit, err error) {
	here, there := in.repo.branches[in.branch], in.repo.branches
	other, elsewhere := in.repo.installed(in.branches)
	switch {
	case here.pin != nil: // one more Environment on a branch that has it
		write, err = gitlayout.Overlay(in.app)
		commits = []Commit{{Parent: here.head, Refs: []Ref{{in.branch, here.head}}}}
	case elsewhere && here.head == "": // the first on a branch of its own
		write, err = gitlayout.Overlay(in.app)
		commits = []Commit{{Parent: other.head, Refs: []Ref{{Branch: in.branch}}}}
	case elsewhere: // back on the branch that it was removed from
		write, err = gitlayout.Files(in.app)
		commits = []Commit{{Parent: here.head, Remove: others(here.files, write), Refs: []Ref{{in.branch, here.head}}}}
	case len(there) > 0: // back after it was removed everywhere
		write, err = gitlayout.Files(in.app)
		commits = revive(in, write)
	default:
		write, err = gitlayout.Files(in.app)
		c := Commit{}
		for _, name := range in.newBranches() {
			c.Refs = append(c.Refs, Ref{Branch: name})
		}
		return true, write, []Commit{c}, err
	}
	return false, write, commits, err
}

// newBranches are those that an Application begins with.
func (in installation) newBranches() []string {
	if slices.Contains(defaultBranches, in.branch) {
		return defaultBranches
	}
	return append(slices.Clone(defaultBranches), in.branch)
}

func revive(in installation, write map[string][]byte) []Commit {
	var commits []Commit
	byHead := map[string]int{}
	var missing []Ref
	for _, name := range in.branches {
		b, ok := in.repo.branches[name]
		if !ok {
			if slices.Contains(in.newBranches(), name) {
				missing = append(missing, Ref{Branch: name})
			}
			continue
		}
		i, ok := byHead[b.head]
		if !ok {
			i = len(commits)
			byHead[b.head] = i
			commits = append(commits, Commit{Parent: b.head, Remove: others(b.files, write)})
		}
		commits[i].Refs = append(commits[i].Refs, Ref{name, b.head})
	}
	commits[0].Refs = append(commits[0].Refs, missing...)
	return commits
}

// others are the files that a commit of the files in write would leave behind.
func others(files []string, write map[string][]byte) []string {
	var out []string
	for _, f := range files {
		if _, ok := write[f]; !ok {
			out = append(out, f)
		}
	}
	return out
}

func marker(id string) string { return "Catalyst-Operation: " + id }

func description(app gitlayout.Application, id string) string {
	return fmt.Sprintf("Application %s of %s, from %s (%s)", app.Name, app.Organization, app.Blueprint.Name, marker(id))
}
