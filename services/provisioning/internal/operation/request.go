package operation

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Request is what a person asks for.
type Request struct {
	Action       Action `json:"action"`
	Organization string `json:"organization"`
	// Environment by name; empty with Uninstall means everywhere.
	Environment string         `json:"environment"`
	Application string         `json:"application"`
	Blueprint   string         `json:"blueprint,omitempty"`
	Version     string         `json:"version,omitempty"`
	Values      map[string]any `json:"values,omitempty"`
	// Size is one of the Blueprint's ready-made sets of settings.
	Size string `json:"size,omitempty"`
	// Choices of dependencies, by their path.
	Choices map[string]Choice `json:"choices,omitempty"`
	// Commit to roll back to.
	Commit string `json:"commit,omitempty"`
	// WithDependencies has what was installed for this Application alone uninstalled with it.
	WithDependencies bool `json:"withDependencies,omitempty"`
	// Head that the person saw, if they say so.
	Head string `json:"head,omitempty"`

	Person Person `json:"-"`
	// Key is the Idempotency-Key, empty if there is none.
	Key string `json:"-"`
}

// fingerprint is the same for the same request. Two people never share a key, so the person is not part of it.
func (r Request) fingerprint() (string, error) {
	b, err := json.Marshal(r) // the keys of maps are sorted
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id is derived from the Idempotency-Key, so that a repetition finds the first Operation whatever happened in between.
func (r Request) id() string {
	if r.Key == "" {
		return "op-" + strings.ToLower(rand.Text()[:20])
	}
	return derive("op-", r.Person.Subject, r.Organization+"\x00"+r.Key)
}

// derive makes an id from another one, so that asking twice gives the same.
func derive(prefix, what, id string) string {
	sum := sha256.Sum256([]byte(what + "\x00" + id))
	return prefix + letters.EncodeToString(sum[:])[:20]
}

// planID is the same for an InstallPlan.
func (r Request) planID() string {
	if r.Key == "" {
		return "plan-" + strings.ToLower(rand.Text()[:20])
	}
	return derive("plan-", "plan\x00"+r.Person.Subject, r.Organization+"\x00"+r.Key)
}

// maxKey bounds an Idempotency-Key.
const maxKey = 200

func checkKey(key string) error {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refuse(CodeInvalidRequest, fmt.Sprintf("The Idempotency-Key must have at most %d visible ASCII characters, such as a UUID.", maxKey))
	}
	return nil
}
