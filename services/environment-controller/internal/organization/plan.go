package organization

import (
	"slices"
	"strings"
)

// State is what the forge holds of an Organization.
type State struct {
	// Organization is nil if there is none.
	Organization *Organization
	Teams        []Team
	Hooks        []Hook
}

// Action is one kind of change.
type Action string

// The actions, in the order in which a plan carries them out.
const (
	CreateOrganization Action = "create the Git organization"
	UpdateOrganization Action = "put right the Git organization"
	CreateTeam         Action = "create the team"
	UpdateTeam         Action = "put right the team"
	AddMember          Action = "add to the team"
	RemoveMember       Action = "remove from the team"
	CreateHook         Action = "create the webhook"
	UpdateHook         Action = "put right the webhook"
	DeleteHook         Action = "delete the superfluous webhook"
)

// Change is one write to the forge.
type Change struct {
	Action       Action
	Organization Organization
	Team         Team
	Account      string
	Hook         Hook
}

// Subject names what the change is about.
func (c Change) Subject() string {
	switch c.Action {
	case CreateOrganization, UpdateOrganization:
		return c.Organization.Name
	case CreateTeam, UpdateTeam:
		return c.Team.Name
	case AddMember, RemoveMember:
		return c.Team.Name + ": " + c.Account
	default:
		return c.Hook.URL
	}
}

// Plan returns the changes that bring an Organization from what was seen to what is wanted, none if nothing differs.
// What can only be planned once something else exists comes with the next look.
func Plan(want Wish, s Settings, seen State) []Change {
	if seen.Organization == nil {
		return []Change{{Action: CreateOrganization, Organization: want.Organization}}
	}
	var out []Change
	if *seen.Organization != want.Organization {
		out = append(out, Change{Action: UpdateOrganization, Organization: want.Organization})
	}
	for _, t := range s.teams(want) {
		out = append(out, planTeam(t, seen.Teams)...)
	}
	return append(out, PlanHook(s, Place{Organization: want.Name}, seen.Hooks)...)
}

func planTeam(want Team, seen []Team) []Change {
	i := slices.IndexFunc(seen, func(t Team) bool { return strings.EqualFold(t.Name, want.Name) })
	if i < 0 {
		return []Change{{Action: CreateTeam, Team: want}}
	}
	have := seen[i]
	want.ID = have.ID
	var out []Change
	if have.Name != want.Name || have.Level != want.Level || have.CreatesRepos != want.CreatesRepos || have.Description != want.Description {
		out = append(out, Change{Action: UpdateTeam, Team: want})
	}
	if want.Members == nil {
		return out
	}
	for _, m := range want.Members {
		if !containsFold(have.Members, m) {
			out = append(out, Change{Action: AddMember, Team: want, Account: m})
		}
	}
	for _, m := range have.Members {
		if !containsFold(want.Members, m) {
			out = append(out, Change{Action: RemoveMember, Team: want, Account: m})
		}
	}
	return out
}

func containsFold(all []string, s string) bool {
	return slices.ContainsFunc(all, func(a string) bool { return strings.EqualFold(a, s) })
}

// PlanHook returns the changes after which there is exactly one hook of Catalyst's, and that one is right. Hooks of
// others are left alone.
func PlanHook(s Settings, place Place, seen []Hook) []Change {
	want := s.hook(place)
	var ours []Hook
	for _, h := range seen {
		if h.URL == want.URL || h.Name == hookName || strings.HasPrefix(h.Name, hookName+" ") {
			ours = append(ours, h)
		}
	}
	// The one to keep carries the secret of today; a right one before one that has to be put right.
	slices.SortStableFunc(ours, func(a, b Hook) int { return rank(want, a) - rank(want, b) })
	var out []Change
	switch {
	case len(ours) == 0 || ours[0].Name != want.Name:
		out = append(out, Change{Action: CreateHook, Hook: want})
	case rank(want, ours[0]) != 0:
		want.ID = ours[0].ID
		out = append(out, Change{Action: UpdateHook, Hook: want})
		ours = ours[1:]
	default:
		ours = ours[1:]
	}
	for _, h := range ours {
		out = append(out, Change{Action: DeleteHook, Hook: h})
	}
	return out
}

func rank(want, have Hook) int {
	switch {
	case have.Name != want.Name:
		return 2
	case have.URL != want.URL || !have.Regular || !sameSet(have.Events, want.Events):
		return 1
	default:
		return 0
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// PlanArchive returns which repositories to archive, or to open again: those that were archived before because of this,
// and no others. It returns what is archived because of it after that.
func PlanArchive(retired bool, seen []Repository, before []string) (archive, open, after []string) {
	for _, r := range seen {
		ours := slices.Contains(before, r.Name)
		switch {
		case retired && !r.Archived:
			archive = append(archive, r.Name)
			after = append(after, r.Name)
		case retired && ours:
			after = append(after, r.Name)
		case !retired && ours && r.Archived:
			open = append(open, r.Name)
		}
	}
	slices.Sort(after)
	return archive, open, after
}
