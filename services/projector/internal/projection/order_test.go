package projection

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

var apps = rapid.SampledFrom([]string{"shop", "cart", "db"})

// drawEvent is something that may happen in an Environment.
func drawEvent(t *rapid.T) proto.Message {
	v := rapid.IntRange(1, 12).Draw(t, "version")
	app := apps.Draw(t, "application")
	var o *spinev1.ObjectObserved
	switch rapid.IntRange(0, 10).Draw(t, "what") {
	case 0:
		b := branch(v, rapid.IntRange(1, 30).Draw(t, "second"), rapid.Bool().Draw(t, "present"))
		b.Application, b.BlueprintVersion = app, rapid.SampledFrom([]string{"1.0.0", "1.1.0"}).Draw(t, "blueprint")
		if rapid.Bool().Draw(t, "depends") {
			b.Dependencies = []*spinev1.Dependency{{Alias: "other", Application: apps.Draw(t, "other")}}
		}
		b.Recent = []*spinev1.Commit{b.GetHead(), branch(v-1, 1, true).GetHead()}
		return b
	case 1:
		o = flux("Kustomization", app, v, rapid.SampledFrom([]string{"True", "False", "Unknown"}).Draw(t, "ready"), "develop@sha1:"+sha(v))
	case 2:
		o = flux("HelmRelease", app, v, "True", "1.0.0")
	case 3:
		o = deployment(v, int32(rapid.IntRange(0, 2).Draw(t, "pods")), 2)
	case 4:
		o = deployment(v, 0, 2)
		o.Deleted = true
	case 5:
		p := progressed(int64(v), rapid.SampledFrom([]string{"install", "uninstall"}).Draw(t, "action"), "Running", 1, 0)
		p.Application = app
		return p
	case 6:
		o = pod(rapid.SampledFrom([]string{"p1", "p2"}).Draw(t, "pod"), v, rapid.SampledFrom([]string{"", "CrashLoopBackOff"}).Draw(t, "reason"))
		o.Deleted = rapid.Bool().Draw(t, "deleted")
	case 7:
		o = warning(rapid.SampledFrom([]string{"w1", "w2"}).Draw(t, "warning"), v)
		o.Deleted = rapid.Bool().Draw(t, "deleted")
	case 8:
		return quiet(rapid.SampledFrom([]string{"/observer/local", "/observer/forge"}).Draw(t, "source"), rapid.Bool().Draw(t, "quiet"), v)
	case 9:
		c := checked(v, rapid.IntRange(1, 30).Draw(t, "second"), rapid.SampledFrom([]string{"plain_secret", "invalid_values"}).Draw(t, "problem"))
		c.Application = app
		return c
	default:
		o = claim(rapid.SampledFrom([]string{"True", "False"}).Draw(t, "ready"))
		o.ResourceVersion = fmt.Sprint(v)
	}
	o.Application = app
	return o
}

// follow keeps what is shown up to date by what a State says was touched, as the bucket of views is.
func follow(t *rapid.T, s *State, shown map[Ref]string) {
	for _, r := range s.Touched() {
		b, err := s.View(r)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			delete(shown, r)
		} else {
			shown[r] = string(b)
		}
	}
}

// Whatever happens, in any order, with any repetition, ends in the same bytes; also when it is stored in between, and
// when only what was touched is shown anew.
func TestOrderAndRepetitionMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 40).Draw(t, "events")
		straight, mixed := NewState("acme-dev"), NewState("acme-dev")
		for i, e := range events {
			straight.Put(proto.Clone(e), uint64(i+1))
		}
		again := append(slices.Clone(events), events...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		shown, stored := map[Ref]string{}, map[string][]byte{}
		for _, e := range again {
			mixed.Put(proto.Clone(e), 1)
			if r.IntN(3) == 0 {
				follow(t, mixed, shown)
			}
			if r.IntN(5) == 0 {
				store(t, mixed, stored)
			}
		}
		follow(t, mixed, shown)
		store(t, mixed, stored)
		want := dump(t, straight)
		if got := dump(t, mixed); got != want {
			t.Fatalf("in order:\n%s\nshuffled and repeated:\n%s", want, got)
		}
		restored := NewState("acme-dev")
		for _, b := range stored {
			if err := restored.Load(b); err != nil {
				t.Fatal(err)
			}
		}
		if got := dump(t, restored); got != want {
			t.Fatalf("live:\n%s\nrestored:\n%s", want, got)
		}
		for _, ref := range allOf(mixed) {
			b, err := mixed.View(ref)
			if err != nil {
				t.Fatal(err)
			}
			if shown[ref] != string(b) {
				t.Fatalf("%v is shown as\n%s\nand is\n%s", ref, shown[ref], b)
			}
		}
	})
}

func store(t *rapid.T, s *State, stored map[string][]byte) {
	changes, err := s.Changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(stored, c.Key)
		} else {
			stored[c.Key] = c.Value
		}
	}
}

// Two looks at one version of a thing differ in when they were made. Whichever comes first, nothing that people read
// tells which it was.
func TestASecondLookChangesNoView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 20).Draw(t, "events")
		once, twice := NewState("acme-dev"), NewState("acme-dev")
		for _, e := range events {
			once.Put(proto.Clone(e), 1)
			twice.Put(proto.Clone(e), 1)
		}
		twice.Touched()
		for _, e := range events {
			o, ok := e.(*spinev1.ObjectObserved)
			if !ok {
				continue
			}
			look := proto.Clone(twice.facts[Key(o)].data).(*spinev1.ObjectObserved)
			look.ObservedAt = timestamppb.New(look.GetObservedAt().AsTime().AddDate(0, 0, rapid.IntRange(-1, 1).Draw(t, "days")))
			twice.Put(look, 2)
		}
		if touched := twice.Touched(); len(touched) > 0 {
			t.Fatalf("a second look touches %v", touched)
		}
		if a, b := dump(t, once), dump(t, twice); a != b {
			t.Fatalf("one look:\n%s\ntwo looks:\n%s", a, b)
		}
	})
}

func TestAHeartbeatTouchesOnlyTheSovereign(t *testing.T) {
	s := NewState("")
	env := &spinev1.ObjectObserved{
		Object: &spinev1.ObjectRef{Cluster: "local", Kind: "Environment", Name: "acme-dev"}, ResourceVersion: "1",
		Detail: &spinev1.ObjectObserved_EnvironmentDetail{EnvironmentDetail: &spinev1.EnvironmentDetail{Organization: "acme", EnvType: "dev"}},
	}
	s.Put(env, 1)
	s.Touched()
	s.Put(&spinev1.Heartbeat{Source: "/observer/local", Reachable: true, ObservedAt: at(5)}, 2)
	if got := s.Touched(); len(got) != 1 || got[0].Kind != view.KindSovereign {
		t.Errorf("a heartbeat touches %v", got)
	}
	s.Put(quiet("/observer/local", true, 6), 3)
	b, err := s.View(Ref{view.KindEnvironment, "acme-dev"})
	if err != nil || !strings.Contains(string(b), `"unknownSince":"2026-11-21T12:00:05Z"`) {
		t.Errorf("an Environment of a silent cluster: %s, %v", b, err)
	}
}

// What only the log knows lasts as long as the log, so that the state does not grow for ever.
func TestTheEndOfAThingIsForgottenWithTheLog(t *testing.T) {
	s := NewState("acme-dev")
	s.Put(branch(1, 1, true), 1)
	for i := range 100 {
		p := pod(fmt.Sprint("p", i), i+1, "")
		s.Put(proto.Clone(p), uint64(2*i+1))
		p.Deleted = true
		s.Put(p, uint64(2*i+2))
	}
	s.Put(progressed(1, "install", "Succeeded", 1, 2), 50)
	before := dump(t, s)
	s.Expire(49, epoch.AddDate(0, 0, 7))
	if got := s.Len(); got != 100-24+2 {
		t.Errorf("%d facts are left", got)
	}
	if after := dump(t, s); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.Expire(1000, epoch)
	if b, err := s.View(Ref{view.KindOperation, "op-install"}); err != nil || b == nil {
		t.Errorf("an Operation that is too young for the log to have lost it by age: %s, %v", b, err)
	}
	s.Expire(1000, epoch.AddDate(0, 0, 7))
	if got := s.Len(); got != 1 {
		t.Errorf("%d facts are left, Git knows one", got)
	}
	if b, err := s.View(Ref{view.KindOperation, "op-install"}); err != nil || b != nil {
		t.Errorf("an Operation that the log has lost: %s, %v", b, err)
	}
}

func TestTheNewestThatWereSetAsideAreKept(t *testing.T) {
	forward, backward := NewState(""), NewState("")
	aside := func(i int) *spinev1.EventSetAside {
		return &spinev1.EventSetAside{Organization: "acme", Subject: "ws.acme-dev.x", Sequence: uint64(i), Reason: "it is no event", ObservedAt: at(i)}
	}
	for i := range 300 {
		forward.Put(aside(i), uint64(i))
		backward.Put(aside(299-i), uint64(i))
	}
	if a, b := dump(t, forward), dump(t, backward); a != b {
		t.Errorf("oldest first:\n%s\nnewest first:\n%s", a, b)
	}
	if got := forward.Len(); got != keptAside {
		t.Errorf("%d are kept", got)
	}
}

func TestDependenciesShowThePhaseOfTheOther(t *testing.T) {
	s := NewState("acme-dev")
	for app, needs := range map[string]string{"shop": "db", "db": "cart", "cart": "shop"} { // round in a circle
		b := branch(1, 1, true)
		b.Application, b.Dependencies = app, []*spinev1.Dependency{{Alias: "store", Application: needs}}
		s.Put(b, 1)
	}
	s.Touched()
	k := flux("Kustomization", "db", 5, "True", "develop@sha1:"+sha(1))
	k.GetFlux().Suspended, k.Application = true, "db"
	s.Put(k, 2)
	var touched []string
	for _, r := range s.Touched() {
		touched = append(touched, r.Name)
	}
	slices.Sort(touched)
	if !slices.Equal(touched, []string{"db", "shop"}) {
		t.Errorf("a new phase of db touches %v", touched)
	}
	b, err := s.View(Ref{view.KindApplication, "shop"})
	if want := `"dependsOn":[{"alias":"store","application":"db","phase":"Paused"}],"usedBy":["cart"]`; err != nil || !strings.Contains(string(b), want) {
		t.Errorf("%s, %v: no %s", b, err, want)
	}
}

func TestIngressesComeBeforeServices(t *testing.T) {
	s := NewState("acme-dev")
	service := object("Service", "shop", 1)
	service.Detail = &spinev1.ObjectObserved_Service{Service: &spinev1.Service{Ports: []*spinev1.Service_Port{{Name: "http", Port: 80}}}}
	ingress := object("Ingress", "web", 2)
	ingress.Detail = &spinev1.ObjectObserved_Ingress{Ingress: &spinev1.Ingress{Urls: []string{"https://shop.example/"}}}
	s.Put(service, 1)
	s.Put(ingress, 2)
	s.Put(branch(1, 1, true), 3)
	b, err := s.View(Ref{view.KindApplication, "shop"})
	want := `"endpoints":[{"name":"web","url":"https://shop.example/"},{"name":"shop:http","url":"http://shop.acme-dev.svc:80"}]`
	if err != nil || !strings.Contains(string(b), want) {
		t.Errorf("%s, %v: no %s", b, err, want)
	}
}

func TestWhatBelongsElsewhereIsRefused(t *testing.T) {
	for _, tc := range []struct {
		environment string
		data        proto.Message
		refused     bool
	}{
		{"acme-dev", deployment(1, 1, 1), false},
		{"acme-prod", deployment(1, 1, 1), true},
		{"", deployment(1, 1, 1), true},
		{"acme-dev", &spinev1.Heartbeat{Source: "/observer/local"}, true},
		{"", &spinev1.Heartbeat{Source: "/observer/local"}, false},
		{"acme-dev", &spinev1.ObjectObserved{Environment: "acme-dev"}, true},
		{"acme-dev", &spinev1.Commit{}, true},
		{"acme-dev", object("Pod", strings.Repeat("ü", 253), 1), false},
		{"acme-dev", object("Pod", strings.Repeat("ü", 254), 1), true},
	} {
		if err := Check(tc.environment, tc.data); (err != nil) != tc.refused {
			t.Errorf("%v in %q: %v", tc.data, tc.environment, err)
		}
	}
}

// FuzzEvent holds that no bytes that call themselves an event can break a State, and that order makes no difference to
// what they do to it.
func FuzzEvent(f *testing.F) {
	for _, m := range []proto.Message{branch(1, 2, true), deployment(1, 1, 2), done("install", 2), warning("w", 1), pod("p", 1, "x"), quiet("/observer/local", true, 3)} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(typeOf(m), b, b)
	}
	f.Fuzz(func(t *testing.T, kind byte, a, b []byte) {
		x, y := newOf(kind), newOf(kind)
		if x == nil || proto.Unmarshal(a, x) != nil || proto.Unmarshal(b, y) != nil {
			return
		}
		for _, env := range []string{"", "acme-dev"} {
			if Check(env, x) != nil || Check(env, y) != nil {
				continue
			}
			there, back := NewState(env), NewState(env)
			for i, m := range []proto.Message{x, y} {
				there.Put(proto.Clone(m), uint64(i))
			}
			for i, m := range []proto.Message{y, x, y} {
				back.Put(proto.Clone(m), uint64(i))
			}
			if p, q := dump(t, there), dump(t, back); p != q {
				t.Errorf("there:\n%s\nand back:\n%s", p, q)
			}
			there.Expire(10, epoch.AddDate(1, 0, 0))
			dump(t, there)
		}
	})
}
