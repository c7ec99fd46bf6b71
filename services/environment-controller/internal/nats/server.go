// Package nats is the adapter to the server of the spine: as its operator, who gives it accounts, and as the board on
// which the services find them.
package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/access"
	"catalyst.openova.io/services/environment-controller/internal/account"
)

// answerWithin is how long the server may take to answer.
const answerWithin = 5 * time.Second

// Server implements account.Server, in the system's account.
type Server struct{ conn *nats.Conn }

var _ account.Server = (*Server)(nil)

// Connect signs in to the system's account with the seed of cfg and the token in a file. It returns at once, whether or
// not the server is there. It calls back whenever the server is: it may not be the one that it was.
func Connect(cfg spine.Config, tokenFile string, back func(), log *slog.Logger) (*Server, error) {
	seed, err := os.ReadFile(cfg.SeedFile)
	if err != nil {
		return nil, fmt.Errorf("the seed of this service: %w", err)
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("the token of this service in the system's account: %w", err)
	}
	conn, err := nats.Connect(cfg.URL, nats.Name(cfg.Name+", as the operator"),
		nats.UserJWTAndSeed(strings.TrimSpace(string(token)), strings.TrimSpace(string(seed))), nats.CustomInboxPrefix(spine.Inbox(cfg.Name)),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond), nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(func(*nats.Conn) { back() }), nats.ReconnectHandler(func(*nats.Conn) { back() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Debug("the operator's connection is lost", "error", err) }))
	if err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", cfg.URL, err)
	}
	return &Server{conn: conn}, nil
}

// Close ends the connection.
func (s *Server) Close() { s.conn.Close() }

// Claims implements account.Server.
func (s *Server) Claims(ctx context.Context, key string) (string, error) {
	b, err := s.ask(ctx, access.ClaimsLookup(key), "")
	return string(b), err
}

// Save implements account.Server.
func (s *Server) Save(ctx context.Context, claims string) error {
	b, err := s.ask(ctx, access.ClaimsUpdate, claims)
	if err != nil {
		return err
	}
	var answer struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return fmt.Errorf("the answer of the server of the spine cannot be read: %w", err)
	}
	if answer.Error != nil {
		return fmt.Errorf("the server of the spine refuses: %s", answer.Error.Description)
	}
	return nil
}

func (s *Server) ask(ctx context.Context, subject, body string) ([]byte, error) {
	if !s.conn.IsConnected() {
		return nil, account.ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	m, err := s.conn.RequestWithContext(ctx, subject, []byte(body))
	if err != nil {
		return nil, unavailable(err)
	}
	return m.Data, nil
}

// unavailable marks the errors that go away when the server is back.
func unavailable(err error) error {
	for _, away := range []error{context.DeadlineExceeded, nats.ErrNoResponders, nats.ErrTimeout, nats.ErrConnectionClosed, nats.ErrDisconnected} {
		if errors.Is(err, away) {
			return fmt.Errorf("%w: %w", account.ErrUnavailable, err)
		}
	}
	return err
}
