package jetstream

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

func TestEventsBecomeViews(t *testing.T) {
	r := newRig(t, "acme", "globex")
	system := []proto.Message{environment("acme-dev", 1), environment("globex-dev", 2)}
	r.publish(spine.System, system...)
	rep := r.start("one")
	acme := []proto.Message{branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 2, 1), deployment("acme-dev", "shop", 3, 2)}
	globex := []proto.Message{branch("globex-dev", "mine", 1)}
	r.publish("acme-dev", acme...)
	r.publish("globex-dev", globex...)
	r.becomes(spine.System, expect(t, spine.System, system...))
	r.becomes("acme-dev", expect(t, "acme-dev", acme...))
	r.becomes("globex-dev", expect(t, "globex-dev", globex...))
	eventually(t, "ready", func() bool { return rep.Ready(t.Context()) == nil })
}

// A name from outside reaches its key, whatever it is made of.
func TestNamesReachTheirKeys(t *testing.T) {
	r := newRig(t, "acme")
	r.publish(spine.System, environment("acme-dev", 1))
	r.start("one")
	var events []proto.Message
	for _, name := range []string{"a.b", "*", ">", "a/b", "ü", "日本語", "a b", "=2E", "A", "a", strings.Repeat("x", 253), strings.Repeat("ü", 253), strings.Repeat(".", 253)} {
		events = append(events, branch("acme-dev", name, 1), deployment("acme-dev", name, 2, 2))
	}
	r.publish("acme-dev", events...)
	want := expect(t, "acme-dev", events...)
	if len(want) != 13+2 { // with what happened and the use of the Blueprint
		t.Fatalf("%d views of 13 names", len(want))
	}
	r.becomes("acme-dev", want)
}

// What cannot be read, or says that it belongs elsewhere, is set aside where a sovereign-admin sees it; the rest goes on.
func TestTheRestGoesOn(t *testing.T) {
	r := newRig(t, "acme")
	r.publish(spine.System, environment("acme-dev", 1))
	r.start("one")
	r.publish("acme-dev", branch("acme-dev", "shop", 1))
	sp, err := r.observer.Of(t.Context(), "acme-dev")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sp.JetStream().Publish(t.Context(), "ws.acme-dev.k8s.junk", []byte("junk\xff")); err != nil {
		t.Fatal(err)
	}
	foreign := deployment("acme-prod", "shop", 2, 2)
	if err := sp.Publish(t.Context(), spine.Event{ID: "foreign", Source: "/observer/local", Subject: "ws.acme-dev.k8s.x", Time: epoch, Data: foreign}); err != nil {
		t.Fatal(err)
	}
	if err := sp.Publish(t.Context(), spine.Event{ID: "unknown", Source: "/observer/local", Subject: "ws.acme-dev.k8s.y", Time: epoch, Data: &spinev1.Commit{Sha: "1"}}); err != nil {
		t.Fatal(err)
	}
	r.publish("acme-dev", deployment("acme-dev", "shop", 3, 2))
	r.becomes("acme-dev", expect(t, "acme-dev", branch("acme-dev", "shop", 1), deployment("acme-dev", "shop", 3, 2)))
	eventually(t, "three are set aside with their reasons", func() bool {
		reasons := ""
		n := 0
		for key, v := range r.views(spine.System) {
			if strings.HasPrefix(key, "SetAside/") {
				n++
				reasons += v
			}
		}
		return n == 3 && strings.Contains(reasons, "no CloudEvents") && strings.Contains(reasons, "acme-prod") && strings.Contains(reasons, "no view is made of")
	})
}

// An Organization without an account, or with a full one, holds up nobody else; and it is said loudly.
func TestAFullAccountHoldsUpNobodyElse(t *testing.T) {
	r := newRig(t, "acme")
	r.publish(spine.System, environment("acme-dev", 1), environment("full-dev", 2), environment("none-dev", 3))
	r.server.Organization(t, "full", 400<<10)
	for i := range 100 {
		r.publish("full-dev", branch("full-dev", fmt.Sprint("app", i), 1))
	}
	sp, err := r.observer.Of(t.Context(), "full-dev")
	if err != nil {
		t.Fatal(err)
	}
	filler := branch("full-dev", "filler", 1)
	filler.Problem = strings.Repeat("x", 8<<10)
	for i := 0; ; i++ {
		filler.ObservedAt = at(i + 2)
		err := sp.Publish(t.Context(), spine.Event{ID: fmt.Sprint("filler", i), Source: "/observer/forge", Subject: spine.Branch("full-dev", "filler"), Time: epoch, Data: filler})
		if spine.Full(err) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rep := r.start("one")
	r.publish("acme-dev", branch("acme-dev", "shop", 1))
	r.becomes("acme-dev", expect(t, "acme-dev", branch("acme-dev", "shop", 1)))
	eventually(t, "it says that the account is full, and that one is not there", func() bool {
		err := rep.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "full-dev: its account holds as much as it may") && strings.Contains(err.Error(), spine.ErrNoAccount.Error())
	})
	r.server.Organization(t, "full", 1<<30)
	r.server.Organization(t, "none", 1<<20)
	eventually(t, "all is well with room and an account", func() bool { return rep.Ready(t.Context()) == nil })
	eventually(t, "the views are there", func() bool { return len(r.views("full-dev")) == 103 })
}
