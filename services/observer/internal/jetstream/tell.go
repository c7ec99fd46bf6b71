package jetstream

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go"

	"catalyst.openova.io/pkg/spine"
)

// TellSubject is where the observer is asked, in the Sovereign's own account, to tell everything again. It answers when
// all has been published: with nothing, or with a sentence about what could not be told.
const TellSubject = "observer.tell"

// AnswerTell answers such requests until ctx ends. Those that come while one is worked on share the next one.
func AnswerTell(ctx context.Context, sp *spine.Spine, log *slog.Logger, tell func(context.Context) error) error {
	requests := make(chan *nats.Msg, 64)
	sub, err := sp.JetStream().Conn().ChanSubscribe(TellSubject, requests)
	if err != nil {
		return err
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
		log.Info("observer: asked to tell everything again")
		var answer []byte
		if err := tell(ctx); err != nil {
			answer = []byte(err.Error())
		}
		for _, m := range asked {
			if err := m.Respond(answer); err != nil && m.Reply != "" {
				log.Info("observer: who asked could not be answered", "error", err)
			}
		}
	}
}
