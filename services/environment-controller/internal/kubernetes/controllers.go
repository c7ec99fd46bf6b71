// Package kubernetes is the adapter to the cluster: the controllers that watch Organizations and Environments, and the
// objects that an Environment and its Applications become. Of the custom resources that people
// write it changes nothing but the status and a finalizer.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/credential"
	"catalyst.openova.io/services/environment-controller/internal/desired"
	"catalyst.openova.io/services/environment-controller/internal/environment"
	"catalyst.openova.io/services/environment-controller/internal/organization"
)

// Config is what the controllers need.
type Config struct {
	// Kubeconfig is a file; empty inside a cluster. It may appear later.
	Kubeconfig string
	// GitURL is Gitea's, as Flux reaches it.
	GitURL string
	// Metrics is the address to serve metrics on, empty for nowhere.
	Metrics string
	// PublicKeyFile holds the key, in PEM, that Blueprints are signed with.
	PublicKeyFile string
}

// Keepers bring to what it should be what is not in the cluster.
type Keepers struct {
	Organizations *organization.Keeper
	// Accounts is nil where the spine has none.
	Accounts Accounts
	// Credentials makes the keeper of pull credentials, which are stored in the cluster.
	Credentials func(credential.Store) *credential.Keeper
	// Desired is the Sovereign's own repository.
	Desired *desired.Repository
}

// Accounts keeps the accounts of Organizations on the spine; account.Keeper is one.
type Accounts interface {
	// Keep brings one to what it should be, and returns how many changes that took.
	Keep(ctx context.Context, organization string) (int, error)
	// Withdraw takes one away from the services.
	Withdraw(ctx context.Context, organization string) error
}

// Controllers run against one cluster.
type Controllers struct {
	config  Config
	keepers Keepers
	git     environment.Git
	log     *slog.Logger

	triggers chan event.TypedGenericEvent[environment.Trigger]
	again    chan event.GenericEvent
	waiting  atomic.Pointer[string]
}

// New does not connect.
func New(cfg Config, keepers Keepers, git environment.Git, log *slog.Logger) *Controllers {
	c := &Controllers{
		config: cfg, keepers: keepers, git: git, log: log,
		triggers: make(chan event.TypedGenericEvent[environment.Trigger], 256),
		again:    make(chan event.GenericEvent, 1),
	}
	c.say("the cluster has not been reached yet")
	return c
}

// Trigger has one Application looked at now. It waits only while the controllers are not running.
func (c *Controllers) Trigger(ctx context.Context, t environment.Trigger) error {
	select {
	case c.triggers <- event.TypedGenericEvent[environment.Trigger]{Object: t}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// KeepAccounts has the accounts of Organizations kept too. It is called before Run, where the spine has accounts.
func (c *Controllers) KeepAccounts(a Accounts) { c.keepers.Accounts = a }

// LookAgain has all Organizations looked at soon. It does not wait.
func (c *Controllers) LookAgain() {
	select {
	case c.again <- event.GenericEvent{Object: &catalystv1.Organization{}}:
	default: // somebody asked already
	}
}

// Ready tells whether the controllers run.
func (c *Controllers) Ready(context.Context) error {
	if w := c.waiting.Load(); *w != "" {
		return errors.New(*w)
	}
	return nil
}

func (c *Controllers) say(why string) { c.waiting.Store(&why) }

// Run waits for the cluster and its custom resources, and runs the controllers until ctx ends. If they stop for any
// other reason, they start anew.
func (c *Controllers) Run(ctx context.Context) error {
	last := ""
	for ctx.Err() == nil {
		err := c.runOnce(ctx)
		if ctx.Err() != nil {
			break
		}
		why := "stopped"
		if err != nil {
			why = err.Error()
		}
		if c.say(why); why != last {
			c.log.Info("waiting for the cluster", "reason", why)
			last = why
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return ctx.Err()
}

func (c *Controllers) runOnce(ctx context.Context) error {
	cfg, err := restConfig(c.config.Kubeconfig)
	if err != nil {
		return err
	}
	if err := servesAll(ctx, cfg); err != nil {
		return err
	}
	m, err := c.manager(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = m.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if m.GetCache().WaitForCacheSync(ctx) {
			c.say("")
			c.log.Info("watching the cluster", "server", cfg.Host)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	return m.Start(ctx)
}

func restConfig(file string) (*rest.Config, error) {
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: file}, nil).ClientConfig()
	if file == "" {
		cfg, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	cfg.UserAgent = "catalyst-environment-controller"
	cfg.QPS = -1 // the API server's own fairness is the limit
	return cfg, nil
}
