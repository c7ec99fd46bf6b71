package nats_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
	"catalyst.openova.io/pkg/spine/spinetest"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/environment-controller/internal/account"
	"catalyst.openova.io/services/environment-controller/internal/environment"
	"catalyst.openova.io/services/environment-controller/internal/nats"
	spineadapter "catalyst.openova.io/services/environment-controller/internal/spine"
)

var quiet = slog.New(slog.DiscardHandler)

type controller struct {
	*account.Keeper
	server *spinetest.Server
	spine  *spine.Accounts
	back   chan struct{}
}

func start(t *testing.T) *controller {
	t.Helper()
	c := &controller{server: spinetest.Start(t), back: make(chan struct{}, 10)}
	c.spine = c.server.Open(t, "environment-controller")
	operator, err := nats.Connect(c.server.Config("environment-controller"), c.server.SystemToken, func() {
		select {
		case c.back <- struct{}{}:
		default:
		}
	}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(operator.Close)
	c.Keeper = account.NewKeeper(c.server.Operator, operator, nats.NewBoard(c.spine), account.Settings{
		Limits: access.Limits{Disk: 1 << 24, Streams: 16, Consumers: 64}, Services: c.server.Keys, EnvTypes: environment.Types,
	}, quiet)
	c.awaitBack(t)
	return c
}

func retry(t *testing.T, what string, f func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return spine.Retry(ctx, quiet, what, f)
}

func (c *controller) awaitBack(t *testing.T) {
	t.Helper()
	select {
	case <-c.back:
	case <-time.After(10 * time.Second):
		t.Fatal("the operator is not connected")
	}
}

func (c *controller) keep(t *testing.T, organization string, changes int) {
	t.Helper()
	// The connection to the Sovereign's own account comes back in its own time.
	err := retry(t, "keep", func(ctx context.Context) error {
		n, err := c.Keep(ctx, organization)
		if err == nil && n != changes {
			t.Errorf("%s took %d changes, want %d", organization, n, changes)
		}
		if !errors.Is(err, account.ErrUnavailable) && err != nil {
			t.Fatal(err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *controller) publish(t *testing.T, organization, app string) {
	t.Helper()
	a := c.server.Open(t, "observer")
	env := organization + "-dev"
	err := retry(t, "publish", func(ctx context.Context) error {
		s, err := a.Of(ctx, env)
		if err != nil {
			return err
		}
		return s.Publish(ctx, spine.Event{ID: env + app, Source: "/test", Subject: spine.Branch(env, app), Time: time.Now(),
			Data: &spinev1.BranchObserved{Organization: organization, Environment: env, Application: app}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *controller) events(t *testing.T, organization string) uint64 {
	t.Helper()
	var n uint64
	a := c.server.Open(t, "projector")
	err := retry(t, "count", func(ctx context.Context) error {
		s, err := a.Organization(ctx, organization)
		if err != nil {
			return err
		}
		stream, err := s.JetStream().Stream(ctx, spine.Stream)
		if err == nil {
			n = stream.CachedInfo().State.Msgs
			if max := stream.CachedInfo().Config.MaxBytes; max != 3<<22 {
				t.Errorf("events may take %d bytes, want three quarters of the account", max)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAnAccountIsMadeAndHealed(t *testing.T) {
	c := start(t)
	c.keep(t, "acme", 2)
	c.keep(t, "acme", 0)
	c.publish(t, "acme", "shop")

	t.Log("somebody deletes the announcement")
	kv, err := c.spine.Sovereign().JetStream().KeyValue(t.Context(), spine.AccountsBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	c.keep(t, "acme", 1)

	t.Log("the server loses its accounts")
	c.server.Stop()
	if _, err := c.Keep(t.Context(), "acme"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(c.server.Dir, "accounts")); err != nil {
		t.Fatal(err)
	}
	c.server.Resume(t)
	c.awaitBack(t)
	c.keep(t, "acme", 1)
	if n := c.events(t, "acme"); n != 1 {
		t.Errorf("%d events are left of 1", n)
	}
}

func TestAnAccountIsWithdrawnAndComesBack(t *testing.T) {
	c := start(t)
	c.keep(t, "acme", 2)
	c.publish(t, "acme", "shop")
	held, err := c.server.Operator.Account(account.Settings{Services: c.server.Keys, EnvTypes: environment.Types}.Wanted("acme"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing to do
		if err := c.Withdraw(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.server.Open(t, "observer").Organization(t.Context(), "acme"); !errors.Is(err, spine.ErrNoAccount) {
		t.Errorf("it is still announced: %v", err)
	}
	if nc, err := c.server.TryConnect("observer", held.Tokens["observer"]); err == nil {
		nc.Close()
		t.Error("a token that somebody kept still opens it")
	}
	c.keep(t, "acme", 2)
	if n := c.events(t, "acme"); n != 1 {
		t.Errorf("%d events are left of 1", n)
	}
}

func TestTriggersComeFromEveryAccount(t *testing.T) {
	c := start(t)
	c.keep(t, "acme", 2)
	heard := make(chan environment.Trigger, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l := spineadapter.Listener{Accounts: c.spine, Gone: func() {}, Log: quiet,
			Trigger: func(_ context.Context, tr environment.Trigger) error { heard <- tr; return nil }}
		if err := l.Listen(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	c.keep(t, "umbrella", 2)
	// It hears from now on, whenever that is: what was published before is not for it.
	for _, organization := range []string{"acme", "umbrella"} {
		err := retry(t, "hear", func(ctx context.Context) error {
			c.publish(t, organization, time.Now().Format("app-150405.000000"))
			select {
			case tr := <-heard:
				if tr.Organization != organization {
					t.Errorf("heard of %+v, want %s", tr, organization)
				}
				return nil
			case <-time.After(200 * time.Millisecond):
				return errors.New("nothing is heard yet")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for len(heard) > 0 {
			<-heard
		}
	}
	cancel()
	<-done
}
