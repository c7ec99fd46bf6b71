package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

var quiet = slog.New(slog.DiscardHandler)

// startNATS starts a server whose data outlives it.
func startNATS(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s
}

func connect(t testing.TB, s *server.Server) *spine.Accounts {
	t.Helper()
	accounts, err := spine.Open(spine.Config{URL: s.ClientURL(), Name: "observer"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(accounts.Close)
	return accounts
}

// begin runs something until the test ends, or until what it returns is called.
func begin(t testing.TB, f func(context.Context)) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f(ctx); close(done) }()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

func TestMemoryOutlivesTheProcess(t *testing.T) {
	s := startNATS(t, t.TempDir(), -1)
	sp := connect(t, s).Sovereign()
	m := NewMemory(sp, "local", quiet)
	if _, err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := begin(t, m.Run)
	want := map[string]string{}
	for i := range 2500 {
		key := "Pod/acme-dev/" + spine.Encode(fmt.Sprintf("p.%d", i))
		m.Remember(key, fmt.Sprint("value ", i))
		want[key] = fmt.Sprint("value ", i)
	}
	m.Settle(t.Context())
	stream, err := sp.JetStream().Stream(t.Context(), "KV_observer-local")
	if err != nil {
		t.Fatal(err)
	}
	before := stream.CachedInfo().State.LastSeq
	for key, value := range want {
		m.Remember(key, value) // known already
	}
	gone := "Pod/acme-dev/" + spine.Encode("p.7")
	m.Forget(gone)
	m.Forget("Pod/acme-dev/never")
	delete(want, gone)
	m.Settle(t.Context())
	if info, err := stream.Info(t.Context()); err != nil || info.State.LastSeq != before+1 {
		t.Errorf("%d writes for one thing that is new (%v)", info.State.LastSeq-before, err)
	}
	stop()
	again := NewMemory(sp, "local", quiet)
	got, err := again.Load(t.Context())
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%d of %d entries came back: %v", len(got), len(want), err)
	}
}

func TestMemoryHoldsNothingBackWhileItCannotBeWritten(t *testing.T) {
	s := startNATS(t, t.TempDir(), -1)
	m := NewMemory(connect(t, s).Sovereign(), "local", quiet)
	if _, err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin(t, m.Run)
	m.Remember("a", "1")
	m.Settle(t.Context())
	js := m.spine.JetStream()
	if err := js.DeleteKeyValue(t.Context(), "observer-local"); err != nil {
		t.Fatal(err)
	}
	m.Remember("b", "2")
	m.Settle(t.Context())
	// The bucket is made anew, with all that is known.
	eventually(t, "the bucket", func() error {
		kv, err := js.KeyValue(t.Context(), "observer-local")
		if err != nil {
			return err
		}
		for _, key := range []string{"a", "b"} {
			if _, err := kv.Get(t.Context(), key); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return m.Ready(t.Context())
	})
}

// told counts what the stream holds, by the subject.
func told(t testing.TB, sp *spine.Spine) (map[string]string, int) {
	t.Helper()
	out, n := map[string]string{}, 0
	done := errors.New("done")
	err := sp.Read(t.Context(), spine.Reading{Subjects: []string{spine.All}}, func(_ context.Context, b spine.Batch) error {
		for _, e := range b.Events {
			n++
			if h, ok := e.Data.(*spinev1.Heartbeat); ok {
				out[e.Subject] = h.GetMessage()
			}
		}
		if b.Pending == 0 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return out, n
}

func beat(subject, id string) spine.Event {
	return spine.Event{ID: subject + "/" + id, Source: "/test", Subject: subject, Time: time.Now(), Data: &spinev1.Heartbeat{Message: id}}
}

// The stream is deleted, made anew, and its server restarted while 500 things change each second: in the end the stream
// that there is holds the newest of each thing, and in a stream that was there all the time nothing stands twice.
func TestTheSpineGetsEverythingWhateverHappensToIt(t *testing.T) {
	dir := t.TempDir()
	s := startNATS(t, dir, -1)
	accounts := connect(t, s)
	sp := accounts.Sovereign()
	q := observation.NewQueue(NewAccounts(accounts), quiet)
	const things = 200
	subject := func(i int) string { return spine.Object("acme-dev", "k8s", "Service", "acme-dev", fmt.Sprint("s", i)) }
	tell := make(chan struct{}, 1)
	q.Lost = func(organization string) {
		if organization == "acme" {
			select {
			case tell <- struct{}{}:
			default:
			}
		}
	}
	begin(t, q.Run)
	newest := map[int]int{}
	put := func(i int) { q.Put("acme-dev", beat(subject(i), fmt.Sprint(newest[i]))) }
	storm := func(n int) {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for k := range n {
			<-tick.C
			select {
			case <-tell: // as a source does it
				for i := range things {
					put(i)
				}
			default:
			}
			newest[k%things]++
			put(k % things)
		}
	}
	storm(things)
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range things { // a relist: the same facts once more
		put(i)
	}
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, n := told(t, sp); n != things {
		t.Errorf("%d events in the stream after a relist, want %d", n, things)
	}
	if err := sp.JetStream().DeleteStream(t.Context(), spine.Stream); err != nil {
		t.Fatal(err)
	}
	storm(300)
	port := s.Addr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	s.Shutdown()
	s.WaitForShutdown()
	storm(500)
	n := 0
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	startNATS(t, dir, n)
	storm(500)
	eventually(t, "the newest of each thing", func() error {
		storm(1)
		if err := q.Flush(t.Context()); err != nil {
			return err
		}
		got, _ := told(t, sp)
		for i := range things {
			if got[subject(i)] != fmt.Sprint(newest[i]) {
				return fmt.Errorf("%s is %q, want %d", subject(i), got[subject(i)], newest[i])
			}
		}
		return q.Ready(t.Context())
	})
}

func TestAFullAccountSaysSoAndRecovers(t *testing.T) {
	s := startNATS(t, t.TempDir(), -1)
	accounts := connect(t, s)
	sp := accounts.Sovereign()
	if err := sp.EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := sp.JetStream().Stream(t.Context(), spine.Stream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	limit := func(n int64) {
		cfg.MaxMsgs = n
		if _, err := sp.JetStream().UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	q := observation.NewQueue(NewAccounts(accounts), quiet)
	begin(t, q.Run)
	q.Put("acme-dev", beat(spine.Branch("acme-dev", "a"), "1"))
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	limit(1)
	q.Put("acme-dev", beat(spine.Branch("acme-dev", "b"), "2"))
	if err := q.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), `the account of "acme"`) {
		t.Fatalf("flush says %v", err)
	}
	if err := q.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "1 events wait") {
		t.Fatalf("ready says %v", err)
	}
	limit(-1)
	eventually(t, "after there is room", func() error {
		if got, n := told(t, sp); n != 2 {
			return fmt.Errorf("the stream holds %v", got)
		}
		return q.Ready(t.Context())
	})
}

func TestTell(t *testing.T) {
	s := startNATS(t, t.TempDir(), -1)
	sp := connect(t, s).Sovereign()
	answers := make(chan error, 2)
	begin(t, func(ctx context.Context) {
		_ = sp.AnswerTell(ctx, spine.TellObserver, func(context.Context) error { return <-answers }) // it ends with the test
	})
	asker := connect(t, s).Sovereign().JetStream().Conn()
	for _, want := range []string{"", "the cluster does not answer"} {
		answers <- nil
		if want != "" {
			<-answers
			answers <- errors.New(want)
		}
		eventually(t, "an answer", func() error {
			m, err := asker.Request(spine.TellObserver, nil, 5*time.Second)
			if err != nil {
				return err
			}
			if got := string(m.Data); got != want {
				t.Errorf("the answer is %q, want %q", got, want)
			}
			return nil
		})
	}
}
