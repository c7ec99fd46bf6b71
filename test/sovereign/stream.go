package sovereign

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

// Frame is one event of the stream as it came.
type Frame struct {
	ID, Event string
	At        time.Time
	view.Frame
}

// Watch opens the stream of an Organization and returns its frames until ctx ends, snapshot first.
func (p *Person) Watch(ctx context.Context, t testing.TB, org, lastEventID string) <-chan Frame {
	t.Helper()
	frames, err := p.open(ctx, org, lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// Drain opens the stream of an Organization and reads it to nobody, as cheaply as a client can, until ctx ends.
func (p *Person) Drain(ctx context.Context, t testing.TB, org string) {
	t.Helper()
	res, err := p.connect(ctx, org, "")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body) // it ends with ctx
	}()
}

func (p *Person) connect(ctx context.Context, org, lastEventID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.s.URL+"/api/v1/stream?organization="+org, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := (&http.Client{Jar: p.http.Jar}).Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("stream: %s", res.Status)
	}
	return res, nil
}

func (p *Person) open(ctx context.Context, org, lastEventID string) (<-chan Frame, error) {
	res, err := p.connect(ctx, org, lastEventID)
	if err != nil {
		return nil, err
	}
	frames := make(chan Frame, 1024)
	go func() {
		defer close(frames)
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		var f Frame
		var data strings.Builder
		for lines.Scan() {
			line := lines.Text()
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case line == "":
				if f.Event != "" {
					f.At = time.Now()
					if data.Len() > 0 && json.Unmarshal([]byte(data.String()), &f.Frame) != nil {
						return
					}
					select {
					case frames <- f:
					case <-ctx.Done():
						return
					}
				}
				f = Frame{}
				data.Reset()
			case field == "id":
				f.ID = value
			case field == "event":
				f.Event = value
			case field == "data":
				data.WriteString(value)
			}
		}
	}()
	return frames, nil
}

// Await reads frames until one Application satisfies ok, and returns it with the time at which its frame came.
func Await(t testing.TB, frames <-chan Frame, env, app string, limit time.Duration, ok func(view.Application) bool) (view.Application, time.Time) {
	t.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	last := "nothing was seen of it"
	want := view.Header{Kind: view.KindApplication, Environment: env, Name: app}.Key()
	for {
		select {
		case <-timeout.C:
			t.Fatalf("%s in %s: not within %s; last: %s", app, env, limit, last)
		case f, open := <-frames:
			if !open {
				t.Fatalf("%s in %s: the stream ended; last: %s", app, env, last)
			}
			if f.Key != want || f.Event != "put" {
				continue
			}
			var a view.Application
			if err := json.Unmarshal(f.Object, &a); err != nil {
				t.Fatal(err)
			}
			if ok(a) {
				return a, f.At
			}
			last = fmt.Sprintf("%s: %s", a.Phase, a.Message)
		}
	}
}
