package spine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// AccountsBucket is the bucket of the Sovereign's own account in which each Organization's account is announced: a key
// for each Organization, and an Announcement under it. There is no secret in it: a token is worth nothing without the
// seed of the user that it names.
const AccountsBucket = "accounts"

// Announcement says that an Organization has an account, and with which token each service signs in to it.
type Announcement struct {
	// Account is the public key of the account.
	Account string `json:"account"`
	// Tokens are user tokens (JWTs) by the name of the service.
	Tokens map[string]string `json:"tokens"`
}

// ErrNoAccount says that an Organization has no account in which this process may work, or none yet.
var ErrNoAccount = errors.New("there is no account for it yet")

// Accounts are the accounts of the spine: the Sovereign's own, and one for each Organization, with a connection to each
// that is used. What is published in one cannot be seen from another.
type Accounts struct {
	cfg  Config
	log  *slog.Logger
	own  *Spine
	seed []byte // nil where the server asks for none

	mu   sync.Mutex
	open map[string]*account // by Organization
}

type account struct {
	spine *Spine
	mu    sync.Mutex
	token string
}

// Open connects to the Sovereign's own account. It returns at once, whether or not the server is there.
func Open(cfg Config, log *slog.Logger) (*Accounts, error) {
	a := &Accounts{cfg: cfg, log: log, open: map[string]*account{}}
	var opts []nats.Option
	if cfg.SeedFile != "" {
		seed, err := os.ReadFile(cfg.SeedFile)
		if err != nil {
			return nil, fmt.Errorf("the seed of this service: %w", err)
		}
		a.seed = []byte(strings.TrimSpace(string(seed)))
		opts = append(opts, nats.UserJWT(func() (string, error) {
			token, err := os.ReadFile(cfg.TokenFile)
			return strings.TrimSpace(string(token)), err
		}, a.sign))
	}
	var err error
	a.own, err = connect(cfg.URL, cfg.Name, log, opts...)
	return a, err
}

func (a *Accounts) sign(nonce []byte) ([]byte, error) {
	pair, err := nkeys.FromSeed(a.seed)
	if err != nil {
		return nil, err
	}
	defer pair.Wipe()
	return pair.Sign(nonce)
}

// Close ends every connection after what was published has left.
func (a *Accounts) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range a.open {
		o.spine.close()
	}
	a.own.close()
}

// Sovereign is the Sovereign's own account.
func (a *Accounts) Sovereign() *Spine { return a.own }

// Of returns the account that an Environment is in; System stands for the Sovereign's own. ErrNoAccount says that it
// is not there yet.
func (a *Accounts) Of(ctx context.Context, env string) (*Spine, error) {
	if env == System {
		return a.own, nil
	}
	organization, _, err := ParseEnvironment(env)
	if err != nil {
		return nil, err
	}
	return a.Organization(ctx, organization)
}

// Organization returns the account of an Organization. ErrNoAccount says that it is not there yet.
func (a *Accounts) Organization(ctx context.Context, name string) (*Spine, error) {
	if a.seed == nil {
		return a.own, nil
	}
	a.mu.Lock()
	o, ok := a.open[name]
	a.mu.Unlock()
	if ok {
		return o.spine, nil
	}
	token, err := a.token(ctx, name)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if o, ok := a.open[name]; ok {
		return o.spine, nil
	}
	o = &account{token: token}
	o.spine, err = connect(a.cfg.URL, a.cfg.Name, a.log.With("organization", name), nats.UserJWT(func() (string, error) {
		// A token may have been replaced since: at a reconnect the newest one counts.
		if fresh, err := a.token(context.Background(), name); err == nil {
			o.mu.Lock()
			o.token = fresh
			o.mu.Unlock()
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.token, nil
	}, a.sign))
	if err != nil {
		return nil, err
	}
	a.open[name] = o
	return o.spine, nil
}

// Each calls f for each Organization that has an account: at once for those that are there, later for those that come,
// each in a goroutine of its own. The context of f ends when its account is withdrawn or replaced. Each returns an error
// when it can no longer tell what there is, such as after a loss of the server's disk; then every f has ended, and the
// caller begins anew. Where all accounts are one, f is called once, with an empty name.
func (a *Accounts) Each(ctx context.Context, f func(ctx context.Context, organization string, s *Spine)) error {
	if a.seed == nil {
		f(ctx, "", a.own)
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	v := &visits{accounts: a, f: f, here: map[string]*visit{}}
	defer v.running.Wait()
	defer cancel()
	kv, err := a.own.js.KeyValue(ctx, AccountsBucket)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", AccountsBucket, err)
	}
	made, err := a.bucketMade(ctx)
	if err != nil {
		return err
	}
	watch, err := kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", AccountsBucket, err)
	}
	defer watch.Stop() //nolint:errcheck // the server forgets it by itself
	inspect := time.NewTicker(inspectEvery)
	defer inspect.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-inspect.C:
			now, err := a.bucketMade(ctx)
			if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !now.Equal(made) {
				return fmt.Errorf("bucket %s: %w", AccountsBucket, ErrReplaced)
			}
		case e, ok := <-watch.Updates():
			if !ok {
				return fmt.Errorf("bucket %s: the watch has ended", AccountsBucket)
			}
			if e == nil { // the end of what was there
				continue
			}
			if err := v.hear(ctx, e); err != nil {
				return err
			}
		}
	}
}

func (a *Accounts) bucketMade(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectEvery)
	defer cancel()
	stream, err := a.own.js.Stream(ctx, "KV_"+AccountsBucket)
	if err != nil {
		return time.Time{}, fmt.Errorf("bucket %s: %w", AccountsBucket, err)
	}
	return stream.CachedInfo().Created, nil
}

// visits are the calls of the function of Each that have not ended.
type visits struct {
	accounts *Accounts
	f        func(context.Context, string, *Spine)
	here     map[string]*visit // by Organization
	running  sync.WaitGroup
}

type visit struct {
	account string
	leave   context.CancelFunc
	left    chan struct{}
}

// hear ends the visit to an account that is no longer there, and begins one to an account that is new.
func (v *visits) hear(ctx context.Context, e jetstream.KeyValueEntry) error {
	name, err := Decode(e.Key())
	if err != nil {
		return nil //nolint:nilerr // not one of ours
	}
	var said Announcement
	if e.Operation() == jetstream.KeyValuePut {
		if err := json.Unmarshal(e.Value(), &said); err != nil || said.Tokens[v.accounts.cfg.Name] == "" {
			said = Announcement{} // nothing that we could sign in with
		}
	}
	if old := v.here[name]; old != nil {
		if old.account == said.Account {
			return nil // other tokens count at the next reconnect
		}
		old.leave()
		<-old.left
		delete(v.here, name)
		v.accounts.forget(name)
	}
	if said.Account == "" {
		return nil
	}
	s, err := v.accounts.Organization(ctx, name)
	if err != nil {
		return err
	}
	visiting, leave := context.WithCancel(ctx)
	now := &visit{account: said.Account, leave: leave, left: make(chan struct{})}
	v.here[name] = now
	v.running.Go(func() {
		defer close(now.left)
		defer leave()
		v.f(visiting, name, s)
	})
	return nil
}

// forget closes the connection to an account that is no longer there.
func (a *Accounts) forget(organization string) {
	a.mu.Lock()
	o := a.open[organization]
	delete(a.open, organization)
	a.mu.Unlock()
	if o != nil {
		o.spine.nc.Close()
	}
}

func (a *Accounts) token(ctx context.Context, organization string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectEvery)
	defer cancel()
	kv, err := a.own.js.KeyValue(ctx, AccountsBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return "", fmt.Errorf("organization %q: %w", organization, ErrNoAccount)
	}
	if err != nil {
		return "", fmt.Errorf("account of %q: %w", organization, err)
	}
	entry, err := kv.Get(ctx, Encode(organization))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", fmt.Errorf("organization %q: %w", organization, ErrNoAccount)
	}
	if err != nil {
		return "", fmt.Errorf("account of %q: %w", organization, err)
	}
	var found Announcement
	if err := json.Unmarshal(entry.Value(), &found); err != nil {
		return "", fmt.Errorf("account of %q: %w", organization, err)
	}
	token := found.Tokens[a.cfg.Name]
	if token == "" {
		return "", fmt.Errorf("organization %q, service %q: %w", organization, a.cfg.Name, ErrNoAccount)
	}
	return token, nil
}
