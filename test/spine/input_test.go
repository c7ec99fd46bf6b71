//go:build integration

package spine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// TestReplayedInAnyOrder publishes everything that the log of an Environment holds once more, shuffled and under other
// ids, as if it came an hour late: nothing that people see changes.
func TestReplayedInAnyOrder(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "replay-", apps)
	all := followers(t, s, l, 1)
	must(t, l.Run(t.Context(), rate, time.Second))
	caught(t, all)
	before := list(t, s)
	reader, err := s.Spine(t, "projector").Of(t.Context(), env)
	must(t, err)
	var events []spine.Event
	enough := errors.New("all is read")
	err = reader.Read(t.Context(), spine.Reading{Subjects: []string{spine.Environment(env)}}, func(_ context.Context, b spine.Batch) error {
		events = append(events, b.Events...)
		if b.Pending == 0 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if len(events) < rate/2 {
		t.Fatalf("the log holds %d events only", len(events))
	}
	rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	writer, err := s.Spine(t, "observer").Of(t.Context(), env)
	must(t, err)
	for i := range events {
		events[i].ID = fmt.Sprintf("again-%d-%d", time.Now().UnixNano(), i)
	}
	for _, err := range writer.PublishBatch(t.Context(), events) {
		must(t, err)
	}
	// A change behind them has come through when all of them have.
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, all)
	for name, card := range list(t, s) {
		if !strings.HasPrefix(name, "replay-") && !bytes.Equal(card, before[name]) {
			t.Errorf("%s was\n%s\nand is\n%s", name, before[name], card)
		}
	}
	rebuild(t, s)
}

func list(t *testing.T, s *sovereign.Sovereign) map[string]json.RawMessage {
	t.Helper()
	var page struct{ Items []json.RawMessage }
	a := s.SignIn(t, developer).Do(t, http.MethodGet, "/api/v1/applications?limit=500", nil)
	a.Decode(t, &page)
	out := map[string]json.RawMessage{}
	for _, item := range page.Items {
		var h view.Header
		must(t, json.Unmarshal(item, &h))
		out[h.Name+" "+h.Environment] = item
	}
	return out
}

// TestWhatCannotBeReadIsSetAside puts on the spine what is no event, and an event that says that it belongs elsewhere:
// the rest goes on, the sovereign-admin sees what and why, and nobody else does.
func TestWhatCannotBeReadIsSetAside(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "aside-", apps)
	all := followers(t, s, l, 1)
	writer, err := s.Spine(t, "observer").Of(t.Context(), env)
	must(t, err)
	subject := spine.Branch(env, fmt.Sprintf("bad.*>ü%d", time.Now().UnixNano()))
	_, err = writer.JetStream().PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: []byte("no event at all")})
	must(t, err)
	_, err = writer.JetStream().PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: bytes.Repeat([]byte("x"), spine.MaxEvent+1)})
	if err == nil {
		t.Error("an event larger than the spine takes was stored")
	}
	for i := range apps {
		must(t, l.Change(t.Context(), i))
	}
	caught(t, all)
	sam := s.SignIn(t, "sam@sovereign.example")
	sovereign.Eventually(t, 30*time.Second, func() error {
		a := sam.Do(t, http.MethodGet, "/api/v1/set-aside?limit=500", nil)
		var page struct{ Items []view.SetAside }
		a.Decode(t, &page)
		for _, i := range page.Items {
			if i.Subject == subject && i.Reason != "" && i.SizeBytes > 0 {
				return nil
			}
		}
		return fmt.Errorf("sovereign-admin does not see %s: %d: %.300s", subject, a.Status, a.Body)
	})
	for _, who := range []string{developer, "ada@acme.example"} {
		if a := s.SignIn(t, who).Do(t, http.MethodGet, "/api/v1/set-aside", nil); bytes.Contains(a.Body, []byte("bad")) {
			t.Errorf("%s sees %s", who, a.Body)
		}
	}
}
