//go:build bench

package jetstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/projector/internal/projection"
)

const (
	rounds   = 5
	benchEnv = "acme-dev"
	serveIn  = "CATALYST_BENCH_SERVE_IN"
)

// TestMain serves NATS in a process of its own when it is asked to, so that what is measured is not the server's.
func TestMain(m *testing.M) {
	dir := os.Getenv(serveIn)
	if dir == "" {
		os.Exit(m.Run())
	}
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, JetStreamMaxStore: 1 << 40, NoLog: true, NoSigs: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		os.Exit(1)
	}
	fmt.Println(srv.ClientURL())
	io.Copy(io.Discard, os.Stdin) // until the one who asked ends
	srv.Shutdown()
}

func benchRig(t *testing.T) *rig {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveIn+"="+t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return opened(&rig{t: t, config: func(service string) spine.Config { return spine.Config{URL: strings.TrimSpace(url), Name: service} }})
}

func (r *rig) js() jetstream.JetStream { return r.observer.Sovereign().JetStream() }

// fill publishes events of objects of as many Applications, each of which is written again and again.
func (r *rig) fill(objects, events int) {
	r.t.Helper()
	const at = 2000
	batch := make([]proto.Message, 0, at)
	for i := range events {
		app, n := fmt.Sprint("app", i%objects), i/objects
		if n == 0 {
			batch = append(batch, branch(benchEnv, app, 1))
		} else {
			d := deployment(benchEnv, app, n+1, int32(n%3))
			d.Health.Message = "Deployment is available. Replicas: 2"
			d.Object.Uid = "7c4b3a52-6b0f-4b58-9d7b-1f0f6f6c2f11"
			batch = append(batch, d)
		}
		if len(batch) == at || i == events-1 {
			r.publish(benchEnv, batch...)
			batch = batch[:0]
		}
	}
}

// reset deletes everything but the log.
func (r *rig) reset() {
	r.t.Helper()
	for _, b := range []string{spine.Bucket(benchEnv), spine.Facts(benchEnv), spine.Bucket(spine.System), spine.Facts(spine.System), leaseBucket, "raw"} {
		if err := r.js().DeleteKeyValue(r.t.Context(), b); err != nil && !errors.Is(err, jetstream.ErrBucketNotFound) {
			r.t.Fatal(err)
		}
	}
	runtime.GC()
}

// consume calls f for the first events of the log, in their order.
func (r *rig) consume(events int, f func(jetstream.Msg)) {
	r.t.Helper()
	cons, err := r.js().OrderedConsumer(r.t.Context(), spine.Stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{spine.Environment(benchEnv)}})
	if err != nil {
		r.t.Fatal(err)
	}
	done, n := make(chan struct{}), 0
	consuming, err := cons.Consume(func(m jetstream.Msg) {
		if n < events {
			f(m)
		}
		if n++; n == events {
			close(done)
		}
	}, jetstream.PullMaxMessages(2048))
	if err != nil {
		r.t.Fatal(err)
	}
	defer consuming.Stop()
	<-done
}

func (r *rig) raw() jetstream.KeyValue {
	r.t.Helper()
	kv, err := r.observer.Sovereign().Open(r.t.Context(), "raw")
	if err != nil {
		r.t.Fatal(err)
	}
	return kv
}

// floorPut is raw consume and raw put: each event makes so many values of the size of a view, and nothing is looked at.
func (r *rig) floorPut(objects, events, size, puts int) float64 {
	r.raw()
	value, keys := make([]byte, size), make([]string, objects*puts)
	for i := range keys {
		keys[i] = fmt.Sprint("$KV.raw.Application/app", i)
	}
	begin, n := time.Now(), 0
	r.consume(events, func(jetstream.Msg) {
		for range puts {
			if _, err := r.js().PublishMsgAsync(&nats.Msg{Subject: keys[n%len(keys)], Data: value}, jetstream.WithStallWait(time.Minute)); err != nil {
				r.t.Error(err)
			}
			n++
		}
	})
	<-r.js().PublishAsyncComplete()
	return float64(events) / time.Since(begin).Seconds()
}

// peerPut is a loop that reduces an event and puts its view, one after the other.
func (r *rig) peerPut(events int) float64 {
	kv, s := r.raw(), projection.NewState(benchEnv)
	begin := time.Now()
	r.consume(events, func(m jetstream.Msg) {
		e, err := spine.ParseEvent(m.Subject(), m.Headers(), m.Data())
		if err != nil {
			r.t.Error(err)
			return
		}
		s.Put(e.Data, 1)
		for _, ref := range s.Touched() {
			if ref.Kind != view.KindApplication {
				continue
			}
			b, err := s.View(ref)
			if err != nil {
				r.t.Error(err)
			}
			if _, err := kv.Put(r.t.Context(), spine.Key(string(ref.Kind), ref.Name), b); err != nil {
				r.t.Error(err)
			}
		}
	})
	return float64(events) / time.Since(begin).Seconds()
}

// ours is the projector as it runs, from when it has the lease until every view is in the bucket.
func (r *rig) ours(events int) float64 {
	rep := r.start("bench", func(p *Projector) { p.pace = usual })
	for !rep.has(benchEnv) {
		time.Sleep(100 * time.Microsecond)
	}
	begin := time.Now()
	for !rep.works(benchEnv) || !rep.Quiet(benchEnv) {
		time.Sleep(time.Millisecond)
	}
	rate := float64(events) / time.Since(begin).Seconds()
	rep.stop()
	return rate
}

// Quiet tells whether a part has read all there is.
func (p *Projector) Quiet(env string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parts[env] != nil && p.parts[env].lag == 0
}

func (p *Projector) has(env string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parts[env] != nil
}

// TestBenchSpineProject measures stream -> reduce -> KV: 10,000 objects, ten events each, and one each.
func TestBenchSpineProject(t *testing.T) {
	const objects = 10_000
	for _, per := range []int{10, 1} {
		// Events of one object that come together are put once. Where none do, each is put twice, as the fact that it is
		// and as the view that it makes (docs/adr/0009), and so the floor does.
		puts := 1
		if per == 1 {
			puts = 2
		}
		r := benchRig(t)
		r.publish(spine.System, environment(benchEnv, 1))
		r.fill(objects, objects*per)
		events := objects * per
		var ours, floor, peer, toFloor, toPeer []float64
		for round := range rounds + 1 {
			r.reset()
			f := r.floorPut(objects, events, 900, puts)
			p := r.peerPut(min(events, 5000))
			r.reset()
			o := r.ours(events)
			if round == 0 {
				continue // to warm up
			}
			ours, floor, peer, toFloor, toPeer = append(ours, o), append(floor, f), append(peer, p), append(toFloor, o/f), append(toPeer, o/p)
		}
		if got := len(r.views(benchEnv)); got != objects+2 {
			t.Fatalf("%d views of %d objects", got, objects)
		}
		o := figure.Median(ours)
		if per == 1 {
			figure.Figure{Name: "spine_project_10k_objects_1_event_each_from_nothing", Value: o, Unit: "events/s", Against: "raw_consume_and_two_puts",
				Reference: o / figure.Median(toFloor), AtLeast: 0.5}.Report(t)
		} else {
			name := fmt.Sprintf("spine_project_10k_objects_%d_events_each", per)
			figure.Figure{Name: name, Value: o, Unit: "events/s", Against: "raw_consume_and_put", Reference: o / figure.Median(toFloor), AtLeast: 0.5}.Report(t)
			figure.Figure{Name: name, Value: o, Unit: "events/s", Against: "kv_put_an_event", Reference: o / figure.Median(toPeer), AtLeast: 3}.Report(t)
		}
		t.Logf("medians: ours %.0f, floor %.0f, peer %.0f events/s", o, figure.Median(floor), figure.Median(peer))
	}
}

// TestBenchSpineRebuild measures a rebuild from a million events, with the memory that it takes.
func TestBenchSpineRebuild(t *testing.T) {
	const objects, events = 20_000, 1_000_000
	r := benchRig(t)
	r.publish(spine.System, environment(benchEnv, 1))
	r.fill(objects, events)
	rep := r.start("bench", func(p *Projector) { p.pace = usual })
	for !rep.works(benchEnv) || !rep.Quiet(benchEnv) {
		time.Sleep(10 * time.Millisecond)
	}
	rep.stop()
	var ours, floor, peer, toFloor, toPeer, peak []float64
	for round := range rounds + 1 {
		begin := time.Now()
		r.consume(events, func(jetstream.Msg) {})
		f := events / time.Since(begin).Seconds()
		r.js().DeleteKeyValue(t.Context(), "raw")
		p := r.peerPut(5000)
		runtime.GC()
		most := watchHeap()
		begin = time.Now()
		folded, err := fold(t.Context(), r.reader, benchEnv)
		if err != nil {
			t.Fatal(err)
		}
		o := events / time.Since(begin).Seconds()
		mb := most()
		if folded.events != events {
			t.Fatalf("%d events", folded.events)
		}
		if round == 0 {
			continue
		}
		ours, floor, peer, toFloor, toPeer, peak = append(ours, o), append(floor, f), append(peer, p), append(toFloor, o/f), append(toPeer, o/p), append(peak, mb)
	}
	report, err := Rebuild(t.Context(), r.reader, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	report.Print(os.Stdout)
	o := figure.Median(ours)
	figure.Figure{Name: "spine_rebuild_1M_events", Value: o, Unit: "events/s", Against: "ordered_consume", Reference: o / figure.Median(toFloor), AtLeast: 0.4}.Report(t)
	figure.Figure{Name: "spine_rebuild_1M_events", Value: o, Unit: "events/s", Against: "kv_put_an_event", Reference: o / figure.Median(toPeer), AtLeast: 3}.Report(t)
	// What is kept is a fact and a view an object, 12 KB at most; what is read passes through.
	bound := objects * 12.0 / 1024
	figure.Line(t, "spine_rebuild_1M_events_heap_peak", figure.Median(peak), "MB", fmt.Sprintf("objects=%d", objects), "-", fmt.Sprintf("<=%.0fMB", bound), figure.Median(peak) <= bound)
	same := report.Err() == nil
	figure.Line(t, "spine_rebuild_1M_events_digest", float64(len(report.Parts)), "parts", "live", "-", "same", same)
	t.Logf("medians: ours %.0f, floor %.0f, peer %.0f events/s", o, figure.Median(floor), figure.Median(peer))
}

// watchHeap returns a function that ends the watch and tells the most that the heap held, in MB.
func watchHeap() func() float64 {
	var most atomic.Uint64
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return func() float64 {
		cancel()
		<-done
		return float64(most.Load()) / (1 << 20)
	}
}
