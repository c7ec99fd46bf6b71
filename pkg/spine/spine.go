// Package spine owns the event spine: the CloudEvents envelope, the subjects, publishing and reading on NATS JetStream,
// and the names of the buckets that hold the views.
//
//	ws.<env>.{k8s,flux,git,check,crossplane,op,policy,source}.…   events, in the stream SPINE
//	ws-<env>-state                                          views, a key-value bucket each
//
// Each Organization has an account of its own, with a stream and buckets that no other can see; what belongs to the
// Sovereign as a whole is in the Sovereign's own account. See Accounts.
package spine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	_ "catalyst.openova.io/proto/gen/catalyst/spine/v1" // registers the event types
)

// Stream holds the events of an account.
const Stream = "SPINE"

// KeptFor is how long an event stays in the stream. What holds of each thing is kept for ever, by the projector.
const KeptFor = 7 * 24 * time.Hour

// maxInFlight is how many events may be on their way to the server before a publisher waits.
const maxInFlight = 4096

// Config says how to reach NATS.
type Config struct {
	URL string
	// Name of this process, as the server shows it. It is also the name of its user in each account.
	Name string
	// SeedFile holds the nkey seed of this process, with which it signs in to every account. Empty for a server that
	// asks for none: then all accounts are one.
	SeedFile string
	// TokenFile holds the user token (a JWT) of this process in the Sovereign's own account.
	TokenFile string
}

// Spine is a connection to one account of the event spine. It survives a restart of the server: it reconnects for ever.
type Spine struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger
}

// Inbox is where a service gets its answers. No other service may listen there.
func Inbox(service string) string { return "_INBOX." + Encode(service) }

func connect(url, name string, log *slog.Logger, opts ...nats.Option) (*Spine, error) {
	nc, err := nats.Connect(url, append([]nats.Option{
		nats.Name(name), nats.CustomInboxPrefix(Inbox(name)),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Info("spine: disconnected, reconnecting", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("spine: reconnected") }),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", url, err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(maxInFlight))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Spine{nc: nc, js: js, log: log}, nil
}

func (s *Spine) close() {
	if err := s.nc.FlushTimeout(time.Second); err != nil {
		s.log.Debug("spine: flush at close", "error", err)
	}
	s.nc.Close()
}

// JetStream is for the adapters that keep state of their own in a bucket or queue.
func (s *Spine) JetStream() jetstream.JetStream { return s.js }

// Ready tells whether the server answers and the stream exists.
func (s *Spine) Ready(ctx context.Context) error {
	if !s.nc.IsConnected() {
		return errors.New("NATS is not connected")
	}
	if _, err := s.js.Stream(ctx, Stream); err != nil {
		return fmt.Errorf("stream %s: %w", Stream, err)
	}
	return nil
}

// EnsureStream makes the stream of events if it is not there, and waits for the server as long as ctx allows.
func (s *Spine) EnsureStream(ctx context.Context) error {
	return Retry(ctx, s.log, "stream "+Stream, func(ctx context.Context) error {
		_, err := s.js.Stream(ctx, Stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = s.js.CreateStream(ctx, streamConfig())
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				return nil // an older Catalyst made it; UpdateStream is for who may change it
			}
		}
		return err
	})
}

// UpdateStream does what EnsureStream does, and gives the stream the settings of today and a limit if it has others.
// Only the environment-controller may.
func (s *Spine) UpdateStream(ctx context.Context, maxBytes int64) error {
	want := streamConfig()
	want.MaxBytes = maxBytes
	stream, err := s.js.Stream(ctx, Stream)
	if err == nil {
		have := stream.CachedInfo().Config
		if have.MaxBytes == want.MaxBytes && have.Duplicates == want.Duplicates && have.Discard == want.Discard &&
			have.MaxAge == want.MaxAge && have.MaxMsgSize == want.MaxMsgSize && have.Description == want.Description {
			return nil
		}
	}
	if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = s.js.CreateOrUpdateStream(ctx, want)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody made it just now
		_, err = s.js.UpdateStream(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", Stream, err)
	}
	return nil
}

func streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: Stream, Subjects: []string{All}, Storage: jetstream.FileStorage,
		Duplicates: 2 * time.Minute,
		// Never drops silently: a full stream refuses the newest and the publisher says so. The limit in bytes is
		// that of the account.
		Discard: jetstream.DiscardNew, MaxAge: KeptFor, MaxMsgSize: MaxEvent,
		Description: "every event of the account, as CloudEvents",
	}
}

// Retry calls f until it returns nil or ctx ends, with a growing pause of at most two seconds.
func Retry(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) error {
	pause := 50 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := f(attempt)
		cancel()
		if err == nil {
			return nil
		}
		log.Debug("spine: waiting", "for", what, "error", err)
		if !sleep(ctx, pause) {
			return fmt.Errorf("%s: %w", what, err)
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
