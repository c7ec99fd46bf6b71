package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"catalyst.openova.io/pkg/forge"
)

// Keeper brings Organizations to what they should be in the forge, and keeps them there.
type Keeper struct {
	organizations Organizations
	teams         Teams
	hooks         Hooks
	archive       Archive
	settings      Settings
	log           *slog.Logger
}

// NewKeeper makes a Keeper. One adapter usually serves as all four ports.
func NewKeeper(o Organizations, t Teams, h Hooks, a Archive, s Settings, log *slog.Logger) *Keeper {
	return &Keeper{organizations: o, teams: t, hooks: h, archive: a, settings: s, log: log}
}

// AccountMissingError says that an account of a service does not exist in the forge yet.
type AccountMissingError struct{ Account, Team string }

func (e *AccountMissingError) Error() string {
	return fmt.Sprintf("the account %s, a member of the team %s, does not exist in the Git forge yet", e.Account, e.Team)
}

// rounds of looking and changing: the organization, then its teams and hook, then the members, then one to see that
// all of it holds.
const rounds = 4

// Keep brings one Organization to what it should be, and returns the changes that took: none if nothing differed.
func (k *Keeper) Keep(ctx context.Context, want Wish) ([]Change, error) {
	want.Private = true
	var made []Change
	for range rounds {
		seen, err := k.look(ctx, want.Name)
		if err != nil {
			return made, fmt.Errorf("look at %s in the Git forge: %w", want.Name, err)
		}
		changes := Plan(want, k.settings, seen)
		if len(changes) == 0 {
			return made, nil
		}
		done, err := k.carryOut(ctx, Place{Organization: want.Name}, changes)
		made = append(made, done...)
		if err != nil {
			return made, err
		}
	}
	return made, fmt.Errorf("%s does not stay as it is put in the Git forge: something else changes it at the same time", want.Name)
}

// KeepHook brings the hook of one repository to what it should be.
func (k *Keeper) KeepHook(ctx context.Context, place Place) ([]Change, error) {
	seen, err := k.hooks.Hooks(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("look at the webhooks of %s: %w", place, err)
	}
	return k.carryOut(ctx, place, PlanHook(k.settings, place, seen))
}

func (k *Keeper) look(ctx context.Context, name string) (State, error) {
	o, err := k.organizations.Organization(ctx, name)
	if errors.Is(err, forge.ErrNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	s := State{Organization: &o}
	if s.Teams, err = k.teams.Teams(ctx, name); err != nil {
		return State{}, err
	}
	for i, t := range s.Teams {
		if t.Name == TeamWriters || t.Name == TeamReaders {
			if s.Teams[i].Members, err = k.teams.Members(ctx, t.ID); err != nil {
				return State{}, err
			}
		}
	}
	s.Hooks, err = k.hooks.Hooks(ctx, Place{Organization: name})
	return s, err
}

// carryOut does every change that it can: one account that is missing does not keep the others from what they need.
func (k *Keeper) carryOut(ctx context.Context, place Place, changes []Change) ([]Change, error) {
	var made []Change
	var failed []error
	for _, c := range changes {
		if err := k.do(ctx, place, c); err != nil {
			failed = append(failed, fmt.Errorf("%s (%s) in %s: %w", c.Action, c.Subject(), place, err))
			if c.Action == CreateOrganization || ctx.Err() != nil {
				break
			}
			continue
		}
		made = append(made, c)
		k.log.Info("forge changed", "place", place.String(), "action", string(c.Action), "subject", c.Subject())
	}
	return made, errors.Join(failed...)
}

func (k *Keeper) do(ctx context.Context, place Place, c Change) error {
	switch c.Action {
	case CreateOrganization:
		return k.organizations.CreateOrganization(ctx, c.Organization)
	case UpdateOrganization:
		return k.organizations.UpdateOrganization(ctx, c.Organization)
	case CreateTeam, UpdateTeam:
		return k.teams.SaveTeam(ctx, place.Organization, c.Team)
	case AddMember:
		err := k.teams.AddMember(ctx, c.Team.ID, c.Account)
		if errors.Is(err, forge.ErrNotFound) {
			return &AccountMissingError{Account: c.Account, Team: c.Team.Name}
		}
		return err
	case RemoveMember:
		return k.teams.RemoveMember(ctx, c.Team.ID, c.Account)
	case CreateHook, UpdateHook:
		return k.hooks.SaveHook(ctx, place, c.Hook)
	case DeleteHook:
		return k.hooks.DeleteHook(ctx, place, c.Hook.ID)
	default:
		return fmt.Errorf("no such action: %q", c.Action)
	}
}

// Archive makes the repositories of a retired Organization readable only, or those that it made so changeable again. It
// returns which are archived because of it, also when it fails half-way.
func (k *Keeper) Archive(ctx context.Context, organization string, retired bool, before []string) ([]string, error) {
	if !retired && len(before) == 0 {
		return nil, nil
	}
	seen, err := k.archive.Repositories(ctx, organization)
	if errors.Is(err, forge.ErrNotFound) {
		return nil, nil // it has no Git organization, so there is nothing to archive
	}
	if err != nil {
		return before, fmt.Errorf("list the repositories of %s: %w", organization, err)
	}
	archive, open, after := PlanArchive(retired, seen, before)
	for list, archived := range map[*[]string]bool{&archive: true, &open: false} {
		for _, name := range *list {
			if err := k.archive.SetArchived(ctx, organization, name, archived); err != nil {
				// What was archived by now is found archived next time: it must still be known as ours.
				return union(before, after), fmt.Errorf("archive %s/%s (%v): %w", organization, name, archived, err)
			}
			k.log.Info("repository archived", "organization", organization, "repository", name, "archived", archived)
		}
	}
	return after, nil
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}
