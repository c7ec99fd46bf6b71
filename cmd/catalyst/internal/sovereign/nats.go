package sovereign

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nkeys"

	"catalyst.openova.io/pkg/spine/access"
)

// The spine has two servers. Both trust the same operator and hold the Sovereign's own account; the first holds an
// account for each Organization too. What people asked for is on the second, which is small and writes through to the
// disk before it acknowledges anything: see docs/adr/0008.

// What the operator's seeds are called. The first is needed only to name the second.
const (
	operator        = "operator"
	operatorSigning = "operator-signing"
)

// systemUser is what the environment-controller is called in the system's account.
const systemUser = "environment-controller-system"

// controllerName is the service that makes accounts.
const controllerName = "environment-controller"

// sovereignLimits are what the Sovereign's own account may hold.
var sovereignLimits = access.Limits{Disk: 4 << 30, Streams: 32, Consumers: 512}

// sovereignRights are what each service may do in it. The observer has two sources here.
var sovereignRights = access.Sovereign("forge", "local")

func spineServiceNames() []string { return slices.Sorted(maps.Keys(sovereignRights)) }

// fillSeeds makes the seeds that are not there.
func fillSeeds(seeds map[string]string) error {
	kinds := map[string]nkeys.PrefixByte{operator: nkeys.PrefixByteOperator, operatorSigning: nkeys.PrefixByteOperator}
	for _, name := range spineServiceNames() {
		kinds[name] = nkeys.PrefixByteUser
	}
	for name, kind := range kinds {
		if seeds[name] != "" {
			if found, _, err := nkeys.DecodeSeed([]byte(seeds[name])); err != nil || found != kind {
				return fmt.Errorf("the seed %q is none", name)
			}
			continue
		}
		pair, err := nkeys.CreatePair(kind)
		if err != nil {
			return err
		}
		seed, err := pair.Seed()
		if err != nil {
			return err
		}
		seeds[name] = string(seed)
	}
	return nil
}

func publicKey(seed string) (string, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return "", err
	}
	return pair.PublicKey()
}

// spineServices lists the services that sign in to the spine, with their public keys.
func spineServices(sec *Secrets) string {
	var list []string
	for _, name := range spineServiceNames() {
		if key, err := publicKey(sec.Spine[name]); err == nil { // LoadSecrets has checked them
			list = append(list, name+"="+key)
		}
	}
	return strings.Join(list, ",")
}

// Where nats-server reads its configuration, and the services their seed and token.
func (s Settings) NATSConfigFile() string         { return s.File("nats", "nats.conf") }
func (s Settings) IntentsConfigFile() string      { return s.File("intents", "nats.conf") }
func (s Settings) seedFile(name string) string    { return s.File("nats", "users", name+".nk") }
func (s Settings) tokenFile(name string) string   { return s.File("nats", "users", name+".jwt") }
func (s Settings) natsStore(server string) string { return s.File(server, "store") }

// RemoveFormerSpine deletes what a spine without accounts left behind. The sources tell everything anew.
func RemoveFormerSpine(s Settings) error { return os.RemoveAll(s.File("nats", "data")) }

// NATSFiles are the files that the servers and services read, by their path. Nobody else may.
func NATSFiles(s Settings, sec *Secrets) (map[string]string, error) {
	op, err := access.NewOperator([]byte(sec.Spine[operatorSigning]))
	if err != nil {
		return nil, err
	}
	own, err := signAccount(op, sec, access.Account{Name: access.SovereignAccount, Limits: sovereignLimits}, sovereignRights)
	if err != nil {
		return nil, err
	}
	system, err := signAccount(op, sec, access.Account{Name: access.SystemAccount}, access.System())
	if err != nil {
		return nil, err
	}
	signing, err := op.PublicKey()
	if err != nil {
		return nil, err
	}
	token, err := access.OperatorToken([]byte(sec.Spine[operator]), signing, system.Key)
	if err != nil {
		return nil, err
	}
	trust := trust{operator: token, system: system, own: own}
	files := map[string]string{
		s.NATSConfigFile(): natsConfig(s, trust), s.IntentsConfigFile(): intentsConfig(s, trust),
		s.seedFile(operatorSigning): sec.Spine[operatorSigning], s.tokenFile(systemUser): system.Tokens[controllerName],
	}
	for _, name := range spineServiceNames() {
		files[s.seedFile(name)], files[s.tokenFile(name)] = sec.Spine[name], own.Tokens[name]
	}
	return files, nil
}

func signAccount(op *access.Operator, sec *Secrets, a access.Account, rights map[string]access.Right) (access.Signed, error) {
	a.Users = map[string]access.User{}
	for name, right := range rights {
		key, err := publicKey(sec.Spine[name])
		if err != nil {
			return access.Signed{}, fmt.Errorf("seed of %s: %w", name, err)
		}
		a.Users[name] = access.User{Key: key, Right: right}
	}
	return op.Account(a)
}

// trust is what both servers know from the start.
type trust struct {
	operator    string
	system, own access.Signed
}

func (t trust) String() string {
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver_preload: {\n  %s: %s\n  %s: %s\n}\n",
		t.operator, t.system.Key, t.system.Key, t.system.Claims, t.own.Key, t.own.Claims)
}

// natsConfig is the spine's. JetStream takes the limits of all accounts together for promised, so what it may store is
// more than a disk has; what an account may store is in its claims. A power cut may cost the last second, which is told
// anew by the sources.
func natsConfig(s Settings, t trust) string {
	return fmt.Sprintf(`server_name: catalyst
host: 127.0.0.1
port: %d
http: %q
max_payload: 1MB
write_deadline: "5s"
jetstream {
  store_dir: %s
  max_memory_store: 64MB
  max_file_store: 256GB
  sync_interval: "1s"
}
resolver: {
  type: full
  dir: %s
  interval: "2m"
}
%s`, portNATS+s.PortOffset, s.addr(portNATSMonitor), strconv.Quote(s.natsStore("nats")), strconv.Quote(s.File("nats", "accounts")), t)
}

// intentsConfig is that of the server of intents. What it acknowledged is on the disk.
func intentsConfig(s Settings, t trust) string {
	return fmt.Sprintf(`server_name: catalyst-intents
host: 127.0.0.1
port: %d
http: %q
max_payload: 1MB
write_deadline: "5s"
jetstream {
  store_dir: %s
  max_memory_store: 16MB
  max_file_store: 8GB
  sync_interval: always
}
resolver: MEMORY
%s`, portIntents+s.PortOffset, s.addr(portIntentsMonitor), strconv.Quote(s.natsStore("intents")), t)
}
