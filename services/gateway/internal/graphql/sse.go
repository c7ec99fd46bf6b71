package graphql

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	gql "github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const (
	eventStream = "text/event-stream"
	// heartbeat shows that a quiet subscription lives.
	heartbeat = 10 * time.Second
	// patience is how long one write may take before the client counts as gone.
	patience = 10 * time.Second
)

// sse answers as Server-Sent Events, in the distinct connections mode of
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. It is not gqlgen's own because that one waits for
// ever for a client that does not read.
type sse struct{}

// Supports implements graphql.Transport.
func (sse) Supports(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), eventStream) && (r.Method == http.MethodGet || r.Method == http.MethodPost)
}

// Do implements graphql.Transport.
func (sse) Do(w http.ResponseWriter, r *http.Request, exec gql.GraphExecutor) {
	params, err := parameters(r)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(&gql.Response{Errors: gqlerror.List{gqlerror.Errorf("The request cannot be read: %v", err)}}) // the client is gone if this fails
		return
	}
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-store, no-transform")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := &events{w: w, rc: http.NewResponseController(w)}
	defer out.end()
	if out.write(":\n\n") != nil {
		return
	}
	op, refused := exec.CreateOperationContext(r.Context(), params)
	if refused != nil {
		if out.next(exec.DispatchError(gql.WithOperationContext(r.Context(), op), refused)) == nil {
			_ = out.write("event: complete\ndata:\n\n") // the client is gone if this fails
		}
		return
	}
	go out.beat(r.Context().Done())
	responses, ctx := exec.DispatchOperation(r.Context(), op)
	for response := responses(ctx); response != nil; response = responses(ctx) {
		if out.next(response) != nil {
			return
		}
	}
	_ = out.write("event: complete\ndata:\n\n") // the client is gone if this fails
}

// parameters reads a request of either method.
func parameters(r *http.Request) (*gql.RawParams, error) {
	p := &gql.RawParams{Headers: r.Header}
	p.ReadTime.Start = gql.Now()
	defer func() { p.ReadTime.End = gql.Now() }()
	if r.Method == http.MethodPost {
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		return p, d.Decode(p)
	}
	q := r.URL.Query()
	p.Query, p.OperationName = q.Get("query"), q.Get("operationName")
	variables := q.Get("variables")
	if variables == "" {
		return p, nil
	}
	d := json.NewDecoder(strings.NewReader(variables))
	d.UseNumber()
	return p, d.Decode(&p.Variables)
}

// events writes to a client that has a certain time for each write.
type events struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	rc   *http.ResponseController
	over bool
}

func (e *events) next(r *gql.Response) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return e.write(fmt.Sprintf("event: next\ndata: %s\n\n", b))
}

func (e *events) write(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return http.ErrHandlerTimeout
	}
	if err := e.rc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.rc.Flush()
}

// beat writes heartbeats until the request or the answer ends.
func (e *events) beat(done <-chan struct{}) {
	t := time.NewTicker(heartbeat)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			if e.write(":\n\n") != nil {
				return
			}
		}
	}
}

func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	_ = e.rc.SetWriteDeadline(time.Time{}) // the connection may carry another request
}
