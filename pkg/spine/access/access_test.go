package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func operator(t *testing.T) *Operator {
	t.Helper()
	o, err := NewOperator(seed(t, nkeys.PrefixByteOperator))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func seed(t *testing.T, kind nkeys.PrefixByte) []byte {
	t.Helper()
	pair, err := nkeys.CreatePair(kind)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func public(t *testing.T) string {
	t.Helper()
	pair, err := nkeys.FromSeed(seed(t, nkeys.PrefixByteUser))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, o *Operator, a Account) Signed {
	t.Helper()
	s, err := o.Account(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAccountIsMadeAgainAsItWas(t *testing.T) {
	o, key := operator(t), public(t)
	acme := Account{Name: "acme", Limits: Limits{Disk: 1 << 20, Streams: 3, Consumers: 9}, Users: map[string]User{"gateway": {Key: key, Right: Right{Publish: []string{"b", "a"}}}}}
	first, again := sign(t, o, acme), sign(t, o, acme)
	if first.Key != again.Key || !SameClaims(first.Claims, again.Claims) || !SameToken(first.Tokens["gateway"], again.Tokens["gateway"]) {
		t.Error("the same account came out different")
	}
	more := acme
	more.Limits.Disk++
	if got := sign(t, o, more); got.Key != first.Key || SameClaims(first.Claims, got.Claims) || !SameToken(first.Tokens["gateway"], got.Tokens["gateway"]) {
		t.Error("another limit should change what the account may hold, not its key and tokens")
	}
	other := acme
	other.Name = "umbrella"
	if got := sign(t, o, other); got.Key == first.Key {
		t.Error("two Organizations share an account")
	}
	if got := sign(t, operator(t), acme); got.Key == first.Key {
		t.Error("two operators make the same account")
	}
	if SameClaims("", first.Claims) || SameToken(first.Tokens["gateway"], "x") {
		t.Error("nothing is the same as something")
	}
}

// A service that gets another key must not leave its former token valid behind.
func TestAFormerTokenIsNoLongerSigned(t *testing.T) {
	o := operator(t)
	with := func(key string) Signed {
		return sign(t, o, Account{Name: "acme", Users: map[string]User{"gateway": {Key: key}}})
	}
	before, after := with(public(t)), with(public(t))
	token, err := jwt.DecodeUserClaims(before.Tokens["gateway"])
	if err != nil {
		t.Fatal(err)
	}
	account, err := jwt.DecodeAccountClaims(after.Claims)
	if err != nil {
		t.Fatal(err)
	}
	if account.DidSign(token) {
		t.Error("the account still stands for the token of the former key")
	}
	if _, err := o.Account(Account{Name: "acme", Users: map[string]User{"gateway": {Key: "UNOKEY"}}}); err == nil {
		t.Error("a key that is none was accepted")
	}
}

// What no service may ever do, whatever it is.
func TestRights(t *testing.T) {
	all := map[string]map[string]Right{
		SovereignAccount: Sovereign("local"), SystemAccount: System(),
		"acme": Organization([]Buckets{{Views: "ws-acme-dev-state", Facts: "ws-acme-dev-facts"}}),
	}
	for account, rights := range all {
		for service, r := range rights {
			for _, p := range append(slices.Clone(r.Publish), r.Subscribe...) {
				for _, bad := range []string{">", "$JS.>", "$JS.API.>", "$SYS.>", "$KV.>", "_INBOX.>", "$JS.API.STREAM.DELETE.", "$JS.API.STREAM.PURGE.SPINE", "$JS.API.STREAM.PURGE.*"} {
					if p == bad || strings.HasSuffix(bad, ".") && strings.HasPrefix(p, bad) {
						t.Errorf("%s in %s has %s", service, account, p)
					}
				}
				if strings.HasPrefix(p, "$SYS.") && account != SystemAccount {
					t.Errorf("%s in %s has %s", service, account, p)
				}
			}
			writes := slices.ContainsFunc(r.Publish, func(p string) bool { return strings.HasPrefix(p, "$KV.ws-") })
			if writes != (service == "projector") {
				t.Errorf("%s in %s: writes views: %v", service, account, writes)
			}
		}
	}
	if p := (Right{}).permissions("x"); !slices.Contains(p.Pub.Deny, ">") {
		t.Error("no right at all must not become every right")
	}
}
