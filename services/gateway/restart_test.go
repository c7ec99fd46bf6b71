package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watch is a client of the stream that notes how far it has come.
type watch struct {
	conn           net.Conn
	heard, resyncs atomic.Int64
	ended          atomic.Bool
}

// listen reads the stream and notes the highest change that it is told.
func (w *watch) listen(synced func()) {
	b := make([]byte, 8<<10)
	var rest []byte
	for {
		n, err := w.conn.Read(b)
		if err != nil {
			w.ended.Store(true)
			return
		}
		rest = append(rest, b[:n]...)
		for {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				break
			}
			if i := bytes.Index(line, []byte(`"message":"change `)); i >= 0 {
				var k int64
				if _, err := fmt.Sscanf(string(line[i:]), `"message":"change %d"`, &k); err == nil {
					w.heard.Store(max(w.heard.Load(), k))
				}
			}
			switch string(line) {
			case "event: resync":
				w.resyncs.Add(1)
			case "event: synced":
				synced()
			}
			rest = append(rest[:0], after...)
		}
	}
}

// A restart of NATS costs no watch anything: each goes on where it was, without another connection, and when they have
// gone nothing of them is left.
func TestAThousandWatchesOutliveARestartOfNATS(t *testing.T) {
	const n = 1000
	s := newSovereign(t)
	s.populate()
	tokens := make([]string, 25)
	for i := range tokens {
		tokens[i] = s.bearer(fmt.Sprintf("p%d", i), time.Hour, []string{"acme/org-viewer", "sovereign-admin", "acme/dev/org-viewer"}[i%3])
	}
	settle := func() int {
		s.gateway.Client().CloseIdleConnections()
		before := 0
		for range 50 {
			runtime.GC()
			if now := runtime.NumGoroutine(); now == before {
				break
			} else {
				before = now
			}
			time.Sleep(50 * time.Millisecond)
		}
		return before
	}
	baseline := settle()
	watches := make([]*watch, n)
	var synced sync.WaitGroup
	for i := range watches {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(s.gateway.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		w := &watch{conn: conn}
		watches[i] = w
		fmt.Fprintf(conn, "GET /api/v1/stream?organization=acme HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\n\r\n", tokens[i%len(tokens)])
		synced.Add(1)
		go w.listen(sync.OnceFunc(synced.Done))
	}
	synced.Wait()
	if more := settle() - baseline - n; more > 20 { // each watch has a goroutine of its own here, in the test
		t.Errorf("%d clients that wait cost %d goroutines", n, more)
	}
	change := 0
	all := func(why string) {
		t.Helper()
		change++
		s.application("acme-dev", "shop", fmt.Sprintf("change %d", change))
		s.eventually(why, func() bool {
			for _, w := range watches {
				if w.heard.Load() < int64(change) {
					return false
				}
			}
			return true
		})
	}
	all("everybody hears a change")
	s.stopNATS()
	s.eventually("the connection is known to be lost", func() bool { return !s.sp.JetStream().Conn().IsConnected() })
	s.startNATS()
	s.eventually("the projector is connected again", func() bool { return s.sp.JetStream().Conn().IsConnected() })
	all("everybody hears a change after the restart")
	for i, w := range watches {
		if w.ended.Load() || w.resyncs.Load() > 0 {
			t.Fatalf("watch %d: ended %v, %d resyncs", i, w.ended.Load(), w.resyncs.Load())
		}
	}
	for _, w := range watches {
		w.conn.Close()
	}
	s.eventually("nothing is left of them", func() bool { return settle() <= baseline+5 })
}
