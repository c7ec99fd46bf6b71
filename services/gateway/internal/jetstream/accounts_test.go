package jetstream

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/spine/spinetest"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// realm is a server in operator mode, with the feed of a gateway.
type realm struct {
	t     *testing.T
	srv   *spinetest.Server
	as    *spine.Accounts // the projector's
	store *readmodel.Store
	feed  *Feed
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{t: t, srv: spinetest.Start(t), store: readmodel.New("e", 1024)}
	r.as = r.srv.Open(t, "projector")
	r.feed = NewFeed(r.srv.Open(t, "gateway"), r.store, slog.New(slog.DiscardHandler))
	r.feed.grace = time.Second
	return r
}

func (r *realm) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() { r.feed.Run(ctx); close(done) }()
	r.t.Cleanup(func() { cancel(); <-done })
}

// in is the projector at work in the account of an Environment, or in that of the Sovereign.
func (r *realm) in(env string) projector {
	r.t.Helper()
	sp, err := r.as.Of(r.t.Context(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "a connection", func() bool { return sp.JetStream().Conn().IsConnected() })
	return projector{t: r.t, sp: sp}
}

func (r *realm) says(env, name, message string) bool {
	v, ok := r.store.Get("Application/" + env + "/" + name)
	return ok && strings.Contains(string(v.Object), `"message":"`+message+`"`)
}

func TestFeedReadsEachOrganizationInItsOwnAccount(t *testing.T) {
	r := newRealm(t)
	r.srv.Organization(t, "acme", 1<<28)
	system := r.in(spine.System)
	system.environment("acme", "dev")
	system.environment("globex", "dev") // has no account yet
	r.in("acme-dev").application("acme-dev", "shop", "one")
	r.run()
	eventually(t, "ready without the account that is not there", func() bool { return r.feed.Ready(t.Context()) == nil })
	if !r.says("acme-dev", "shop", "one") || !r.store.Synced() {
		t.Error("ready, and what is there has not been read")
	}
	r.srv.Organization(t, "globex", 1<<28)
	r.in("globex-dev").application("globex-dev", "shop", "two")
	eventually(t, "the account that has come", func() bool { return r.says("globex-dev", "shop", "two") })
	// What is in one account cannot be another's, whatever it says.
	r.in("acme-dev").put("acme-dev", view.KindApplication, "forged", view.Application{
		Header: view.Header{Kind: view.KindApplication, Organization: "globex", Environment: "globex-dev", Name: "forged"}})
	r.in("acme-dev").put("acme-dev", view.KindApplication, "worse", view.Application{
		Header: view.Header{Kind: view.KindApplication, Organization: "globex", Environment: "acme-dev", Name: "worse"}})
	r.in("acme-dev").application("acme-dev", "shop", "three")
	eventually(t, "what comes after", func() bool { return r.says("acme-dev", "shop", "three") })
	for _, key := range []string{"Application/globex-dev/forged", "Application/acme-dev/forged", "Application/acme-dev/worse"} {
		if v, ok := r.store.Get(key); ok {
			t.Errorf("%s was taken in: %s", key, v.Object)
		}
	}
}

// An account that cannot be reached is said to be away; the others are served.
func TestAnAccountThatIsAwayHoldsUpNobody(t *testing.T) {
	r := newRealm(t)
	r.srv.Organization(t, "acme", 1<<28)
	system := r.in(spine.System)
	system.environment("acme", "dev")
	system.environment("globex", "dev")
	r.in("acme-dev").application("acme-dev", "shop", "one")
	// globex is announced with tokens that open nothing.
	kv, err := r.srv.Open(t, "environment-controller").Sovereign().JetStream().KeyValue(t.Context(), spine.AccountsBucket)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(spine.Announcement{Account: "A", Tokens: map[string]string{"gateway": r.srv.OwnToken("observer")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), spine.Encode("globex"), b); err != nil {
		t.Fatal(err)
	}
	r.run()
	eventually(t, "ready without it", func() bool { return r.feed.Ready(t.Context()) == nil && r.says("acme-dev", "shop", "one") })
	if why := r.feed.Waiting()["globex-dev"]; why == "" {
		t.Error("nobody says that globex-dev is away")
	}
	every := readmodel.Query{Sight: readmodel.Sight{May: func(view.Header) bool { return true }}}
	if got := r.store.Unread(every); !slices.Equal(got, []string{"globex-dev"}) {
		t.Errorf("not read: %v", got)
	}
	every.Sight.May = func(h view.Header) bool { return h.Organization == "acme" }
	if got := r.store.Unread(every); len(got) > 0 {
		t.Errorf("acme is told of %v", got)
	}
	r.in("acme-dev").application("acme-dev", "shop", "two")
	eventually(t, "changes of the others", func() bool { return r.says("acme-dev", "shop", "two") })
	system.remove(spine.System, view.KindEnvironment, "globex-dev")
	eventually(t, "nothing is waited for", func() bool { return len(r.feed.Waiting()) == 0 })
}
