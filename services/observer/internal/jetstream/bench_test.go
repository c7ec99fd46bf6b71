//go:build bench

package jetstream

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

const (
	rounds   = 7
	ingested = 200_000
	// The peer is an order of magnitude slower: a tenth of the events tells its rate.
	bySync = ingested / 10
)

// bundle are events of about a kilobyte, each of a thing of its own, as the observer makes them.
func bundle(t *testing.T) (events []spine.Event, payload []byte) {
	const kinds = 500
	data := make([]*spinev1.ObjectObserved, kinds)
	for i := range data {
		data[i] = &spinev1.ObjectObserved{
			Object: &spinev1.ObjectRef{
				Cluster: "local", ApiVersion: "kustomize.toolkit.fluxcd.io/v1", Kind: "Kustomization", Namespace: "acme-dev",
				Name: fmt.Sprint("shop-", i), Uid: "0a1b2c3d-0000-4000-8000-00000000000" + fmt.Sprint(i%10),
			},
			ResourceVersion: fmt.Sprint(100000 + i), Generation: 3, ObservedAt: timestamppb.Now(), CreatedAt: timestamppb.Now(), ChangedAt: timestamppb.Now(),
			Organization: "acme", Environment: "acme-dev", Application: fmt.Sprint("shop-", i),
			Health: &spinev1.Health{Status: "InProgress", Message: strings.Repeat("waiting for the rollout; ", 12), Since: timestamppb.Now()},
			Detail: &spinev1.ObjectObserved_Flux{Flux: &spinev1.FluxObject{
				Revision: "main@sha1:0123456789abcdef0123456789abcdef01234567", AttemptedRevision: "main@sha1:0123456789abcdef0123456789abcdef01234567",
				Ready: "False", Reason: "DependencyNotReady", Message: strings.Repeat("dependency 'acme-dev/db' is not ready ", 7),
				Workloads: []string{"Deployment/shop", "Deployment/worker", "StatefulSet/db"},
			}},
		}
	}
	events = make([]spine.Event, ingested)
	for i := range events {
		o := data[i%kinds]
		events[i] = spine.Event{
			ID: fmt.Sprintf("local/%s/%d/0123456789abcdef01234567", o.GetObject().GetUid(), i), Source: "/observer/local",
			Subject: spine.Object("acme-dev", "flux", "Kustomization", "acme-dev", fmt.Sprint("shop-", i)), Time: time.Now(), Data: o,
		}
	}
	payload, err := proto.Marshal(data[0])
	if err != nil {
		t.Fatal(err)
	}
	return events, payload
}

// fresh gives a spine with an empty stream on a server of its own.
func fresh(t *testing.T) (*spine.Accounts, func()) {
	s := startNATS(t, t.TempDir(), -1)
	accounts, err := spine.Open(spine.Config{URL: s.ClientURL(), Name: "observer"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.Sovereign().EnsureStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	return accounts, func() {
		accounts.Close()
		s.Shutdown()
		s.WaitForShutdown()
	}
}

func complete(t *testing.T, sp *spine.Spine, n int) {
	stream, err := sp.JetStream().Stream(t.Context(), spine.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != uint64(n) {
		t.Fatalf("the stream holds %d events, want %d", got, n)
	}
}

// ours puts all events, and every tenth of them twice, through the queue, and waits until they are stored.
func ours(t *testing.T, events []spine.Event) (rate, allocated float64) {
	accounts, end := fresh(t)
	defer end()
	q := observation.NewQueue(NewAccounts(accounts), quiet)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { q.Run(ctx); close(stopped) }()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for i, e := range events {
		q.Put("acme-dev", e)
		if i%10 == 9 {
			q.Put("acme-dev", e)
		}
	}
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	cancel()
	<-stopped
	complete(t, accounts.Sovereign(), len(events))
	return float64(len(events)) / took.Seconds(), float64(after.Mallocs-before.Mallocs) / float64(len(events))
}

// raw publishes bytes of the same size with a message id, and nothing else.
func raw(t *testing.T, events []spine.Event, payload []byte) float64 {
	accounts, end := fresh(t)
	defer end()
	js, err := jetstream.New(accounts.Sovereign().JetStream().Conn(), jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, e := range events {
		if _, err := js.PublishMsgAsync(&client.Msg{Subject: e.Subject, Data: payload, Header: client.Header{client.MsgIdHdr: {e.ID}}}, jetstream.WithStallWait(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	took := time.Since(began)
	complete(t, accounts.Sovereign(), len(events))
	return float64(len(events)) / took.Seconds()
}

// one publishes events one by one and waits for each.
func one(t *testing.T, events []spine.Event) float64 {
	accounts, end := fresh(t)
	defer end()
	js := accounts.Sovereign().JetStream()
	began := time.Now()
	for _, e := range events {
		msg, err := e.Message()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	complete(t, accounts.Sovereign(), len(events))
	return float64(len(events)) / took.Seconds()
}

// TestBenchSpineIngest: 200,000 events of about 1 KB, with message ids, from the queue's Put until they are stored.
func TestBenchSpineIngest(t *testing.T) {
	events, payload := bundle(t)
	var rates, toFloor, toPeer, floors, peers, allocations []float64
	for range rounds {
		floor := raw(t, events, payload)
		rate, allocated := ours(t, events)
		peer := one(t, events[:bySync])
		rates, floors, peers = append(rates, rate), append(floors, floor), append(peers, peer)
		toFloor, toPeer = append(toFloor, rate/floor), append(toPeer, rate/peer)
		allocations = append(allocations, allocated)
		t.Logf("round: ours %.0f/s, floor %.0f/s, peer %.0f/s", rate, floor, peer)
	}
	// The ratio of a round compares what ran side by side; its median is what is reported.
	value := figure.Median(rates)
	figure.Line(t, "ingest", value, "events/s", fmt.Sprintf("raw-async-with-id=%.4g", figure.Median(floors)), fmt.Sprintf("%.3g", figure.Median(toFloor)), ">=0.6", figure.Median(toFloor) >= 0.6)
	figure.Line(t, "ingest", value, "events/s", fmt.Sprintf("sync-publish=%.4g", figure.Median(peers)), fmt.Sprintf("%.3g", figure.Median(toPeer)), ">=3", figure.Median(toPeer) >= 3)
	figure.Line(t, "ingest-allocations", figure.Median(allocations), "allocations/event", "none=-", "-", "-", true)
	figure.Line(t, "ingest-event-size", float64(len(payload)), "bytes", "none=-", "-", "-", true)
}
