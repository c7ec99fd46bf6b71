// Package stream serves the read model as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
// a snapshot, a marker, then changes. A client that comes back with Last-Event-ID gets exactly what it missed, or is
// told to start anew.
package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
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
	// chunk is how much is written at a time, so that a long snapshot is neither held in memory for every client nor
	// measured against one patience.
	chunk = 64 << 10
)

// Pace is how often the stream does what it does by the clock. The zero value is what runs; tests go faster.
type Pace struct{ Heartbeat, Recheck, Patience time.Duration }

func (p Pace) orDefault() Pace {
	return Pace{Heartbeat: cmp.Or(p.Heartbeat, heartbeat), Recheck: cmp.Or(p.Recheck, recheck), Patience: cmp.Or(p.Patience, patience)}
}

// Reader is a client with what it may see, as long as it may see it.
type Reader interface {
	// May tells whether the person may see a view.
	May(view.Header) bool
	// Rights is the same as long as May answers the same.
	Rights() string
	// Check asks again who the person is; an error ends the stream.
	Check(context.Context) error
	// Expires is until when the last answer about the person can be believed.
	Expires() time.Time
}

// Handler serves GET /api/v1/stream. authenticate turns a request away with a Problem.
type Handler struct {
	Store        *readmodel.Store
	Authenticate func(*http.Request) (Reader, *server.Problem)
	Pace         Pace
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader, problem := h.Authenticate(r)
	if problem != nil {
		problem.Write(w)
		return
	}
	if !h.Store.Synced() {
		w.Header().Set("Retry-After", "1")
		server.NewProblem(http.StatusServiceUnavailable, "views_unavailable",
			"The views of this Sovereign have not been read yet, so there is nothing to tell. Try again in a moment.").Write(w)
		return
	}
	q := r.URL.Query()
	pass := filter(reader, q.Get("organization"), q.Get("environment"), q.Get("application"))
	rights := reader.Rights()
	s := &session{w: w, rc: http.NewResponseController(w), store: h.Store, pass: pass, pace: h.Pace.orDefault(), rights: rights,
		view: fingerprint(q.Get("organization"), q.Get("environment"), q.Get("application"), rights)}
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
	_ = s.rc.SetWriteDeadline(time.Time{}) // the connection may carry another request
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

// fingerprint names what a client asked for and may see. It is a part of every event id: an id that was given out for
// another view of the world cannot be continued in this one, so a client whose rights grew learns what it can see now.
func fingerprint(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

type session struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	store *readmodel.Store
	pass  readmodel.Filter
	pace  Pace
	// rights are those with which the stream began, before anything was sent; view is made from them.
	rights, view string
	at           readmodel.Cursor
	out          []byte
}

var (
	errExpired = errors.New("the sign-in has expired")
	errRights  = errors.New("what the person may see has changed")
	errForeign = errors.New("this id was given out for other rights or another filter")
)

func (s *session) run(ctx context.Context, reader Reader, last string) error {
	if err := s.begin(last); err != nil {
		return err
	}
	beat, check := time.NewTicker(s.pace.Heartbeat), time.NewTicker(s.pace.Recheck)
	defer beat.Stop()
	defer check.Stop()
	for {
		changed := s.store.Changed()
		if err := s.catchUp(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-check.C:
			if err := reader.Check(ctx); err != nil {
				return err
			}
			if time.Now().After(reader.Expires()) {
				return errExpired
			}
			if reader.Rights() != s.rights {
				return errRights // the client comes back, and is told to start anew
			}
		case <-beat.C:
			// The id moves a client on past changes that it may not see, so that a quiet stream can be resumed as well.
			s.add(fmt.Appendf(nil, ": heartbeat\nid: %s\n\n", s.id(s.at)))
			if err := s.flush(); err != nil {
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

// id is a place in the order of changes, as this client sees it: <epoch>-<seq>, the epoch ending in the fingerprint.
func (s *session) id(c readmodel.Cursor) string {
	epoch, seq, _ := strings.Cut(c.String(), "-")
	return epoch + "." + s.view + "-" + seq
}

func (s *session) parse(id string) (readmodel.Cursor, error) {
	epoch, seq, _ := strings.Cut(id, "-")
	epoch, view, ok := strings.Cut(epoch, ".")
	if !ok || view != s.view {
		return readmodel.Cursor{}, errForeign
	}
	return readmodel.ParseCursor(epoch + "-" + seq)
}

// begin resumes after the last event that the client has, or sends a snapshot.
func (s *session) begin(last string) error {
	if last == "" {
		return s.snapshot("")
	}
	c, err := s.parse(last)
	if err != nil {
		return s.snapshot(err.Error())
	}
	changes, end, err := s.store.After(c, s.pass)
	if err != nil {
		return s.snapshot(err.Error())
	}
	if err := s.send(changes, end); err != nil {
		return err
	}
	s.add(event(s.id(s.at), "synced", []byte("{}")))
	return s.flush()
}

func (s *session) snapshot(resync string) error {
	views, at := s.store.Snapshot(s.pass)
	if resync != "" {
		reason, err := json.Marshal(map[string]string{"reason": resync})
		if err != nil {
			return err
		}
		s.add(event("", "resync", reason))
	}
	for _, v := range views {
		s.add(event("", "put", v.Frame()))
		if err := s.flushIfLong(); err != nil {
			return err
		}
	}
	s.at = at
	s.add(event(s.id(at), "synced", []byte("{}")))
	return s.flush()
}

func (s *session) catchUp() error {
	changes, end, err := s.store.After(s.at, s.pass)
	if errors.Is(err, readmodel.ErrGap) {
		return s.snapshot(err.Error())
	}
	if err := s.send(changes, end); err != nil {
		return err
	}
	return s.flush()
}

func (s *session) send(changes []readmodel.Change, end readmodel.Cursor) error {
	for _, ch := range changes {
		name := "put"
		if ch.Object == nil {
			name = "delete"
		}
		s.add(event(s.id(ch.At), name, ch.Frame()))
		if err := s.flushIfLong(); err != nil {
			return err
		}
	}
	s.at = end
	return nil
}

func (s *session) add(b []byte) { s.out = append(s.out, b...) }

func (s *session) flushIfLong() error {
	if len(s.out) < chunk {
		return nil
	}
	return s.flush()
}

// flush writes what has gathered. A client that does not take it in time is cut off.
func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(s.pace.Patience)); err != nil {
		return err
	}
	_, err := s.w.Write(s.out)
	if s.out = s.out[:0]; cap(s.out) > chunk/4 {
		s.out = nil // a client that waits holds no memory of its last burst
	}
	if err != nil {
		return err
	}
	return s.rc.Flush()
}

func event(id, name string, data []byte) []byte {
	var b []byte
	if id != "" {
		b = fmt.Appendf(b, "id: %s\n", id)
	}
	return fmt.Appendf(b, "event: %s\ndata: %s\n\n", name, data)
}
