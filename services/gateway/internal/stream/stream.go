// Package stream serves the read model as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
// a snapshot, a marker, then changes. A client that comes back with Last-Event-ID gets exactly what it missed, or is
// told to start anew.
package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

const (
	heartbeat = 10 * time.Second
	// tick gathers the changes of a burst into one write.
	tick = 5 * time.Millisecond
	// patience is how long one write may take before the client counts as gone.
	patience = 10 * time.Second
)

// Reader is a client with what it may see, as long as it may see it.
type Reader interface {
	// May tells whether the person may see a view.
	May(view.Header) bool
	// Check asks again who the person is; an error ends the stream. It is called with every heartbeat.
	Check(context.Context) error
	// Expires is when the person's token ends.
	Expires() time.Time
}

// Handler serves GET /api/v1/stream. authenticate turns a request away with a Problem.
type Handler struct {
	Store        *readmodel.Store
	Authenticate func(*http.Request) (Reader, *server.Problem)
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader, problem := h.Authenticate(r)
	if problem != nil {
		problem.Write(w)
		return
	}
	q := r.URL.Query()
	pass := filter(reader, q.Get("organization"), q.Get("environment"), q.Get("application"))
	s := &session{w: w, rc: http.NewResponseController(w), store: h.Store, pass: pass}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.Get("lastEventId")
	}
	// An error means that the client is gone or may no longer read: both end the stream, and the client comes back.
	_ = s.run(r.Context(), reader, last)
}

func filter(reader Reader, organization, environment, application string) readmodel.Filter {
	return func(h view.Header) bool {
		if organization != "" && h.Organization != organization && h.Kind != view.KindSovereign {
			return false
		}
		if environment != "" && h.Environment != environment {
			return false
		}
		if application != "" && (h.Kind != view.KindApplication || h.Name != application) {
			return false
		}
		return reader.May(h)
	}
}

type session struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	store *readmodel.Store
	pass  readmodel.Filter
	at    readmodel.Cursor
}

func (s *session) run(ctx context.Context, reader Reader, last string) error {
	if err := s.begin(last); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(ctx, reader.Expires())
	defer cancel()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changed := s.store.Changed()
		if err := s.catchUp(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			if err := reader.Check(ctx); err != nil {
				return err
			}
			if err := s.write([]byte(": heartbeat\n\n")); err != nil {
				return err
			}
		case <-changed:
			// The rest of a burst comes along in the same write.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(tick):
			}
		}
	}
}

// begin resumes after the last event that the client has, or sends a snapshot.
func (s *session) begin(last string) error {
	if last == "" {
		return s.snapshot("")
	}
	c, err := readmodel.ParseCursor(last)
	if err != nil {
		return s.snapshot(err.Error())
	}
	if _, _, err := s.store.After(c, s.pass); err != nil {
		return s.snapshot(err.Error())
	}
	s.at = c
	return s.write(event(c.String(), "synced", []byte("{}")))
}

func (s *session) snapshot(resync string) error {
	views, at := s.store.Snapshot(s.pass)
	var b []byte
	if resync != "" {
		reason, err := json.Marshal(map[string]string{"reason": resync})
		if err != nil {
			return err
		}
		b = append(b, event("", "resync", reason)...)
	}
	for _, v := range views {
		frame, err := encode("", "put", v)
		if err != nil {
			return err
		}
		b = append(b, frame...)
	}
	s.at = at
	return s.write(append(b, event(at.String(), "synced", []byte("{}"))...))
}

func (s *session) catchUp() error {
	changes, end, err := s.store.After(s.at, s.pass)
	if errors.Is(err, readmodel.ErrGap) {
		return s.snapshot(err.Error())
	}
	s.at = end
	if len(changes) == 0 {
		return nil
	}
	var b []byte
	for _, ch := range changes {
		name := "put"
		if ch.Object == nil {
			name = "delete"
		}
		frame, err := encode(ch.At.String(), name, ch.View)
		if err != nil {
			return err
		}
		b = append(b, frame...)
	}
	return s.write(b)
}

func (s *session) write(b []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.rc.Flush()
}

func encode(id, name string, v readmodel.View) ([]byte, error) {
	data, err := json.Marshal(view.Frame{Key: v.Key, Kind: v.Kind, Object: v.Object})
	if err != nil {
		return nil, err
	}
	return event(id, name, data), nil
}

func event(id, name string, data []byte) []byte {
	var b []byte
	if id != "" {
		b = fmt.Appendf(b, "id: %s\n", id)
	}
	return fmt.Appendf(b, "event: %s\ndata: %s\n\n", name, data)
}
