// Package credential keeps the account with which Flux reads one Organization's repositories: an account of its own, that
// is in no other Organization, with a token that is replaced from time to time, and at once when it no longer opens
// anything.
package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"
)

// Credential is what Flux signs in with.
type Credential struct {
	Account, Token string
	// Name of the token in the forge.
	Name   string
	Issued time.Time
	// Settled is true once the tokens before this one are revoked.
	Settled bool
}

// Forge holds the accounts.
type Forge interface {
	// Issue makes the account, if there is none, and a token of that name that reads repositories.
	Issue(ctx context.Context, account, token string) (string, error)
	// Retain revokes every token of the account but one. An account that is not there has none.
	Retain(ctx context.Context, account, token string) error
	// Opens tells whether the forge takes a token. An error says that it cannot be told.
	Opens(ctx context.Context, token string) (bool, error)
}

// Store holds one credential for each Organization, where no Organization can read it.
type Store interface {
	// Load returns a zero Credential if there is none.
	Load(ctx context.Context, organization string) (Credential, error)
	Save(ctx context.Context, organization string, c Credential) error
	Delete(ctx context.Context, organization string) error
}

// Settings of all credentials.
type Settings struct {
	// Age at which a token is replaced, and Grace for which the one before it is taken too: so long Flux may take to
	// be given the new one.
	Age, Grace time.Duration
}

// Action is what a credential needs.
type Action string

// The actions.
const (
	Nothing Action = ""
	Issue   Action = "issue a token"
	Revoke  Action = "revoke the tokens before"
)

// Plan decides what a credential needs. opens is whether the forge takes its token.
func Plan(s Settings, account string, have Credential, opens bool, now time.Time) Action {
	age := now.Sub(have.Issued)
	switch {
	case have.Token == "" || have.Account != account || !opens || age >= s.Age || age < -s.Grace:
		return Issue
	case !have.Settled && age >= s.Grace:
		return Revoke
	default:
		return Nothing
	}
}

// maxAccount is the length of the longest name that Gitea takes for an account.
const maxAccount = 40

// Account is the name of an Organization's account in the forge.
func Account(organization string) string {
	name := "catalyst-flux-" + organization
	if len(name) <= maxAccount {
		return name
	}
	sum := sha256.Sum256([]byte(organization))
	return name[:maxAccount-9] + "-" + hex.EncodeToString(sum[:4])
}

// Keeper keeps the credentials of Organizations.
type Keeper struct {
	forge    Forge
	store    Store
	settings Settings
	now      func() time.Time
	log      *slog.Logger
}

// NewKeeper makes a Keeper.
func NewKeeper(f Forge, s Store, settings Settings, now func() time.Time, log *slog.Logger) *Keeper {
	return &Keeper{forge: f, store: s, settings: settings, now: now, log: log}
}

// Keep brings the credential of one Organization to what it should be, and returns what that took.
func (k *Keeper) Keep(ctx context.Context, organization string) (Action, error) {
	account := Account(organization)
	have, err := k.store.Load(ctx, organization)
	if err != nil {
		return Nothing, fmt.Errorf("read the pull credential of %s: %w", organization, err)
	}
	opens := false
	if have.Token != "" {
		if opens, err = k.forge.Opens(ctx, have.Token); err != nil {
			return Nothing, fmt.Errorf("try the pull credential of %s: %w", organization, err)
		}
	}
	action := Plan(k.settings, account, have, opens, k.now())
	switch action {
	case Issue:
		now := k.now()
		c := Credential{Account: account, Name: fmt.Sprintf("catalyst-%d", now.UnixNano()), Issued: now}
		if c.Token, err = k.forge.Issue(ctx, c.Account, c.Name); err == nil {
			err = k.store.Save(ctx, organization, c)
		}
	case Revoke:
		have.Settled = true
		if err = k.forge.Retain(ctx, have.Account, have.Name); err == nil {
			err = k.store.Save(ctx, organization, have)
		}
	default:
		return Nothing, nil
	}
	if err != nil {
		return Nothing, fmt.Errorf("%s for the pull credential of %s: %w", action, organization, err)
	}
	k.log.Info("pull credential changed", "organization", organization, "account", account, "action", string(action))
	return action, nil
}

// Withdraw revokes every token of an Organization that has left.
func (k *Keeper) Withdraw(ctx context.Context, organization string) error {
	if err := k.forge.Retain(ctx, Account(organization), ""); err != nil {
		return fmt.Errorf("revoke the pull credential of %s: %w", organization, err)
	}
	return k.store.Delete(ctx, organization)
}
