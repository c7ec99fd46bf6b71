package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

// everything is an account that takes all there is, in memory.
type everything struct {
	mu   sync.Mutex
	took []spine.Event
}

func (e *everything) Account(context.Context, string) (observation.Account, error) { return e, nil }
func (e *everything) Stream(context.Context) (observation.Stream, error) {
	return observation.Stream{Server: "s"}, nil
}

func (e *everything) PublishBatch(_ context.Context, events []spine.Event) []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.took = append(e.took, events...)
	return make([]error, len(events))
}

// notes is a memory that outlives a Watcher.
type notes map[string]string

func (n notes) Load(context.Context) (map[string]string, error) { return n, nil }
func (n notes) Remember(key, value string)                      { n[key] = value }
func (n notes) Forget(key string)                               { delete(n, key) }

// bench is a Watcher without a cluster: the test says what the cluster says.
type bench struct {
	*Watcher
	t        testing.TB
	accounts *everything
	memory   notes
	stop     func()
}

func newBench(t testing.TB, memory notes) *bench {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &bench{t: t, accounts: &everything{}, memory: memory}
	log := slog.New(slog.DiscardHandler)
	q := observation.NewQueue(b.accounts, log)
	b.Watcher = New("local", "", q, memory, log)
	if err := b.recall(ctx); err != nil {
		t.Fatal(err)
	}
	for _, k := range append(slices.Clone(builtin), kind{gvr("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"), "Kustomization", classFlux, "", false}) {
		s := newShelf(b.Watcher, k)
		for _, o := range b.unclaimed[k.groupKind()] {
			s.adopt(remembered(o), place{o.GetOrganization(), o.GetEnvironment()})
		}
		if k.name == events {
			for _, e := range s.entries {
				b.note(s, e, "", false)
			}
		}
		s.feed = &feed{shelf: s}
		b.shelves[k.groupKind()] = s
	}
	done := make(chan struct{})
	go func() { q.Run(ctx); close(done) }()
	b.stop = func() { cancel(); <-done }
	return b
}

func (b *bench) shelf(name string) *shelf {
	for k, s := range b.shelves {
		if k.Kind == name {
			return s
		}
	}
	b.t.Fatalf("no shelf for %s", name)
	return nil
}

// said lists what was told since the last call, as kind/name@version, with a minus for an end.
func (b *bench) said() string {
	b.t.Helper()
	b.mu.Lock()
	b.tellWarnings()
	b.mu.Unlock()
	if err := b.queue.Flush(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	b.accounts.mu.Lock()
	defer b.accounts.mu.Unlock()
	var out []string
	for _, e := range b.accounts.took {
		if o, ok := e.Data.(*spinev1.ObjectObserved); ok {
			sign := ""
			if o.GetDeleted() {
				sign = "-"
			}
			out = append(out, fmt.Sprintf("%s%s/%s@%s:%s", sign, o.GetObject().GetKind(), o.GetObject().GetName(), o.GetResourceVersion(), o.GetEnvironment()))
		}
	}
	b.accounts.took = nil
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (b *bench) want(when, want string) {
	b.t.Helper()
	if got := b.said(); got != want {
		b.t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func thing(kind, namespace, name, version string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	gvk := schema.GroupVersionKind{Version: "v1", Kind: kind}
	if kind == "Deployment" {
		gvk.Group = "apps"
	}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetResourceVersion(version)
	return u
}

func (b *bench) namespace(name, organization, environment string) {
	u := thing("Namespace", "", name, "1")
	u.SetResourceVersion(fmt.Sprint(len(b.places) + 2))
	u.SetLabels(map[string]string{"catalyst.openova.io/organization": organization, "catalyst.openova.io/environment": environment})
	_ = b.shelf("Namespace").feed.Add(u) // it never fails
}

func TestWhatIsToldOfAKind(t *testing.T) {
	b := newBench(t, notes{})
	defer b.stop()
	s := b.shelf("Service").feed
	_ = s.Replace([]any{thing("Service", "acme-dev", "shop", "5"), thing("Service", "other", "x", "6")}, "10")
	b.want("before the namespace is known", "")
	b.namespace("acme-dev", "acme", "acme-dev")
	b.want("when the namespace is known", "Service/shop@5:acme-dev")
	_ = s.Update(thing("Service", "acme-dev", "shop", "11"))
	_ = s.Add(thing("Service", "acme-dev", "blog", "12"))
	b.want("changes", "Service/blog@12:acme-dev Service/shop@11:acme-dev")
	_ = s.Replace([]any{thing("Service", "acme-dev", "shop", "11"), thing("Service", "acme-dev", "blog", "12")}, "20")
	b.want("the same listing again", "")
	_ = s.Replace(nil, "30")
	b.want("an empty listing", "")
	_ = s.Delete(thing("Service", "acme-dev", "blog", "31"))
	b.want("an end that was watched", "-Service/blog@31:acme-dev")
	_ = b.shelf("Namespace").feed.Delete(thing("Namespace", "", "acme-dev", "40"))
	_ = s.Delete(thing("Service", "acme-dev", "shop", "41"))
	b.want("an end after the namespace's", "-Service/shop@41:acme-dev")
	b.namespace("globex-dev", "acme", "globex-dev")
	_ = s.Add(thing("Service", "globex-dev", "shop", "50"))
	b.want("a namespace whose labels contradict each other", "")
}

func TestARestartTellsOfTheGone(t *testing.T) {
	memory := notes{}
	b := newBench(t, memory)
	b.namespace("acme-dev", "acme", "acme-dev")
	_ = b.shelf("Service").feed.Replace([]any{thing("Service", "acme-dev", "stays", "5"), thing("Service", "acme-dev", "goes", "6"), thing("Service", "acme-dev", "ended", "7")}, "10")
	_ = b.shelf("Service").feed.Delete(thing("Service", "acme-dev", "ended", "11"))
	b.said()
	before := fmt.Sprint(memory)
	_ = b.shelf("Service").feed.Update(thing("Service", "acme-dev", "stays", "12"))
	b.said()
	if after := fmt.Sprint(memory); after != before {
		t.Error("a change of what is known was remembered anew")
	}
	b.stop()

	b = newBench(t, memory)
	defer b.stop()
	b.want("at the start", "-Service/ended@11:acme-dev")
	s := b.shelf("Service")
	_ = s.feed.Replace([]any{thing("Service", "acme-dev", "stays", "12")}, "20")
	b.namespace("acme-dev", "acme", "acme-dev")
	b.want("after the first listing", "Service/stays@12:acme-dev")
	b.mu.Lock()
	gone, err := observation.Gone(s.missing(), s.listed, observation.Listing{Version: "21", Names: map[string]bool{"acme-dev/stays": true}})
	for _, key := range gone {
		s.remove(key, "21")
	}
	b.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	b.want("after the second listing", "-Service/goes@21:acme-dev")
	b.Tell("acme")
	b.want("asked to tell again", "-Service/ended@11:acme-dev -Service/goes@21:acme-dev Service/stays@12:acme-dev")
	b.Tell("globex")
	b.want("asked to tell others again", "")
}

func warningOf(name, version, about, reason string) *unstructured.Unstructured {
	u := thing("Event", "acme-dev", name, version)
	u.Object["involvedObject"] = map[string]any{"kind": "Pod", "name": about}
	u.Object["reason"], u.Object["message"] = reason, "said at "+version
	return u
}

func TestEventsOfOneReasonAreOneWarning(t *testing.T) {
	memory := notes{}
	b := newBench(t, memory)
	b.namespace("acme-dev", "acme", "acme-dev")
	d := thing("Deployment", "acme-dev", "shop", "3")
	d.SetLabels(map[string]string{"catalyst.openova.io/application": "shop"})
	_ = b.shelf("Deployment").feed.Add(d)
	b.said()
	s := b.shelf(events)
	for i := range 500 { // a storm
		_ = s.feed.Add(warningOf("e1", fmt.Sprint(10+i), "shop-5d4f-x", "BackOff"))
	}
	_ = s.feed.Add(warningOf("e2", "600", "shop-5d4f-x", "BackOff"))
	_ = s.feed.Add(warningOf("e3", "601", "shop-5d4f-x", "Unhealthy"))
	b.mu.Lock()
	if app := b.applicationOf("acme-dev", "Pod/shop-5d4f-x"); app != "shop" {
		t.Errorf("the pod that is gone belongs to %q", app)
	}
	b.mu.Unlock()
	b.want("a storm", "Event/Pod/shop-5d4f-x/BackOff@600:acme-dev Event/Pod/shop-5d4f-x/Unhealthy@601:acme-dev")
	_ = s.feed.Delete(warningOf("e1", "700", "shop-5d4f-x", "BackOff"))
	b.want("an older one expired", "Event/Pod/shop-5d4f-x/BackOff@700:acme-dev")
	_ = s.feed.Delete(warningOf("e2", "701", "shop-5d4f-x", "BackOff"))
	b.want("the last one expired", "-Event/Pod/shop-5d4f-x/BackOff@701:acme-dev")
	b.stop()

	b = newBench(t, memory)
	defer b.stop()
	b.said()
	b.namespace("acme-dev", "acme", "acme-dev")
	s = b.shelf(events)
	_ = s.feed.Replace(nil, "800")
	b.want("after a restart", "")
	b.mu.Lock()
	missing := s.missing()
	for key := range missing {
		s.remove(key, "801")
	}
	b.mu.Unlock()
	if len(missing) != 1 {
		t.Errorf("missing are %v", missing)
	}
	b.want("when it is certain", "-Event/Pod/shop-5d4f-x/Unhealthy@801:acme-dev")
}

// Whatever happens in the cluster, with whatever restarts and listings in between, what was told last of each object is
// what the cluster holds.
func TestWhatWasToldLastIsTrue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		memory, cluster, told := notes{}, map[string]string{}, map[string]string{}
		version := 100
		b := newBench(t, memory)
		defer func() { b.stop() }()
		b.namespace("acme-dev", "acme", "acme-dev")
		hear := func() {
			if err := b.queue.Flush(context.Background()); err != nil {
				rt.Fatal(err)
			}
			b.accounts.mu.Lock()
			defer b.accounts.mu.Unlock()
			for _, e := range b.accounts.took {
				o := e.Data.(*spinev1.ObjectObserved)
				if before, ok := told[o.GetObject().GetName()]; ok && newer(strings.TrimPrefix(before, "-"), o.GetResourceVersion()) {
					continue // the projection keeps the newest
				}
				told[o.GetObject().GetName()] = o.GetResourceVersion()
				if o.GetDeleted() {
					told[o.GetObject().GetName()] = "-" + o.GetResourceVersion()
				}
			}
			b.accounts.took = nil
		}
		list := func() {
			var all []any
			listing := observation.Listing{Version: fmt.Sprint(version), Names: map[string]bool{}}
			for name, v := range cluster {
				all = append(all, thing("Service", "acme-dev", name, v))
				listing.Names["acme-dev/"+name] = true
			}
			s := b.shelf("Service")
			_ = s.feed.Replace(all, fmt.Sprint(version-1))
			b.mu.Lock()
			gone, err := observation.Gone(s.missing(), s.listed, listing)
			for _, key := range gone {
				s.remove(key, listing.Version)
			}
			b.mu.Unlock()
			if err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name")
				version++
				cluster[name] = fmt.Sprint(version)
				if rapid.Bool().Draw(rt, "seen") {
					_ = b.shelf("Service").feed.Add(thing("Service", "acme-dev", name, cluster[name]))
				}
			},
			"delete": func(rt *rapid.T) {
				name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name")
				if _, there := cluster[name]; !there {
					return
				}
				version++
				delete(cluster, name)
				if rapid.Bool().Draw(rt, "seen") {
					_ = b.shelf("Service").feed.Delete(thing("Service", "acme-dev", name, fmt.Sprint(version)))
				}
			},
			"tell again": func(*rapid.T) { b.Tell("acme") },
			"relist":     func(*rapid.T) { version += 2; list() },
			"restart": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "in peace") {
					hear()
				}
				b.stop()
				b = newBench(t, memory)
				b.namespace("acme-dev", "acme", "acme-dev")
			},
		})
		version += 2
		list()
		hear()
		for name, v := range cluster {
			if told[name] != v {
				rt.Errorf("%s is at %s, and was told at %q", name, v, told[name])
			}
		}
		for name, v := range told {
			if _, there := cluster[name]; !there && !strings.HasPrefix(v, "-") {
				rt.Errorf("%s is gone, and was told at %q", name, v)
			}
		}
	})
}

var epoch = time.Unix(1700000000, 0)

func TestTheSameFactHasTheSameID(t *testing.T) {
	b := newBench(t, notes{})
	defer b.stop()
	u := thing("Service", "acme-dev", "shop", "5")
	at := place{"acme", "acme-dev"}
	one := digest("local", b.shelf("Service").kind, u).as(at, epoch)
	two := digest("local", b.shelf("Service").kind, u).as(at, epoch.Add(1e9))
	if b.id(one) != b.id(two) {
		t.Errorf("two looks have the ids %s and %s", b.id(one), b.id(two))
	}
	if proto.Equal(one, two) {
		t.Error("the time of the look is lost")
	}
	moved := digest("local", b.shelf("Service").kind, u).as(place{"acme", "acme-prod"}, epoch)
	if b.id(one) == b.id(moved) {
		t.Error("another place has the same id")
	}
}
