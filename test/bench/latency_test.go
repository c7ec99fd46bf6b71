//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

const (
	latencyApps    = 100
	latencyClients = 100
	// latencyClocks of the clients read what they get. The others only take it: they stand for other machines, whose work
	// is not to be counted here.
	latencyClocks = 5
	latencyRounds = 5
	latencyRound  = 4 * time.Second
	// added is how much later than the floor a frame may come: one tick of the stream, and 5 ms.
	added = 10 * time.Millisecond
)

// TestBenchSpineLatency measures the way of a change from the API server to a client of the stream, beside the shortest
// way that there could be over the same parts: raw watch, raw publish, consumer, key-value put, key-value watch. Both see
// the same changes at the same time. A change counts by the number that it writes into the port of a Service; what is
// overtaken by a later change of the same object counts when that one comes.
func TestBenchSpineLatency(t *testing.T) {
	for _, rate := range []int{100, 500} { // changes a second
		t.Run(fmt.Sprint(rate), func(t *testing.T) { latency(t, rate) })
	}
}

func latency(t *testing.T, rate int) {
	s := sovereign.Attach(t)
	cluster := s.Cluster(t)
	l := sovereign.NewLoad(t, cluster, env, fmt.Sprintf("latency-%d-", rate), latencyApps)
	floor := newClock(l)
	rawPath(t, cluster.Resource(sovereign.Services).Namespace(env), floor)
	noor := s.SignIn(t, "noor@acme.example")
	for range latencyClients - latencyClocks {
		noor.Drain(t.Context(), t, "acme")
	}
	ours := make([]*clock, latencyClocks)
	for i := range ours {
		ours[i] = newClock(l)
		frames := noor.Watch(t.Context(), t, "acme", "")
		go follow(frames, ours[i])
	}
	sovereign.Eventually(t, time.Minute, func() error {
		must(t, l.Change(t.Context(), 0))
		for i, c := range append(ours, floor) {
			if !c.awake() {
				return fmt.Errorf("client %d hears nothing", i)
			}
		}
		return nil
	})
	var ratios, ourP50, ourP99, floorP50, floorP99 []float64
	for range latencyRounds {
		for _, c := range append(ours, floor) {
			c.reset()
		}
		must(t, l.Run(t.Context(), rate, latencyRound))
		for i, c := range append(ours, floor) {
			sovereign.Eventually(t, 30*time.Second, func() error {
				if missing := c.missing(l.Last()); missing > 0 {
					return fmt.Errorf("client %d: the last change of %d objects has not come", i, missing)
				}
				return nil
			})
		}
		var all []time.Duration
		for _, c := range ours {
			all = append(all, c.took...)
		}
		o50, o99 := ms(figure.Quantile(all, .5)), ms(figure.Quantile(all, .99))
		f50, f99 := ms(figure.Quantile(floor.took, .5)), ms(figure.Quantile(floor.took, .99))
		ratios = append(ratios, o50/f50)
		ourP50, ourP99, floorP50, floorP99 = append(ourP50, o50), append(ourP99, o99), append(floorP50, f50), append(floorP99, f99)
	}
	o, f := figure.Median(ourP50), figure.Median(floorP50)
	figure.Line(t, fmt.Sprintf("spine-latency-p50-at-%d", rate), o, "ms", fmt.Sprintf("raw-watch-publish-kv-watch=%.4g", f), fmt.Sprintf("%.3g", figure.Median(ratios)),
		fmt.Sprintf("<=floor+%dms", added.Milliseconds()), o-f <= ms(added))
	fmt.Printf("# p99 %.4g ms, of the floor %.4g ms; %d changes a second asked, %.0f made; %d clients\n",
		figure.Median(ourP99), figure.Median(floorP99), rate, l.Rate(), latencyClients)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// clock notes when changes come to one client.
type clock struct {
	load *sovereign.Load
	mu   sync.Mutex
	seen map[string]int
	took []time.Duration
}

func newClock(l *sovereign.Load) *clock { return &clock{load: l, seen: map[string]int{}} }

func (c *clock) see(name string, port int, at time.Time) {
	n, made := c.load.Find(name, port)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > c.seen[name] {
		c.seen[name], c.took = n, append(c.took, at.Sub(made))
	}
}

func (c *clock) awake() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.seen) > 0 }
func (c *clock) reset()      { c.mu.Lock(); defer c.mu.Unlock(); c.took = nil }

func (c *clock) missing(last map[string]int) (missing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range last {
		if c.seen[name] < n {
			missing++
		}
	}
	return missing
}

func follow(frames <-chan sovereign.Frame, c *clock) {
	for f := range frames {
		if !c.load.Mine(f) {
			continue
		}
		var a view.Application
		if json.Unmarshal(f.Object, &a) == nil {
			c.see(a.Name, sovereign.Port(a), f.At)
		}
	}
}

// rawPath is the floor: watch, publish, consume, put, watch, with a server of its own and nothing in between.
func rawPath(t *testing.T, services dynamic.ResourceInterface, c *clock) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	must(t, err)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the floor's server does not answer")
	}
	nc, err := nats.Connect(srv.ClientURL())
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "RAW", Subjects: []string{"raw.>"}})
	must(t, err)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "raw"})
	must(t, err)
	cons, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	must(t, err)
	consuming, err := cons.Consume(func(m jetstream.Msg) {
		if _, err := js.PublishAsync("$KV.raw."+strings.TrimPrefix(m.Subject(), "raw."), m.Data()); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	t.Cleanup(consuming.Stop)
	values, err := kv.WatchAll(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = values.Stop() })
	go func() {
		for e := range values.Updates() {
			if e == nil {
				continue
			}
			var o unstructured.Unstructured
			if json.Unmarshal(e.Value(), &o) == nil {
				see(c, &o, time.Now())
			}
		}
	}()
	watch, err := services.Watch(t.Context(), metav1.ListOptions{LabelSelector: "catalyst.openova.io/application"})
	must(t, err)
	t.Cleanup(watch.Stop)
	go func() {
		for e := range watch.ResultChan() {
			if o, ok := e.Object.(*unstructured.Unstructured); ok {
				if b, err := json.Marshal(o); err == nil {
					if _, err := js.PublishAsync("raw."+o.GetName(), b); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if t.Context().Err() == nil {
			t.Error("the API server ended the floor's watch")
		}
	}()
}

func see(c *clock, o *unstructured.Unstructured, at time.Time) {
	ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
	if len(ports) == 0 {
		return
	}
	if p, ok := ports[0].(map[string]any); ok {
		switch n := p["port"].(type) {
		case int64:
			c.see(o.GetName(), int(n), at)
		case float64:
			c.see(o.GetName(), int(n), at)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
