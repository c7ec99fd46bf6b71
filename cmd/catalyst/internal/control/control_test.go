package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

func TestReadAndStream(t *testing.T) {
	board := step.NewBoard("http://console", true, time.Now)
	board.AddStep("a", "A")
	srv := httptest.NewServer(Handler(board))
	defer srv.Close()

	snap, err := Read(t.Context(), srv.URL)
	if err != nil || len(snap.Steps) != 1 || snap.ConsoleURL != "http://console" {
		t.Fatalf("got %+v, %v", snap, err)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/bootstrap/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // the test ends
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("the type is %s", ct)
	}
	frames := bufio.NewScanner(resp.Body)
	next := func() step.Snapshot {
		t.Helper()
		for frames.Scan() {
			if data, ok := strings.CutPrefix(frames.Text(), "data: "); ok {
				var s step.Snapshot
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					t.Fatal(err)
				}
				return s
			}
		}
		t.Fatal("the stream ended")
		return step.Snapshot{}
	}
	next()
	// Many changes at once are told as one.
	for range 100 {
		board.UpdateStep("a", func(s *step.Step) { s.Progress += 0.01 })
	}
	board.Ready()
	if s := next(); !s.Ready || s.Steps[0].Progress < 0.99 {
		t.Errorf("got %+v", s)
	}
}

func TestReadNobody(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	if _, err := Read(t.Context(), srv.URL); err == nil {
		t.Error("something else was taken for a supervisor")
	}
	srv.Close()
	if _, err := Read(t.Context(), srv.URL); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}
