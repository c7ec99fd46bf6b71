// Package spine owns the event spine: the CloudEvents envelope, the subjects, publishing and durable consuming on NATS
// JetStream, and the names of the buckets that hold the views.
//
//	ws.<env>.{k8s,flux,git,crossplane,op,policy}.…   events, in the stream SPINE
//	ws-<env>-state                                   views, a key-value bucket each
package spine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/reflect/protoreflect"

	_ "catalyst.openova.io/proto/gen/catalyst/spine/v1" // registers the event types
)

// Stream holds every event.
const Stream = "SPINE"

func protoName(s string) protoreflect.FullName { return protoreflect.FullName(s) }

// Config says how to reach NATS.
type Config struct {
	URL      string
	User     string
	Password string
	// Name of this process, as the server shows it.
	Name string
}

// Spine is a connection to the event spine. It survives a restart of the server: it reconnects for ever.
type Spine struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger
}

// Connect returns at once, whether or not the server is there; Ready says which.
func Connect(cfg Config, log *slog.Logger) (*Spine, error) {
	nc, err := nats.Connect(cfg.URL,
		nats.Name(cfg.Name), nats.UserInfo(cfg.User, cfg.Password),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Info("spine: disconnected, reconnecting", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("spine: reconnected") }),
	)
	if err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", cfg.URL, err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Spine{nc: nc, js: js, log: log}, nil
}

// Close ends the connection after what was published has left.
func (s *Spine) Close() {
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
		_, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: Stream, Subjects: []string{All}, Storage: jetstream.FileStorage,
			Duplicates: 2 * time.Minute,
			// Never drops silently: a full stream refuses the newest and the publisher says so.
			Discard: jetstream.DiscardNew, MaxBytes: 2 << 30, MaxAge: 7 * 24 * time.Hour, MaxMsgSize: 256 << 10,
			Description: "every event of the Sovereign, as CloudEvents",
		})
		return err
	})
}

// Publish appends an event and returns when it is stored. Publishing the same ID twice within two minutes stores one.
func (s *Spine) Publish(ctx context.Context, e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: e.Subject, Data: b,
		Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}}, jetstream.WithMsgID(e.ID)); err != nil {
		return fmt.Errorf("publish %s: %w", e.Subject, err)
	}
	return nil
}

// Consumer says who reads and what.
type Consumer struct {
	// Durable name; readers of one name share the work. Empty: an ephemeral reader from New on.
	Durable string
	// Subjects to read, such as All or Class("git").
	Subjects []string
}

// Consume calls handle for each event in the order of the stream until ctx ends. An event is acknowledged when handle
// returns nil and delivered again when it returns an error. What cannot be read as an event is logged and set aside:
// the rest goes on. It waits for the server, and starts again when the server loses the consumer.
func (s *Spine) Consume(ctx context.Context, c Consumer, handle func(context.Context, Event) error) error {
	for ctx.Err() == nil {
		err := s.consumeOnce(ctx, c, handle)
		if ctx.Err() != nil {
			break
		}
		s.log.Info("spine: consumer starts again", "consumer", c.Durable, "error", err)
		if !sleep(ctx, 500*time.Millisecond) {
			break
		}
	}
	return ctx.Err()
}

func (s *Spine) consumeOnce(ctx context.Context, c Consumer, handle func(context.Context, Event) error) error {
	if err := s.EnsureStream(ctx); err != nil {
		return err
	}
	cfg := jetstream.ConsumerConfig{
		Durable: c.Durable, FilterSubjects: c.Subjects, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: 30 * time.Second, MaxAckPending: 256, DeliverPolicy: jetstream.DeliverAllPolicy,
	}
	if c.Durable == "" {
		cfg.DeliverPolicy, cfg.InactiveThreshold = jetstream.DeliverNewPolicy, 5*time.Minute
	}
	cons, err := s.js.CreateOrUpdateConsumer(ctx, Stream, cfg)
	if err != nil {
		return fmt.Errorf("consumer %q: %w", c.Durable, err)
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(64), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return err
	}
	defer it.Stop()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	for {
		msg, err := it.Next()
		if err != nil {
			return err
		}
		var e Event
		if err := json.Unmarshal(msg.Data(), &e); err != nil {
			s.log.Error("spine: event set aside", "subject", msg.Subject(), "error", err)
			if err := msg.TermWithReason(err.Error()); err != nil {
				return err
			}
			continue
		}
		if meta, err := msg.Metadata(); err == nil {
			e.Sequence = meta.Sequence.Stream
		}
		e.Subject = msg.Subject()
		if err := handle(ctx, e); err != nil {
			s.log.Error("spine: event will be delivered again", "subject", e.Subject, "error", err)
			if err := msg.NakWithDelay(500 * time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := msg.Ack(); err != nil {
			return err
		}
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
