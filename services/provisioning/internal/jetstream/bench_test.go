//go:build bench

package jetstream_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/services/provisioning/internal/jetstream"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// What it costs to have an Operation on the disk before it is accepted: its record and its place in the queue, on a
// server that writes through and on one that writes through every second. The bound is what a person would notice.
func TestBenchSpineIntents(t *testing.T) {
	const rounds, n = 7, 200
	record := func(always bool) (records *jetstream.Records, stop func()) {
		s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
			SyncAlways: always, SyncInterval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("NATS does not start")
		}
		a := connect(t, s.ClientURL())
		records = jetstream.New(a.Sovereign(), a, slog.New(slog.DiscardHandler))
		return records, func() { a.Close(); s.Shutdown(); s.WaitForShutdown() }
	}
	measure := func(always bool, round int) (p50, p99 time.Duration) {
		records, stop := record(always)
		defer stop()
		took := make([]time.Duration, n)
		for i := range took {
			o := &operation.Operation{ID: fmt.Sprintf("op-%d-%d", round, i), Organization: "acme", Message: string(make([]byte, 4000))}
			begun := time.Now()
			if err := records.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if err := records.Enqueue(t.Context(), o.ID); err != nil {
				t.Fatal(err)
			}
			took[i] = time.Since(begun)
		}
		return figure.Quantile(took, 0.5), figure.Quantile(took, 0.99)
	}
	var through, lazy, late []float64
	for round := range rounds {
		p50, _ := measure(false, round)
		lazy = append(lazy, float64(p50.Microseconds()))
		p50, p99 := measure(true, round)
		through = append(through, float64(p50.Microseconds()))
		late = append(late, float64(p99.Microseconds()))
	}
	ours, floor := figure.Median(through), figure.Median(lazy)
	figure.Line(t, "intent-accepted-p50", ours, "µs", fmt.Sprintf("synced-every-second=%.4g", floor), fmt.Sprintf("%.3g", ours/floor), "<=20000µs", ours <= 20_000)
	p99 := figure.Median(late)
	figure.Line(t, "intent-accepted-p99", p99, "µs", "-", "-", "<=250000µs", p99 <= 250_000)
}
