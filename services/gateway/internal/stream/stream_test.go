package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"pgregory.net/rapid"
)

// person is a Reader that may see some Organizations.
type person struct {
	sees    atomic.Value // string
	refused atomic.Bool
	asked   atomic.Int64
	until   time.Time
}

func (p *person) reader() Reader {
	sees := p.sees.Load().(string) //nolint:forcetypeassert // set by sees
	return Reader{
		Sight: readmodel.Sight{Key: sees, May: func(h view.Header) bool { return strings.Contains(sees, "<"+h.Organization+">") }},
		Until: p.until, Credential: fmt.Sprintf("%p", p),
		Again: func(context.Context) (Reader, error) {
			p.asked.Add(1)
			if p.refused.Load() {
				return Reader{}, errors.New("the session has ended")
			}
			return p.reader(), nil
		},
	}
}

func sees(orgs ...string) *person {
	p := &person{until: time.Now().Add(time.Hour)}
	p.sees.Store("<" + strings.Join(orgs, "><") + ">")
	return p
}

type rig struct {
	store *readmodel.Store
	hub   *Hub
	close func()
	srv   *httptest.Server
	who   atomic.Pointer[person]
}

func newRig(kept int, pace Pace, who *person) *rig {
	r := &rig{store: readmodel.New("epoch", kept)}
	r.who.Store(who)
	r.store.MarkSynced()
	r.hub = New(r.store, func(*http.Request) (Reader, *server.Problem) { return r.who.Load().reader(), nil }, pace)
	r.srv = httptest.NewServer(r.hub)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.hub.Run(ctx); close(done) }()
	r.close = func() { cancel(); <-done; r.srv.Close() }
	return r
}

func put(s *readmodel.Store, org, name string, n int) {
	v, err := readmodel.Parse(fmt.Appendf(nil, `{"kind":"Application","organization":%q,"environment":%q,"name":%q,"n":%d}`, org, org+"-dev", name, n))
	if err != nil {
		panic(err)
	}
	s.Put(v)
}

func gone(s *readmodel.Store, org, name string) {
	s.Delete(view.Header{Kind: view.KindApplication, Environment: org + "-dev", Name: name}.Key())
}

// message is one event as it came over the wire.
type message struct{ id, event, data string }

// conn is one connection, read event by event.
type conn struct {
	body  io.ReadCloser
	lines *bufio.Reader
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
	Fatal(...any)
}

func (r *rig) open(t fataler, query, last string) *conn {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.srv.URL+"/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := r.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return newConn(resp.Body)
}

func newConn(body io.ReadCloser) *conn { return &conn{body: body, lines: bufio.NewReader(body)} }

func (c *conn) close() { _ = c.body.Close() } // only a reader

// next returns the next block, a comment included.
func (c *conn) next() (message, error) {
	var m message
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return m, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if value != "" {
				m.event = value // a comment
				continue
			}
			return m, nil
		}
	}
}

// replica keeps what it was told, the way the console does.
type replica struct {
	views, gathering map[string]string
	last             string
	resyncs          int
}

func (c *replica) hear(t fataler, m message) {
	t.Helper()
	if m.id != "" {
		c.last = m.id
	}
	var f view.Frame
	if m.event == "put" || m.event == "delete" {
		if err := json.Unmarshal([]byte(m.data), &f); err != nil {
			t.Fatalf("%s: %v", m.data, err)
		}
	}
	target := c.views
	if c.gathering != nil {
		target = c.gathering
	}
	switch m.event {
	case "put":
		target[f.Key] = string(f.Object)
	case "delete":
		delete(target, f.Key)
	case "resync":
		c.gathering = map[string]string{}
		c.resyncs++
	case "synced":
		if c.gathering != nil {
			c.views, c.gathering = c.gathering, nil
		}
	}
}

// hearUntilSynced opens a connection and listens until it is up to date; cut breaks it off after so many messages.
func (c *replica) hearUntilSynced(t fataler, r *rig, query string, cut int) {
	t.Helper()
	last := c.last
	if c.gathering != nil || c.views == nil {
		last, c.gathering = "", map[string]string{} // half a snapshot is none
	}
	conn := r.open(t, query, last)
	defer conn.close()
	for i := 0; cut < 0 || i < cut; i++ {
		m, err := conn.next()
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		c.hear(t, m)
		if m.event == "synced" {
			return
		}
	}
}

// Over the real wire: whatever changes, whoever may see what, and wherever the connection is cut, a client that comes
// back with its last id ends with exactly what it may see.
func TestAnyCutAndResumeYieldsTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(rapid.IntRange(2, 12).Draw(t, "kept"), Pace{}, sees("acme"))
		defer r.close()
		c := &replica{}
		for i := range rapid.IntRange(0, 40).Draw(t, "steps") {
			org := rapid.SampledFrom([]string{"acme", "kestrel"}).Draw(t, "org")
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				gone(r.store, org, name)
			case 2:
				c.hearUntilSynced(t, r, "", rapid.IntRange(-1, 3).Draw(t, "cut"))
			case 3:
				if rapid.IntRange(0, 3).Draw(t, "rights change") == 0 {
					r.who.Store(sees(rapid.SampledFrom([][]string{{"acme"}, {"kestrel"}, {"acme", "kestrel"}}).Draw(t, "rights")...))
				}
			default:
				put(r.store, org, name, i)
			}
		}
		c.hearUntilSynced(t, r, "", -1)
		want := map[string]string{}
		views, _ := r.store.Snapshot(r.who.Load().reader().Sight.May)
		for _, v := range views {
			want[v.Key] = string(v.Object)
		}
		if !maps.Equal(c.views, want) {
			t.Fatalf("the client has %v, it may see %v", c.views, want)
		}
	})
}

func TestResumeSendsExactlyTheGap(t *testing.T) {
	r := newRig(100, Pace{}, sees("acme"))
	defer r.close()
	put(r.store, "acme", "a", 1)
	c := &replica{}
	c.hearUntilSynced(t, r, "", -1)
	put(r.store, "acme", "a", 2)
	put(r.store, "kestrel", "x", 1)
	put(r.store, "acme", "b", 1)
	conn := r.open(t, "", c.last)
	defer conn.close()
	var got []string
	for {
		m, err := conn.next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.event+" "+m.id)
		if m.event == "synced" {
			break
		}
	}
	if len(got) != 3 || !strings.HasPrefix(got[0], "put") || !strings.HasSuffix(got[0], "-2") || !strings.HasSuffix(got[1], "-4") {
		t.Errorf("the gap is %v; want the puts 2 and 4, and synced", got)
	}
	if c.resyncs != 0 {
		t.Error("a gap that is known was answered with a resync")
	}
}

func TestAnIDOfAnotherFilterIsNotContinued(t *testing.T) {
	r := newRig(100, Pace{}, sees("acme", "kestrel"))
	defer r.close()
	put(r.store, "acme", "a", 1)
	put(r.store, "kestrel", "k", 1)
	c := &replica{}
	c.hearUntilSynced(t, r, "organization=acme", -1)
	c.hearUntilSynced(t, r, "organization=kestrel", -1)
	if c.resyncs != 1 || len(c.views) != 1 || c.views["Application/kestrel-dev/k"] == "" {
		t.Errorf("after %d resyncs the client has %v", c.resyncs, c.views)
	}
	for _, id := range []string{"x", "epoch-1", "epoch.zz-1", "-", "epoch.-999999999999999999999", "\"quoted\"", strings.Repeat("9", 4000)} {
		c.last = id
		before := c.resyncs
		c.hearUntilSynced(t, r, "organization=kestrel", -1)
		if c.resyncs != before+1 {
			t.Errorf("id %.20q was continued", id)
		}
	}
}

func TestTheStreamEndsWithTheRightToIt(t *testing.T) {
	fast := Pace{Heartbeat: time.Hour, Recheck: 5 * time.Millisecond}
	for reason, end := range map[string]func(*person){
		"the session has ended": func(p *person) { p.refused.Store(true) },
		"a role was lost":       func(p *person) { p.sees.Store("<>") },
	} {
		p := sees("acme")
		r := newRig(10, fast, p)
		put(r.store, "acme", "a", 1)
		conn := r.open(t, "", "")
		for range 2 {
			if _, err := conn.next(); err != nil {
				t.Fatal(err)
			}
		}
		end(p)
		put(r.store, "kestrel", "secret", 1)
		if m, err := conn.next(); err == nil {
			t.Errorf("%s: the stream goes on with %+v", reason, m)
		}
		conn.close()
		r.close()
	}
	p := sees("acme")
	p.until = time.Now().Add(30 * time.Millisecond)
	r := newRig(10, fast, p)
	defer r.close()
	conn := r.open(t, "", "")
	defer conn.close()
	if _, err := conn.next(); err != nil {
		t.Fatal(err)
	}
	if m, err := conn.next(); err == nil {
		t.Errorf("the token has expired: the stream goes on with %+v", m)
	}
}

func TestHeartbeatMovesAQuietClientOn(t *testing.T) {
	r := newRig(4, Pace{Heartbeat: 10 * time.Millisecond}, sees("acme"))
	defer r.close()
	c := &replica{views: map[string]string{}, gathering: map[string]string{}}
	conn := r.open(t, "", "")
	defer conn.close()
	first, err := conn.next()
	if err != nil || first.event != "synced" {
		t.Fatal(first, err)
	}
	c.hear(t, first)
	for i := range 20 {
		put(r.store, "kestrel", "x", i)
		for !strings.HasSuffix(c.last, fmt.Sprintf("-%d", i+1)) {
			m, err := conn.next()
			if err != nil || m.event != "heartbeat" || m.data != "" {
				t.Fatalf("%+v %v", m, err)
			}
			c.hear(t, m)
		}
	}
	c.hearUntilSynced(t, r, "", -1)
	if c.resyncs != 0 {
		t.Error("a client that missed nothing was told to start anew")
	}
}

// A client that does not read is cut off, holds no memory of the server's, and nobody waits for it.
func TestASlowClientIsCutOffAndNobodyWaits(t *testing.T) {
	r := newRig(50, Pace{Patience: 100 * time.Millisecond, Heartbeat: time.Hour}, sees("acme"))
	defer r.close()
	slow := r.open(t, "", "")
	defer slow.close()
	quick := r.open(t, "", "")
	defer quick.close()
	big := strings.Repeat("x", 200<<10)
	heard := make(chan string, 1)
	go func() {
		for {
			m, err := quick.next()
			if err != nil || strings.Contains(m.data, `"name":"last"`) {
				heard <- m.data
				return
			}
		}
	}()
	for i := range 100 { // more than the buffers of the connection hold
		put(r.store, "acme", "filler", i)
		v, err := readmodel.Parse(fmt.Appendf(nil, `{"kind":"Application","organization":"acme","environment":"acme-dev","name":"big","n":%d,"text":%q}`, i, big))
		if err != nil {
			t.Fatal(err)
		}
		r.store.Put(v)
		time.Sleep(2 * tick) // so that it is not conflated into one write
	}
	put(r.store, "acme", "last", 1)
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Fatal("the quick client waits for the slow one")
	}
	total := 0
	c := &replica{views: map[string]string{}}
	for {
		m, err := slow.next()
		if err != nil {
			break // cut off
		}
		c.hear(t, m)
		if total += len(m.data); strings.Contains(m.data, `"name":"last"`) {
			t.Fatalf("a client that did not read for a while got all of %d bytes", total)
		}
	}
	c.hearUntilSynced(t, r, "", -1)
	want, _ := r.store.Snapshot(everything)
	if c.resyncs != 1 || len(c.views) != len(want) {
		t.Errorf("when it comes back it is told to start anew %d times, and has %d of %d views", c.resyncs, len(c.views), len(want))
	}
}

func TestNothingIsToldBeforeEverythingIsKnown(t *testing.T) {
	h := New(readmodel.New("e", 4), func(*http.Request) (Reader, *server.Problem) { return sees("acme").reader(), nil }, Pace{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "views_unavailable") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
