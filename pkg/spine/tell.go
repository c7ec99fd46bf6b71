package spine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// Who publishes what holds can be asked, in the Sovereign's own account, to tell all of it again: when the log or what was
// made of it is lost. The answer comes when everything is in the log; it is empty, or says why that cannot be.
const (
	TellObserver     = "observer.tell"
	TellProvisioning = "provisioning.tell"
)

// ErrClosed says that the connection was closed, so that nobody can be asked or answered any more.
var ErrClosed = errors.New("the connection to the spine was closed")

// AskToTell asks everybody to tell everything again, and returns when all have.
func (s *Spine) AskToTell(ctx context.Context) error {
	if s.nc.IsClosed() {
		return ErrClosed
	}
	everybody := []string{TellObserver, TellProvisioning}
	errs := make([]error, len(everybody))
	var asking sync.WaitGroup
	for i, subject := range everybody {
		asking.Go(func() {
			answer, err := s.nc.RequestWithContext(ctx, subject, nil)
			switch {
			case err != nil:
				errs[i] = fmt.Errorf("%s: %w", subject, err)
			case len(answer.Data) > 0:
				errs[i] = fmt.Errorf("%s: %s", subject, answer.Data)
			}
		})
	}
	asking.Wait()
	return errors.Join(errs...)
}

// AnswerTell answers such requests until ctx ends: one replica answers each, and requests that come while one is worked on
// share the next answer.
func (s *Spine) AnswerTell(ctx context.Context, subject string, tell func(context.Context) error) error {
	requests := make(chan *nats.Msg, 64)
	sub, err := s.nc.ChanQueueSubscribe(subject, subject, requests)
	if err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // it ends with the connection in any case
	for {
		var asked []*nats.Msg
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-requests:
			asked = append(asked, m)
		}
		for more := true; more; {
			select {
			case m := <-requests:
				asked = append(asked, m)
			default:
				more = false
			}
		}
		s.log.Info("spine: asked to tell everything again", "subject", subject)
		var answer []byte
		if err := tell(ctx); err != nil {
			answer = []byte(err.Error())
		}
		for _, m := range asked {
			if err := m.Respond(answer); err != nil && m.Reply != "" {
				s.log.Info("spine: who asked to be told could not be answered", "error", err)
			}
		}
	}
}
