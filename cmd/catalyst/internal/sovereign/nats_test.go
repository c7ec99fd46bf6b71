package sovereign

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
)

// serve starts a server as nats-server would, with the file that it would read.
func serve(t *testing.T, file string) *server.Server {
	t.Helper()
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opts.Port, opts.HTTPPort, opts.NoLog, opts.NoSigs = -1, 0, true, true
	opts.HTTPHost = ""
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s
}

func writeSpine(t *testing.T, s Settings) *Secrets {
	t.Helper()
	sec, err := LoadSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	files, err := NATSFiles(s, sec)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sec
}

// The servers take what we write for them, and each service signs in with what it is told, today and after a restart.
func TestServicesSignIn(t *testing.T) {
	s := testSettings(t)
	sec := writeSpine(t, s)
	first := serve(t, s.NATSConfigFile())
	bring := func(srv *server.Server) {
		t.Helper()
		for _, c := range Components(s, sec, Binaries{}) {
			if c.Env["CATALYST_NATS_URL"] == "" {
				if c.Env["CATALYST_NATS_SEED_FILE"] != "" {
					t.Errorf("%s has a seed and no server", c.Name)
				}
				continue
			}
			a, err := spine.Open(spine.Config{URL: srv.ClientURL(), Name: c.Name,
				SeedFile: c.Env["CATALYST_NATS_SEED_FILE"], TokenFile: c.Env["CATALYST_NATS_TOKEN_FILE"]}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			err = spine.Retry(t.Context(), slog.New(slog.DiscardHandler), "sign in", func(ctx context.Context) error {
				_, err := a.Sovereign().JetStream().AccountInfo(ctx)
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
			a.Close()
		}
	}
	bring(first)
	first.Shutdown()
	first.WaitForShutdown()
	writeSpine(t, s)
	bring(serve(t, s.NATSConfigFile()))
	for _, file := range []string{s.seedFile("gateway"), s.tokenFile("gateway"), s.NATSConfigFile(), s.seedFile(operatorSigning)} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v: others can read it", file, info, err)
		}
	}
}

// The environment-controller makes an account while the server runs, and it is there after a restart.
func TestAccountsAreTaken(t *testing.T) {
	s := testSettings(t)
	sec := writeSpine(t, s)
	srv := serve(t, s.NATSConfigFile())
	token, err := os.ReadFile(s.tokenFile(systemUser))
	if err != nil {
		t.Fatal(err)
	}
	op, err := access.NewOperator([]byte(sec.Spine[operatorSigning]))
	if err != nil {
		t.Fatal(err)
	}
	acme, err := signAccount(op, sec, access.Account{Name: "acme", Limits: access.Limits{Disk: 1 << 20, Streams: 4, Consumers: 4}}, access.Organization(nil))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(srv.ClientURL(), nats.UserJWTAndSeed(string(token), sec.Spine[controllerName]), nats.CustomInboxPrefix(spine.Inbox(controllerName)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answer, err := nc.Request(access.ClaimsUpdate, []byte(acme.Claims), 5*time.Second)
	if err != nil || !strings.Contains(string(answer.Data), `"code":200`) {
		t.Fatalf("%s, %v", answer.Data, err)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	srv = serve(t, s.NATSConfigFile())
	in, err := nats.Connect(srv.ClientURL(), nats.UserJWTAndSeed(acme.Tokens["projector"], sec.Spine["projector"]), nats.CustomInboxPrefix(spine.Inbox("projector")))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	js, err := jetstream.New(in)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := js.AccountInfo(t.Context()); err != nil || info.Limits.MaxStore != 1<<20 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestIntentsAreWrittenThrough(t *testing.T) {
	s := testSettings(t)
	writeSpine(t, s)
	for file, always := range map[string]bool{s.NATSConfigFile(): false, s.IntentsConfigFile(): true} {
		opts, err := server.ProcessConfigFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if opts.SyncAlways != always || !always && opts.SyncInterval != time.Second {
			t.Errorf("%s: always %v, every %v", file, opts.SyncAlways, opts.SyncInterval)
		}
	}
	srv := serve(t, s.IntentsConfigFile())
	a, err := spine.Open(spine.Config{URL: srv.ClientURL(), Name: "provisioning", SeedFile: s.seedFile("provisioning"), TokenFile: s.tokenFile("provisioning")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Sovereign().Open(t.Context(), "operations"); err != nil {
		t.Error(err)
	}
}

func TestADamagedSeedIsTold(t *testing.T) {
	s := testSettings(t)
	sec := writeSpine(t, s)
	sec.Spine["gateway"] = sec.Spine[operator]
	if err := sec.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecrets(s); err == nil || !strings.Contains(err.Error(), "catalyst reset") {
		t.Errorf("got %v", err)
	}
}
