package spine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
	"catalyst.openova.io/pkg/spine/spinetest"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

var testLog = slog.New(slog.DiscardHandler)

func event(env, id string) spine.Event {
	return spine.Event{ID: id, Source: "/test", Subject: spine.Operation(env, id), Time: time.Now(),
		Data: &spinev1.OperationProgressed{Id: id, Environment: env, Message: strings.Repeat("x", 1000)}}
}

// account opens the account of an Organization as a service.
func account(t *testing.T, server *spinetest.Server, service, organization string) *spine.Spine {
	t.Helper()
	s, err := server.Open(t, service).Organization(t.Context(), organization)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read reads the ids of all events that a service can see in an account.
func read(t *testing.T, s *spine.Spine) []string {
	t.Helper()
	var ids []string
	done := errors.New("done")
	err := s.Read(t.Context(), spine.Reading{Subjects: []string{spine.All}}, func(_ context.Context, b spine.Batch) error {
		for _, e := range b.Events {
			ids = append(ids, e.ID)
		}
		if b.Pending == 0 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return ids
}

func TestAnOrganizationSeesItsOwnEventsOnly(t *testing.T) {
	server := spinetest.Start(t)
	early := server.Open(t, "provisioning")
	if _, err := early.Organization(t.Context(), "acme"); !errors.Is(err, spine.ErrNoAccount) {
		t.Fatalf("before it was made: %v", err)
	}
	if _, err := early.Of(t.Context(), "nonsense"); err == nil {
		t.Error("a name that is no Environment's has an account")
	}
	server.Organization(t, "acme", 1<<24)
	server.Organization(t, "umbrella", 1<<24)
	for env, id := range map[string]string{"acme-dev": "op-a", "umbrella-dev": "op-u"} {
		s, err := early.Of(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.EnsureStream(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Publish(t.Context(), event(env, id)); err != nil {
			t.Fatal(err)
		}
	}
	for organization, want := range map[string]string{"acme": "op-a", "umbrella": "op-u"} {
		if got := read(t, account(t, server, "projector", organization)); len(got) != 1 || got[0] != want {
			t.Errorf("%s sees %v", organization, got)
		}
	}
	own := server.Open(t, "projector").Sovereign()
	if got := read(t, own); len(got) != 0 {
		t.Errorf("the Sovereign's own account sees %v", got)
	}
}

// refused publishes and returns whether the server refused it, which it tells a moment later.
func refused(t *testing.T, server *spinetest.Server, service, token, subject string) bool {
	t.Helper()
	told := make(chan error, 8)
	nc := server.Connect(t, service, token, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
	defer nc.Close()
	if err := nc.PublishRequest(subject, spine.Inbox(service)+".x", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the server answers in order
		t.Fatal(err)
	}
	select {
	case err := <-told:
		return errors.Is(err, nats.ErrPermissionViolation)
	default:
	}
	return errors.Is(nc.LastError(), nats.ErrPermissionViolation)
}

func TestRightsHold(t *testing.T) {
	server := spinetest.Start(t)
	acme := server.Organization(t, "acme", 1<<24)
	own := map[string]string{}
	for _, service := range spinetest.Services {
		own[service] = server.OwnToken(service)
	}
	deny := []string{
		"$JS.API.STREAM.DELETE.SPINE", "$JS.API.STREAM.PURGE.SPINE", "$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.SNAPSHOT.SPINE",
		"$JS.API.STREAM.MSG.DELETE.SPINE", "$JS.API.ACCOUNT.PURGE.X", access.ClaimsUpdate, "$SYS.REQ.CLAIMS.DELETE", "_INBOX.other.x", "something",
	}
	for _, service := range spinetest.Services {
		for _, token := range []string{own[service], acme.Tokens[service]} {
			for _, subject := range deny {
				if !refused(t, server, service, token, subject) {
					t.Errorf("%s may publish to %s", service, subject)
				}
			}
		}
		writes := !refused(t, server, service, acme.Tokens[service], "$KV.ws-acme-dev-state.x")
		if writes != (service == "projector") {
			t.Errorf("%s: writes views: %v", service, writes)
		}
		tells := !refused(t, server, service, acme.Tokens[service], "ws.acme-dev.op.x")
		if tells != (service == "provisioning" || service == "observer") {
			t.Errorf("%s: publishes the progress of Operations: %v", service, tells)
		}
		sees := !refused(t, server, service, acme.Tokens[service], "$JS.API.CONSUMER.CREATE.SPINE")
		if sees != (service == "projector" || service == "environment-controller" || service == "provisioning") {
			t.Errorf("%s: reads events: %v", service, sees)
		}
		checks := !refused(t, server, service, acme.Tokens[service], "ws.acme-dev.check.x")
		if checks != (service == "provisioning" || service == "observer") {
			t.Errorf("%s: says what a check found: %v", service, checks)
		}
	}
	if !refused(t, server, "gateway", own["gateway"], "$KV.accounts.acme") || refused(t, server, "environment-controller", own["environment-controller"], "$KV.accounts.acme") {
		t.Error("accounts are announced by who must not, or not by who must")
	}
}

// What one service is answered is no other's to hear.
func TestInboxesArePrivate(t *testing.T) {
	server := spinetest.Start(t)
	told := make(chan error, 1)
	nc := server.Connect(t, "gateway", server.OwnToken("gateway"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		select {
		case told <- err:
		default:
		}
	}))
	for _, subject := range []string{"_INBOX.>", "_INBOX.projector.>", "ws.>", ">"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-told:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("the gateway may listen on %s", subject)
		}
	}
}

func TestAForeignTokenIsRefused(t *testing.T) {
	server := spinetest.Start(t)
	acme := server.Organization(t, "acme", 1<<24)
	if _, err := server.TryConnect("gateway", acme.Tokens["projector"]); err == nil {
		t.Error("the gateway signed in as the projector")
	}
	stranger := spinetest.Start(t).Organization(t, "acme", 1<<24)
	if _, err := server.TryConnect("gateway", stranger.Tokens["gateway"]); err == nil {
		t.Error("a token of another Sovereign was accepted")
	}
	// The service has another key now: what was signed for the former one is worth nothing, at once.
	nc := server.Connect(t, "gateway", acme.Tokens["gateway"], nats.NoReconnect())
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	server.Keys["gateway"] = server.Keys["observer"]
	server.Organization(t, "acme", 1<<24)
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection of the former key lives on")
	}
	if _, err := server.TryConnect("gateway", acme.Tokens["gateway"]); err == nil {
		t.Error("the token of the former key is still accepted")
	}
}

func TestAFullAccountRefusesLoudlyAndTheOthersGoOn(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<20)
	server.Organization(t, "umbrella", 1<<24)
	acme, umbrella := account(t, server, "provisioning", "acme"), account(t, server, "provisioning", "umbrella")
	for _, s := range []*spine.Spine{acme, umbrella} {
		if err := s.EnsureStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stored := 0
	for i := range 2000 {
		err := acme.Publish(t.Context(), event("acme-dev", fmt.Sprint("op-", i)))
		if spine.Full(err) {
			break
		}
		if err != nil {
			t.Fatalf("after %d: %v, which is not said to be for want of room", i, err)
		}
		stored++
	}
	if stored == 2000 {
		t.Fatal("an account of 1 MiB took 2 MB")
	}
	t.Logf("full after %d events", stored)
	if got := read(t, account(t, server, "projector", "acme")); len(got) != stored {
		t.Errorf("%d events were acknowledged, %d are there", stored, len(got))
	}
	if err := umbrella.Publish(t.Context(), event("umbrella-dev", "op-1")); err != nil {
		t.Errorf("the other Organization: %v", err)
	}
}

func TestEachFollowsTheAccounts(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	came, went := make(chan string, 10), make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	a := server.Open(t, "environment-controller")
	var done sync.WaitGroup
	done.Go(func() {
		err := a.Each(ctx, func(ctx context.Context, organization string, s *spine.Spine) {
			if err := s.EnsureStream(ctx); err != nil {
				t.Error(err)
			}
			came <- organization
			<-ctx.Done()
			went <- organization
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	next := func(c chan string, want string) {
		t.Helper()
		select {
		case got := <-c:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing is heard of %s", want)
		}
	}
	next(came, "acme")
	server.Organization(t, "umbrella", 1<<24)
	next(came, "umbrella")
	kv, err := a.Sovereign().JetStream().KeyValue(t.Context(), spine.AccountsBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	next(went, "acme")
	// The connection is closed when the visit has ended.
	soon, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := spine.Retry(soon, testLog, "withdrawal", func(ctx context.Context) error {
		if _, err := a.Organization(ctx, "acme"); !errors.Is(err, spine.ErrNoAccount) {
			return fmt.Errorf("after it was withdrawn: %w", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	server.Organization(t, "acme", 1<<24)
	next(came, "acme")
	cancel()
	done.Wait()
}

// The connections survive a restart of the server.
func TestAccountsSurviveARestart(t *testing.T) {
	server := spinetest.Start(t)
	server.Organization(t, "acme", 1<<24)
	acme := account(t, server, "observer", "acme")
	if err := acme.EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := acme.Publish(t.Context(), event("acme-dev", "op-1")); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	server.Resume(t)
	if err := spine.Retry(t.Context(), testLog, "publish", func(ctx context.Context) error {
		return acme.Publish(ctx, event("acme-dev", "op-2"))
	}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, account(t, server, "projector", "acme")); len(got) != 2 {
		t.Errorf("after the restart there is %v", got)
	}
}
