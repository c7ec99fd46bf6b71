package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/services/gateway/internal/readmodel"
	"pgregory.net/rapid"
)

// hearBytes opens a stream and reads until it is up to date, or so many bytes. What was cut in the middle of an event
// counts for nothing, as for every client of Server-Sent Events.
func (c *replica) hearBytes(t fataler, r *rig, client *http.Client, cut int) {
	t.Helper()
	last := c.last
	if c.gathering != nil || c.views == nil {
		last, c.gathering = "", map[string]string{} // half a snapshot is none
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.srv.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if cut >= 0 {
		body = io.LimitReader(body, int64(cut))
	}
	var read []byte
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(body, one); err != nil {
			if cut < 0 {
				t.Fatalf("the stream ended: %v", err)
			}
			return
		}
		if read = append(read, one[0]); !bytes.HasSuffix(read, []byte("\n\n")) {
			continue
		}
		m := parse(string(read))
		read = read[:0]
		c.hear(t, m)
		if m.event == "synced" {
			return
		}
	}
}

func parse(block string) message {
	var m message
	for line := range strings.SplitSeq(block, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		}
	}
	return m
}

// A client that is cut off at any byte, any number of times, and comes back with the id of its last whole event ends
// with the state of one that was never cut off.
func TestACutAtAnyByteLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(rapid.IntRange(3, 20).Draw(t, "kept"), Pace{}, sees("acme"))
		defer r.close()
		c := &replica{}
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			org := rapid.SampledFrom([]string{"acme", "acme", "kestrel"}).Draw(t, "org")
			name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				gone(r.store, org, name)
			case 1, 2:
				c.hearBytes(t, r, r.srv.Client(), rapid.IntRange(0, 700).Draw(t, "cut"))
			default:
				put(r.store, org, name, i)
			}
		}
		c.hearBytes(t, r, r.srv.Client(), -1)
		never := &replica{}
		never.hearBytes(t, r, r.srv.Client(), -1)
		if !maps.Equal(c.views, never.views) {
			t.Fatalf("the client has %v, one that was never cut %v", c.views, never.views)
		}
	})
}

// ways are the ways in which a client can reach the gateway.
func ways(t *testing.T, h http.Handler) map[string]*http.Client {
	t.Helper()
	start := func(srv *httptest.Server, secure bool) string {
		srv.Config.WriteTimeout = 300 * time.Millisecond // must not cut a stream
		srv.Config.ReadTimeout = 300 * time.Millisecond
		if secure {
			srv.EnableHTTP2 = true
			srv.StartTLS()
		} else {
			srv.Config.Protocols = new(http.Protocols)
			srv.Config.Protocols.SetHTTP1(true)
			srv.Config.Protocols.SetUnencryptedHTTP2(true)
			srv.Start()
		}
		t.Cleanup(srv.Close)
		return srv.Listener.Addr().String()
	}
	plain, secure := start(httptest.NewUnstartedServer(h), false), start(httptest.NewUnstartedServer(h), true)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: plain}) }}
	behind := httptest.NewServer(proxy)
	t.Cleanup(behind.Close)
	client := func(address string, one, two, h2c bool) *http.Client {
		p := new(http.Protocols)
		p.SetHTTP1(one)
		p.SetHTTP2(two)
		p.SetUnencryptedHTTP2(h2c)
		tr := &http.Transport{Protocols: p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test's own server
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	return map[string]*http.Client{
		"http HTTP/1.1": client(plain, true, false, false), "http HTTP/2.0": client(plain, false, false, true),
		"https HTTP/1.1": client(secure, true, false, false), "https HTTP/2.0": client(secure, false, true, false),
		"http HTTP/1.1 behind a proxy": client(behind.Listener.Addr().String(), true, false, false),
	}
}

func TestTheStreamIsTheSameByEveryWay(t *testing.T) {
	r := newRig(100, Pace{Heartbeat: 50 * time.Millisecond}, sees("acme"))
	defer r.close()
	put(r.store, "acme", "first", 1)
	for way, client := range ways(t, r.hub) {
		scheme, proto, _ := strings.Cut(way, " ")
		proto, _, _ = strings.Cut(proto, " ")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://gateway/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if resp.Proto != proto || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" ||
			resp.Header.Get("X-Accel-Buffering") != "no" || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s %d %v", way, resp.Proto, resp.StatusCode, resp.Header)
		}
		c := newConn(resp.Body)
		var heard strings.Builder
		begin := time.Now()
		for i := 0; !strings.Contains(heard.String(), way+"-2"); {
			m, err := c.next()
			if err != nil {
				t.Fatalf("%s: after %s, %q: %v", way, time.Since(begin), heard.String(), err)
			}
			fmt.Fprintf(&heard, "%s %s\n", m.event, m.data)
			// A heartbeat comes when nothing else does, so a change is alone, and the time passes over every timeout.
			if m.event == "heartbeat" && time.Since(begin) > time.Duration(i)*400*time.Millisecond && i < 3 {
				put(r.store, "acme", fmt.Sprintf("%s-%d", way, i), i)
				i++
			}
		}
		for _, want := range []string{`"name":"first"`, "synced {}", way + "-0", way + "-1"} {
			if !strings.Contains(heard.String(), want) {
				t.Errorf("%s: %q is not in %s", way, want, heard.String())
			}
		}
		cancel()
		resp.Body.Close()
		r.nobody(t, way)
	}
}

// nobody waits until every client is known to be gone.
func (r *rig) nobody(t *testing.T, why string) {
	t.Helper()
	r.eventually(t, why+": the client is known to be gone", func() bool {
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		return len(r.hub.clients)+len(r.hub.groups)+len(r.hub.logins) == 0
	})
}

func (r *rig) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Those that showed the same credential are asked about once.
func TestTheCheckIsShared(t *testing.T) {
	p := sees("acme")
	r := newRig(10, Pace{Recheck: 40 * time.Millisecond}, p)
	defer r.close()
	for range 50 {
		c := r.open(t, "", "")
		defer c.close()
		if m, err := c.next(); err != nil || m.event != "synced" {
			t.Fatal(m, err)
		}
	}
	before := p.asked.Load()
	begin := time.Now()
	r.eventually(t, "three checks", func() bool { return p.asked.Load() >= before+3 })
	if most := int64(time.Since(begin)/(35*time.Millisecond)) + 2; p.asked.Load()-before > most {
		t.Errorf("%d checks for 50 clients in %s, want at most %d", p.asked.Load()-before, time.Since(begin), most)
	}
	p.refused.Store(true)
	r.nobody(t, "the credential is worth nothing any more")
}

// The same bytes go to every client of a group, and each gets only what it has not had.
func TestABatchIsEncodedOnceForItsGroup(t *testing.T) {
	store := readmodel.New("epoch", 100)
	from := store.Now()
	for i := range 6 {
		put(store, "acme", fmt.Sprintf("a%d", i), i)
	}
	changes, to, err := store.After(from, everything)
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup("k", "epoch", sees("acme").reader().Sight.May, nil)
	rd := &round{from: from, to: to, changes: changes, beat: true}
	b := g.batch(rd)
	if g.batch(rd) != b {
		t.Error("a group encodes a round twice")
	}
	for seq := range to.Seq() + 2 {
		text := string(b.after(seq))
		want := max(0, int(to.Seq())-int(seq)) //nolint:gosec // small
		if got := strings.Count(text, "event: put"); got != want {
			t.Errorf("after %d: %d events, want %d", seq, got, want)
		}
		if beat := strings.Contains(text, "heartbeat"); beat != (seq <= to.Seq()) {
			t.Errorf("after %d: a heartbeat: %v", seq, beat)
		}
	}
}
