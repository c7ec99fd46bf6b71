package readmodel

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"pgregory.net/rapid"
)

func application(t interface{ Fatal(...any) }, org, env, name string, phase view.Phase, since int) View {
	b, err := json.Marshal(view.Application{
		Header: view.Header{Kind: view.KindApplication, Organization: org, Environment: env, Name: name}, Phase: phase, Since: time.Unix(int64(since), 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var anySight = Sight{May: all}

// Pages of any size, in any order, put together are the list, each view once; also when the view at which a page ended
// is deleted before the next page is fetched.
func TestPagesMakeTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New("e", 16)
		for i := range rapid.IntRange(0, 30).Draw(t, "views") {
			phase := rapid.SampledFrom([]view.Phase{view.PhaseRunning, view.PhaseFailed}).Draw(t, "phase")
			env := rapid.SampledFrom([]string{"acme-dev", "acme-prod"}).Draw(t, "env")
			s.Put(application(t, "acme", env, fmt.Sprintf("a%d", i%12), phase, rapid.IntRange(0, 3).Draw(t, "since")))
		}
		s.Put(application(t, "kestrel", "kestrel-dev", "other", view.PhaseRunning, 1))
		order := rapid.SampledFrom([]Order{ByName, "-name", ByPhase, "-phase", ByEnvironment, ByTime, NewestFirst}).Draw(t, "order")
		q := Query{Kind: view.KindApplication, Organization: "acme", Order: order, Sight: anySight, Limit: 1000}
		whole, next := s.List(q)
		if next != nil {
			t.Fatal("a whole list has a next page")
		}
		q.Limit = rapid.IntRange(1, 7).Draw(t, "limit")
		deletes := rapid.Bool().Draw(t, "deletes")
		var got []string
		for {
			page, next := s.List(q)
			for _, v := range page {
				got = append(got, v.Key)
			}
			if next == nil {
				break
			}
			if deletes {
				s.Delete(next.Key)
			}
			q.After = next
		}
		var want []string
		for _, v := range whole {
			want = append(want, v.Key)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("pages of %d by %s: %v, want %v", q.Limit, order, got, want)
		}
	})
}

func TestAViewThatMovesToAnotherOrganizationLeavesTheFirst(t *testing.T) {
	s := New("e", 16)
	s.Put(application(t, "acme", "x-dev", "app", view.PhaseRunning, 1))
	_, at := s.Snapshot(all)
	s.Put(application(t, "kestrel", "x-dev", "app", view.PhaseRunning, 1))
	of := func(org string) Filter { return func(h view.Header) bool { return h.Organization == org } }
	changes, _, err := s.After(at, of("acme"))
	if err != nil || len(changes) != 1 || changes[0].Object != nil {
		t.Errorf("acme is told %+v, %v; want a deletion", changes, err)
	}
	changes, _, err = s.After(at, of("kestrel"))
	if err != nil || len(changes) != 1 || changes[0].Object == nil {
		t.Errorf("kestrel is told %+v, %v; want the view", changes, err)
	}
	for org, want := range map[string]int{"acme": 0, "kestrel": 1} {
		if got, _ := s.List(Query{Kind: view.KindApplication, Organization: org, Order: ByName, Sight: anySight, Limit: 9}); len(got) != want {
			t.Errorf("%s lists %d views, want %d", org, len(got), want)
		}
	}
}

func TestAFrameIsOneLineOfTheSameBytes(t *testing.T) {
	s := New("e", 4)
	v, err := Parse([]byte("{\n \"kind\": \"Application\", \"environment\":\"acme-dev\",\n \"name\": \"a\\\"b\", \"n\": 1 }"))
	if err != nil {
		t.Fatal(err)
	}
	s.Put(v)
	got, _ := s.Get(v.Key)
	var frame view.Frame
	if err := json.Unmarshal(got.Frame(), &frame); err != nil || slices.Contains(got.Frame(), '\n') {
		t.Fatalf("%v: %s", err, got.Frame())
	}
	if frame.Key != v.Key || string(frame.Object) != string(got.Object) {
		t.Errorf("frame %s, object %s", got.Frame(), got.Object)
	}
	s.Delete(v.Key)
	_, at := s.Snapshot(all)
	if changes, _, err := s.After(Cursor{"e", at.seq - 1}, all); err != nil || string(changes[0].Frame()) != `{"key":"Application/acme-dev/a\"b","kind":"Application","object":null}` {
		t.Errorf("%v: %s", err, changes[0].Frame())
	}
}

func BenchmarkPageOf50(b *testing.B) {
	s := New("e", 16)
	for i := range 10_000 {
		s.Put(application(b, "acme", "acme-dev", fmt.Sprintf("app-%05d", i), view.PhaseRunning, i))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.List(Query{Kind: view.KindApplication, Organization: "acme", Order: ByName, Sight: anySight, Limit: 50})
	}
}
