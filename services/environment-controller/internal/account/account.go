// Package account knows what an Organization needs on the spine: an account with limits, in which each service has the
// rights that it uses and no other. It compares that with what the server holds and with what is announced, and changes
// only what differs.
//
// Nothing of it is stored but where it is used: the account follows from the operator's signing seed and the name of the
// Organization, so that a server that lost it, or an announcement that was deleted, is made again as it was.
package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
)

// ErrUnavailable says that the server of the spine does not answer.
var ErrUnavailable = errors.New("the server of the spine does not answer")

// Server is the server of the spine, as the operator sees it.
type Server interface {
	// Claims returns what the server holds of an account, nothing if it knows none of that key.
	Claims(ctx context.Context, account string) (string, error)
	// Save gives the server an account, or what has changed of it.
	Save(ctx context.Context, claims string) error
}

// Board is where the services find the accounts.
type Board interface {
	// Announced returns the announcement of an Organization, a zero one if there is none.
	Announced(ctx context.Context, organization string) (spine.Announcement, error)
	Announce(ctx context.Context, organization string, a spine.Announcement) error
	Withdraw(ctx context.Context, organization string) error
	// Prepare makes the stream of an Organization's events, which may take so many bytes.
	Prepare(ctx context.Context, organization string, maxBytes int64) error
}

// Settings are what every Organization of the Sovereign shares.
type Settings struct {
	Limits access.Limits
	// Services are the public keys of the services, by their name.
	Services map[string]string
	// EnvTypes are those that an Environment may have.
	EnvTypes []string
}

// Wanted is the account of an Organization as it should be.
func (s Settings) Wanted(organization string) access.Account {
	var buckets []access.Buckets
	for _, t := range s.EnvTypes {
		env := organization + "-" + t
		buckets = append(buckets, access.Buckets{Views: spine.Bucket(env), Facts: spine.Facts(env)})
	}
	a := access.Account{Name: "organization " + organization, Limits: s.Limits, Users: map[string]access.User{}}
	for service, right := range access.Organization(buckets) {
		if key := s.Services[service]; key != "" {
			a.Users[service] = access.User{Key: key, Right: right}
		}
	}
	return a
}

// events is how much of an account its events may take: three quarters. The rest is for the views, which have to go on
// when the events have filled their part.
func (s Settings) events() int64 { return s.Limits.Disk / 4 * 3 }

// Action is one kind of change.
type Action string

// The actions, in the order in which they are carried out.
const (
	SaveAccount Action = "give the server the account"
	Announce    Action = "announce the account"
)

// Plan returns what has to be done, nothing if nothing differs: held is what the server holds, said what is announced.
func Plan(want access.Signed, held string, said spine.Announcement) []Action {
	var out []Action
	if !access.SameClaims(held, want.Claims) {
		out = append(out, SaveAccount)
	}
	same := said.Account == want.Key && len(said.Tokens) == len(want.Tokens)
	for service, token := range want.Tokens {
		same = same && access.SameToken(said.Tokens[service], token)
	}
	if !same {
		out = append(out, Announce)
	}
	return out
}

// Keeper brings the accounts of Organizations to what they should be, and keeps them there.
type Keeper struct {
	operator *access.Operator
	server   Server
	board    Board
	settings Settings
	log      *slog.Logger
}

// NewKeeper makes a Keeper.
func NewKeeper(o *access.Operator, s Server, b Board, settings Settings, log *slog.Logger) *Keeper {
	return &Keeper{operator: o, server: s, board: b, settings: settings, log: log}
}

// Keep brings the account of one Organization to what it should be, and returns how many changes that took.
func (k *Keeper) Keep(ctx context.Context, organization string) (int, error) {
	want, err := k.operator.Account(k.settings.Wanted(organization))
	if err != nil {
		return 0, err
	}
	held, err := k.server.Claims(ctx, want.Key)
	if err != nil {
		return 0, fmt.Errorf("look at the account of %s: %w", organization, err)
	}
	said, err := k.board.Announced(ctx, organization)
	if err != nil {
		return 0, fmt.Errorf("look at the announcement of %s: %w", organization, err)
	}
	actions := Plan(want, held, said)
	for i, action := range actions {
		var err error
		if action == SaveAccount {
			err = k.server.Save(ctx, want.Claims)
		} else {
			err = k.board.Announce(ctx, organization, spine.Announcement{Account: want.Key, Tokens: want.Tokens})
		}
		if err != nil {
			return i, fmt.Errorf("%s of %s: %w", action, organization, err)
		}
		k.log.Info("spine changed", "organization", organization, "action", string(action))
	}
	if err := k.board.Prepare(ctx, organization, k.settings.events()); err != nil {
		return len(actions), fmt.Errorf("prepare the account of %s: %w", organization, err)
	}
	return len(actions), nil
}

// Withdraw takes the account of an Organization away from the services: it stays without users. What is recorded in it
// stays on the disk of the server, and is there again when the Organization comes back.
func (k *Keeper) Withdraw(ctx context.Context, organization string) error {
	said, err := k.board.Announced(ctx, organization)
	if err != nil {
		return fmt.Errorf("look at the announcement of %s: %w", organization, err)
	}
	if said.Account != "" {
		if err := k.board.Withdraw(ctx, organization); err != nil {
			return fmt.Errorf("withdraw the announcement of %s: %w", organization, err)
		}
	}
	empty := k.settings.Wanted(organization)
	empty.Users = nil
	want, err := k.operator.Account(empty)
	if err != nil {
		return err
	}
	held, err := k.server.Claims(ctx, want.Key)
	if err != nil || held == "" || access.SameClaims(held, want.Claims) {
		return err
	}
	if err := k.server.Save(ctx, want.Claims); err != nil {
		return fmt.Errorf("withdraw the account of %s: %w", organization, err)
	}
	k.log.Info("spine changed", "organization", organization, "action", "withdraw the account")
	return nil
}

// ParseServices reads a list of services with their public keys: gateway=U…,projector=U….
func ParseServices(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, item := range list {
		name, key, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no name=key", item)
		}
		out[name] = key
	}
	return out, nil
}
