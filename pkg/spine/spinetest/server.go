// Package spinetest is a spine for tests: a real NATS server in this process, in operator mode, with the Sovereign's own
// account and a user for each service.
package spinetest

import (
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
)

// Services are those of a Sovereign that use the spine.
var Services = []string{"gateway", "provisioning", "projector", "observer", "environment-controller"}

// Server is a NATS server in operator mode.
type Server struct {
	// Operator signs its accounts, with the seed in OperatorFile.
	Operator     *access.Operator
	OperatorFile string
	// SystemToken is the file of the environment-controller's token in the system's account.
	SystemToken string
	// Keys are the public keys of the services.
	Keys map[string]string
	// Dir holds everything; accounts are in the folder "accounts" in it, streams in "jetstream".
	Dir string

	trusted *jwt.OperatorClaims
	system  access.Signed
	own     access.Signed
	port    int
	server  *server.Server
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir(), Keys: map[string]string{}, port: -1}
	must(t, os.MkdirAll(filepath.Join(s.Dir, "users"), 0o755))
	identity, _ := seed(t, nkeys.PrefixByteOperator)
	signing, signingKey := seed(t, nkeys.PrefixByteOperator)
	s.OperatorFile = s.write(t, "operator.nk", signing)
	var err error
	s.Operator, err = access.NewOperator(signing)
	must(t, err)
	for _, name := range Services {
		var b []byte
		b, s.Keys[name] = seed(t, nkeys.PrefixByteUser)
		s.write(t, name+".nk", b)
	}
	s.system = s.sign(t, access.Account{Name: access.SystemAccount, Users: s.users(access.System())})
	s.own = s.sign(t, access.Account{
		Name: access.SovereignAccount, Limits: access.Limits{Disk: 1 << 30, Streams: 32, Consumers: 256}, Users: s.users(access.Sovereign("forge", "local")),
	})
	for name, token := range s.own.Tokens {
		s.write(t, name+".jwt", []byte(token))
	}
	s.SystemToken = s.write(t, "system.jwt", []byte(s.system.Tokens["environment-controller"]))
	token, err := access.OperatorToken(identity, signingKey, s.system.Key)
	must(t, err)
	s.trusted, err = jwt.DecodeOperatorClaims(token)
	must(t, err)
	s.Resume(t)
	t.Cleanup(s.Stop)
	return s
}

// Resume starts the server again, on the same port and with what is left in Dir.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	resolver, err := server.NewDirAccResolver(filepath.Join(s.Dir, "accounts"), 0, 2*time.Minute, server.NoDelete)
	must(t, err)
	must(t, resolver.Store(s.system.Key, s.system.Claims))
	must(t, resolver.Store(s.own.Key, s.own.Claims))
	s.server, err = server.NewServer(&server.Options{
		ServerName: "test", Host: "127.0.0.1", Port: s.port, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: s.Dir, JetStreamMaxStore: 1 << 40,
		TrustedOperators: []*jwt.OperatorClaims{s.trusted}, SystemAccount: s.system.Key, AccountResolver: resolver,
	})
	must(t, err)
	s.server.Start()
	if !s.server.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	if addr, ok := s.server.Addr().(*net.TCPAddr); ok {
		s.port = addr.Port
	}
}

// Stop ends the server.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// URL is where it listens.
func (s *Server) URL() string { return s.server.ClientURL() }

// Config is what a service is told.
func (s *Server) Config(service string) spine.Config {
	return spine.Config{URL: s.URL(), Name: service, SeedFile: s.file(service + ".nk"), TokenFile: s.file(service + ".jwt")}
}

// Open connects as a service.
func (s *Server) Open(t testing.TB, service string) *spine.Accounts {
	t.Helper()
	a, err := spine.Open(s.Config(service), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(a.Close)
	return a
}

// Organization makes an account with Environments of every type, and announces it, as the environment-controller does.
func (s *Server) Organization(t testing.TB, name string, disk int64) access.Signed {
	t.Helper()
	var buckets []access.Buckets
	for _, envType := range []string{"dev", "poc", "stg", "uat", "prod"} {
		env := name + "-" + envType
		buckets = append(buckets, access.Buckets{Views: spine.Bucket(env), Facts: spine.Facts(env)})
	}
	account := s.sign(t, access.Account{Name: name, Limits: access.Limits{Disk: disk, Streams: 16, Consumers: 256}, Users: s.users(access.Organization(buckets))})
	nc := s.Connect(t, "environment-controller", s.system.Tokens["environment-controller"])
	defer nc.Close()
	_, err := nc.Request(access.ClaimsUpdate, []byte(account.Claims), 5*time.Second)
	must(t, err)
	own := s.Open(t, "environment-controller").Sovereign().JetStream()
	kv, err := own.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: spine.AccountsBucket, Storage: jetstream.FileStorage})
	must(t, err)
	b, err := json.Marshal(spine.Announcement{Account: account.Key, Tokens: account.Tokens})
	must(t, err)
	_, err = kv.Put(t.Context(), spine.Encode(name), b)
	must(t, err)
	return account
}

// OwnToken is the token of a service in the Sovereign's own account.
func (s *Server) OwnToken(service string) string { return s.own.Tokens[service] }

// Connect signs a service in with any token, past package spine.
func (s *Server) Connect(t testing.TB, service, token string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := s.TryConnect(service, token, opts...)
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// TryConnect is Connect for who expects to be refused.
func (s *Server) TryConnect(service, token string, opts ...nats.Option) (*nats.Conn, error) {
	b, err := os.ReadFile(s.file(service + ".nk"))
	if err != nil {
		return nil, err
	}
	return nats.Connect(s.URL(), append([]nats.Option{nats.UserJWTAndSeed(token, string(b)), nats.CustomInboxPrefix(spine.Inbox(service))}, opts...)...)
}

func (s *Server) users(rights map[string]access.Right) map[string]access.User {
	out := map[string]access.User{}
	for service, right := range rights {
		out[service] = access.User{Key: s.Keys[service], Right: right}
	}
	return out
}

func (s *Server) sign(t testing.TB, a access.Account) access.Signed {
	t.Helper()
	out, err := s.Operator.Account(a)
	must(t, err)
	return out
}

func (s *Server) file(name string) string { return filepath.Join(s.Dir, "users", name) }

func (s *Server) write(t testing.TB, name string, b []byte) string {
	t.Helper()
	must(t, os.WriteFile(s.file(name), b, 0o600))
	return s.file(name)
}

func seed(t testing.TB, kind nkeys.PrefixByte) (seed []byte, public string) {
	t.Helper()
	pair, err := nkeys.CreatePair(kind)
	must(t, err)
	seed, err = pair.Seed()
	must(t, err)
	public, err = pair.PublicKey()
	must(t, err)
	return seed, public
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
