// Package stream serves the read model as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
// a snapshot, a marker, then changes. A client that comes back with Last-Event-ID gets exactly what it missed, or is
// told to start anew.
//
// Clients that may see the same and want the same are a group: what changes is encoded once for all of them, and the
// same bytes are written to each. A client that does not take them at once leaves the group until it has caught up, so
// that nobody waits for it.
package stream

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

const (
	heartbeat = 10 * time.Second
	// recheck is how often a client is asked again who it is. With it a stream ends within five seconds of its right.
	recheck = 4 * time.Second
	// tick gathers the changes of a burst into one write.
	tick = 5 * time.Millisecond
	// patience is how long one write may take before the client counts as gone.
	patience = 10 * time.Second
	// chunk is how much of a snapshot is written at a time, so that a long one is neither held in memory for every client
	// nor measured against one patience.
	chunk = 32 << 10
)

// Pace is how often the stream does what it does by the clock. The zero value is what runs; tests go faster.
type Pace struct{ Heartbeat, Recheck, Patience time.Duration }

func (p Pace) orDefault() Pace {
	return Pace{Heartbeat: cmp.Or(p.Heartbeat, heartbeat), Recheck: cmp.Or(p.Recheck, recheck), Patience: cmp.Or(p.Patience, patience)}
}

// Reader is a client with what it may see, as long as it may see it.
type Reader struct {
	Sight readmodel.Sight
	// Until is until when the last answer about the person can be believed.
	Until time.Time
	// Credential is what the client showed. Those that showed the same are asked about once.
	Credential string
	// Again asks again who this is; an error ends the stream.
	Again func(context.Context) (Reader, error)
}

// Scope narrows down what a client wants of what it may see; an empty field does not.
type Scope struct{ Organization, Environment, Application string }

// may is what a reader may see of the Organization and Environment; it looks at nothing else of a view.
func (s Scope) may(reader readmodel.Filter) readmodel.Filter {
	return func(h view.Header) bool {
		if s.Organization != "" && h.Organization != s.Organization && h.Kind != view.KindSovereign {
			return false
		}
		return (s.Environment == "" || h.Environment == s.Environment) && reader(h)
	}
}

// want is what a client wants of that; nil for all of it.
func (s Scope) want() readmodel.Filter {
	if s.Application == "" {
		return nil
	}
	return func(h view.Header) bool { return h.Kind == view.KindApplication && h.Name == s.Application }
}

// key is the same only for the same scope.
func (s Scope) key() string {
	var b strings.Builder
	for _, part := range []string{s.Organization, s.Environment, s.Application} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}

// Unavailable is the answer as long as an empty one would mean nothing.
func Unavailable() *server.Problem {
	return server.NewProblem(http.StatusServiceUnavailable, "views_unavailable",
		"The views of this Sovereign have not been read yet, so nothing can be said about them. Try again in a moment.")
}

// ServeHTTP serves GET /api/v1/stream.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader, problem := h.authenticate(r)
	if problem != nil {
		problem.Write(w)
		return
	}
	if !h.store.Synced() {
		w.Header().Set("Retry-After", "1")
		Unavailable().Write(w)
		return
	}
	q := r.URL.Query()
	last := cmp.Or(r.Header.Get("Last-Event-ID"), q.Get("lastEventId"))
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store, no-transform")
	w.Header().Set("X-Accel-Buffering", "no")
	scope := Scope{Organization: q.Get("organization"), Environment: q.Get("environment"), Application: q.Get("application")}
	if r.ProtoMajor == 1 && r.TLS == nil {
		if conn, ok := takeOver(w, h.pace.Patience); ok {
			// From here on the client costs no goroutine as long as it keeps up.
			h.recover(h.register(reader, scope, nil, conn), nil, last)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	out := &response{w: w, rc: http.NewResponseController(w), patience: h.pace.Patience}
	c := h.register(reader, scope, cancel, nil)
	defer h.end(c, nil)
	// An error means that the client is gone or may no longer read: both end the stream, and the client comes back.
	_ = c.follow(ctx, newText(c, out), last)
	_ = out.rc.SetWriteDeadline(time.Time{}) // the connection may carry another request
}

// Follow tells a receiver what a reader may and wants to see, for as long as that is so: the same as the stream tells a
// client, with the same checks. It returns when ctx ends, the receiver returns an error or the right is lost.
func (h *Hub) Follow(ctx context.Context, reader Reader, scope Scope, to Receiver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := h.register(reader, scope, cancel, nil)
	defer h.end(c, nil)
	if err := c.follow(ctx, to, ""); err != nil {
		return err
	}
	return context.Cause(ctx)
}
