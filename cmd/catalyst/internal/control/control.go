// Package control serves the supervisor's view of the bootstrap to the gateway and to the other commands. It only reads.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// tick bounds how often a stream speaks.
const tick = 250 * time.Millisecond

// Handler serves GET /bootstrap and GET /bootstrap/stream.
func Handler(board *step.Board) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bootstrap", func(w http.ResponseWriter, _ *http.Request) {
		snap, _ := board.Snapshot()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(snap) //nolint:errcheck,errchkjson // the client went away
	})
	mux.HandleFunc("GET /bootstrap/stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, board) })
	return mux
}

func stream(w http.ResponseWriter, r *http.Request, board *step.Board) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher := http.NewResponseController(w)
	heartbeat := time.NewTicker(10 * time.Second)
	defer heartbeat.Stop()
	for {
		snap, changed := board.Snapshot()
		b, err := json.Marshal(snap)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "event: bootstrap\ndata: %s\n\n", b); err != nil {
			return
		}
		if flusher.Flush() != nil || !pause(r.Context()) {
			return
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-heartbeat.C:
				if _, err := fmt.Fprint(w, ": heartbeat\n\n"); err != nil || flusher.Flush() != nil {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}
}

func pause(ctx context.Context) bool {
	t := time.NewTimer(tick)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Serve answers on addr until ctx ends. It returns when it listens, or why it cannot.
func Serve(ctx context.Context, addr string, board *step.Board) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: Handler(board), ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go srv.Serve(ln)                               //nolint:errcheck // it ends when the program does
	context.AfterFunc(ctx, func() { srv.Close() }) //nolint:errcheck // it ends when the program does
	return nil
}

// ErrNotRunning says that no supervisor answers.
var ErrNotRunning = errors.New("no Sovereign is running here")

// Read asks the supervisor at base.
func Read(ctx context.Context, base string) (step.Snapshot, error) {
	var snap step.Snapshot
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/bootstrap", nil)
	if err != nil {
		return snap, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return snap, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return snap, fmt.Errorf("%s answers %d: it is something else", base, resp.StatusCode)
	}
	return snap, json.NewDecoder(resp.Body).Decode(&snap)
}
