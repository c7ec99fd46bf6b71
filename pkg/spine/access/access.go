// Package access makes the accounts of the spine: their keys, their limits, and for each service the token with which it
// signs in and what it may do there. It signs and computes; it talks to nobody.
//
// Nothing is kept but the operator's signing seed and a seed for each service. Every other key follows from the signing
// seed and a name, so that an account that a server has lost is made again as it was.
package access

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// The accounts that every Sovereign has.
const (
	SystemAccount    = "SYS"
	SovereignAccount = "SOVEREIGN"
)

// Limits are what an account may hold. The zero value is an account without JetStream.
type Limits struct {
	// Disk is how many bytes all its streams may take.
	Disk int64
	// Streams and Consumers are how many there may be.
	Streams, Consumers int64
}

// User is a service in an account.
type User struct {
	// Key is the public key of the service.
	Key   string
	Right Right
}

// Account is an account before it is signed.
type Account struct {
	Name   string
	Limits Limits
	// Users by the name of the service.
	Users map[string]User
}

// Signed is an account as a server and its users want it.
type Signed struct {
	// Key is the public key of the account.
	Key string
	// Claims is its JWT, for the server.
	Claims string
	// Tokens are the JWTs of its users, by the name of the service.
	Tokens map[string]string
}

// Operator signs accounts with a signing key of the operator.
type Operator struct {
	pair   nkeys.KeyPair
	secret []byte
}

// NewOperator takes the seed of an operator's signing key.
func NewOperator(seed []byte) (*Operator, error) {
	prefix, secret, err := nkeys.DecodeSeed(seed)
	if err != nil || prefix != nkeys.PrefixByteOperator {
		return nil, errors.New("this is no seed of an operator's signing key")
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, err
	}
	return &Operator{pair: pair, secret: secret}, nil
}

// Account signs an account. Its key follows from the operator's seed and its name. The key that signs a user's token
// follows from the public key of the service too and carries the user's rights: when a service gets another key, or
// leaves, the account no longer names the former signing key, and the server refuses what it signed.
func (o *Operator) Account(a Account) (Signed, error) {
	pair, public, err := o.derive("account", a.Name)
	if err != nil {
		return Signed{}, err
	}
	defer pair.Wipe()
	out := Signed{Key: public, Tokens: map[string]string{}}
	claims := jwt.NewAccountClaims(public)
	claims.Name = a.Name
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: a.Limits.Disk, Streams: a.Limits.Streams, Consumer: a.Limits.Consumers}
	for _, service := range slices.Sorted(maps.Keys(a.Users)) {
		u := a.Users[service]
		if !nkeys.IsValidPublicUserKey(u.Key) {
			return Signed{}, fmt.Errorf("the public key of the service %s is no user's key", service)
		}
		signer, signerKey, err := o.derive("user", a.Name, service, u.Key)
		if err != nil {
			return Signed{}, err
		}
		scope := jwt.NewUserScope()
		scope.Key, scope.Role, scope.Template.Permissions = signerKey, service, u.Right.permissions(service)
		claims.SigningKeys.AddScopedSigner(scope)
		token := jwt.NewUserClaims(u.Key)
		token.Name, token.IssuerAccount = service, public
		token.SetScoped(true)
		out.Tokens[service], err = token.Encode(signer)
		signer.Wipe()
		if err != nil {
			return Signed{}, fmt.Errorf("token of %s in %s: %w", service, a.Name, err)
		}
	}
	if out.Claims, err = claims.Encode(o.pair); err != nil {
		return Signed{}, fmt.Errorf("account %s: %w", a.Name, err)
	}
	return out, nil
}

// PublicKey is the operator's signing key.
func (o *Operator) PublicKey() (string, error) { return o.pair.PublicKey() }

// derive makes a key for an account from the secret and names. The names cannot run into each other.
func (o *Operator) derive(names ...string) (nkeys.KeyPair, string, error) {
	info, err := json.Marshal(append([]string{"catalyst spine"}, names...))
	if err != nil {
		return nil, "", err
	}
	raw, err := hkdf.Key(sha256.New, o.secret, nil, string(info), 32)
	if err != nil {
		return nil, "", err
	}
	seed, err := nkeys.EncodeSeed(nkeys.PrefixByteAccount, raw)
	if err != nil {
		return nil, "", err
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, "", err
	}
	public, err := pair.PublicKey()
	return pair, public, err
}

// OperatorToken is what a server has to trust: the operator with its signing key, signed by the operator's own seed.
func OperatorToken(seed []byte, signing, system string) (string, error) {
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return "", fmt.Errorf("the seed of the operator: %w", err)
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewOperatorClaims(public)
	claims.Name, claims.SystemAccount, claims.StrictSigningKeyUsage = "catalyst", system, true
	claims.SigningKeys.Add(signing)
	return claims.Encode(pair)
}

// SameClaims tells whether two JWTs of accounts say the same, signed whenever.
func SameClaims(a, b string) bool {
	return same(a, b, func(s string) (jwt.Claims, error) { return jwt.DecodeAccountClaims(s) })
}

// SameToken tells whether two tokens of users say the same, signed whenever.
func SameToken(a, b string) bool {
	return same(a, b, func(s string) (jwt.Claims, error) { return jwt.DecodeUserClaims(s) })
}

func same(a, b string, decode func(string) (jwt.Claims, error)) bool {
	var text [2]string
	for i, s := range []string{a, b} {
		c, err := decode(s)
		if err != nil {
			return false
		}
		c.Claims().IssuedAt, c.Claims().ID = 0, ""
		body, err := json.Marshal(c)
		if err != nil {
			return false
		}
		text[i] = string(body)
	}
	return text[0] == text[1]
}

// answerWithin is how long a service may take to answer a request that it was sent.
const answerWithin = 10 * time.Minute
