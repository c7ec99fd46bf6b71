//go:build bench

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/rest"
	"catalyst.openova.io/services/gateway/internal/session"
	"catalyst.openova.io/services/gateway/internal/stream"
)

const rounds = 7

// fleet is a Sovereign with n Applications, in ten Organizations of three Environments.
func fleet(n int) (*readmodel.Store, []json.RawMessage) {
	store := readmodel.New("bench", 64)
	store.MarkSynced()
	at := time.Now().UTC()
	var all []json.RawMessage
	put := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		parsed, err := readmodel.Parse(b)
		if err != nil {
			panic(err)
		}
		store.Put(parsed)
		if parsed.Kind == view.KindApplication {
			all = append(all, b)
		}
	}
	for i := range 10 {
		org := fmt.Sprintf("org-%d", i)
		put(view.Organization{Header: view.Header{Kind: view.KindOrganization, Organization: org, Name: org}})
	}
	for i := range n {
		org := fmt.Sprintf("org-%d", i%10)
		env := org + "-" + []string{"dev", "stg", "prod"}[i/10%3]
		name := fmt.Sprintf("app-%05d", i)
		put(view.Application{
			Header: view.Header{Kind: view.KindApplication, Organization: org, Environment: env, Name: name, ChangedAt: at},
			Phase:  []view.Phase{view.PhaseRunning, view.PhaseRunning, view.PhaseDegraded, view.PhaseFailed}[i%4], Message: "Two of three pods answer.",
			Blueprint: view.Blueprint{Name: "bp-web", Version: "1.2.3"}, Since: at.Add(-time.Duration(i) * time.Second),
			Desired: &view.Commit{SHA: strings.Repeat("a", 40), Author: "Ada Lindqvist", Email: "ada@acme.example", Message: "configure " + name, At: at},
			Applied: &view.Commit{SHA: strings.Repeat("b", 40)},
			Workloads: []view.Workload{
				{Kind: "Deployment", Name: name, Desired: 3, Ready: 2, Images: []string{"registry.example/web:1.2.3"}, Health: "InProgress", ChangedAt: at},
				{Kind: "StatefulSet", Name: name + "-db", Desired: 1, Ready: 1, Images: []string{"registry.example/db:16"}, Health: "Current", ChangedAt: at}},
			Conditions: []view.Part{{Kind: "Kustomization", Name: name, Health: "Current", Revision: "main@sha1:abc", ChangedAt: at}},
			Pods:       []view.Pod{{Name: name + "-1", Phase: "Running", Ready: true}, {Name: name + "-2", Phase: "Running", Ready: true}, {Name: name + "-3", Phase: "Pending"}},
			Endpoints:  []view.Endpoint{{Name: "web", URL: "https://" + name + ".example"}}, Repository: "https://git.example/" + org + "/" + name, Branch: "main",
		})
	}
	return store, all
}

// roles are one of each kind of person.
var roles = map[string]string{
	"sovereign-admin": "sovereign-admin", "security-officer": "security-officer", "org-admin": "org-3/org-admin",
	"org-developer": "org-3/org-developer", "org-viewer": "org-3/dev/org-viewer",
}

func serve(store *readmodel.Store, group string) func(path string) int {
	r := chi.NewRouter()
	rest.New(r, store)
	person := identity.Person{Subject: "x", Roles: identity.ParseGroups([]string{group})}
	return func(path string) int {
		w := &sink{header: http.Header{}}
		req := httptest.NewRequest(http.MethodGet, path, nil)
		r.ServeHTTP(w, req.WithContext(identity.NewContext(req.Context(), person)))
		if w.status != http.StatusOK {
			panic(fmt.Sprint(path, w.status))
		}
		return w.n
	}
}

// snapshot is what a client of the stream gets that comes.
func snapshot(store *readmodel.Store, sight readmodel.Sight) func() {
	hub := stream.New(store, func(*http.Request) (stream.Reader, *server.Problem) {
		return stream.Reader{Sight: sight, Until: time.Now().Add(time.Hour)}, nil
	}, stream.Pace{})
	return func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w := &sink{header: http.Header{}, until: cancel}
		hub.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	}
}

// sink throws an answer away. With until it is told when a snapshot is over.
type sink struct {
	header http.Header
	status int
	n      int
	until  func()
}

// Flush and SetWriteDeadline are what the stream asks of a connection.
func (s *sink) Flush()                           {}
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(n int)   { s.status = n }
func (s *sink) Write(b []byte) (int, error) {
	s.n += len(b)
	if s.until != nil && bytes.HasSuffix(b, []byte("event: synced\ndata: {}\n\n")) {
		s.until()
	}
	return len(b), nil
}

// cost is the processor time in µs and the allocations of one of some calls.
func cost(calls int, f func()) (us, allocs float64) {
	var before, after runtime.MemStats
	var from, to syscall.Rusage
	runtime.GC()
	runtime.ReadMemStats(&before)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &from)
	for range calls {
		f()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &to)
	runtime.ReadMemStats(&after)
	spent := time.Duration(to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano())
	return float64(spent.Nanoseconds()) / 1000 / float64(calls), float64(after.Mallocs-before.Mallocs) / float64(calls)
}

// decodeFilterEncode is the list as most servers make it: every object is decoded, looked at, sorted, and encoded. It
// stands where Argo CD's list would, which is not to be had here.
func decodeFilterEncode(all []json.RawMessage, p identity.Person, limit int) []byte {
	var items []view.Application
	for _, b := range all {
		var a view.Application
		if json.Unmarshal(b, &a) == nil && session.May(p, a.Header) {
			items = append(items, a)
		}
	}
	slices.SortFunc(items, func(a, b view.Application) int { return strings.Compare(a.Name, b.Name) })
	b, err := json.Marshal(rest.Page[view.Application]{Items: items[:min(limit, len(items))]})
	if err != nil {
		panic(err)
	}
	return b
}

func count(views []*readmodel.View) (n int) {
	for _, v := range views {
		if v.Kind == view.KindApplication {
			n++
		}
	}
	return n
}

func TestBenchSpineReads(t *testing.T) {
	store, all := fleet(10_000)
	few, _ := fleet(100)
	for _, role := range []string{"sovereign-admin", "security-officer", "org-admin", "org-developer", "org-viewer"} {
		person := identity.Person{Subject: "x", Roles: identity.ParseGroups([]string{roles[role]})}
		sight := session.Sight(person)
		get, getFew := serve(store, roles[role]), serve(few, roles[role])
		full := snapshot(store, sight)
		var mine [][]byte
		views, _ := store.Snapshot(sight.May)
		for _, v := range views {
			mine = append(mine, fmt.Appendf(nil, "event: put\ndata: %s\n\n", v.Frame()))
		}
		buffer := make([]byte, 0, 64<<10)
		concatenate := func() {
			w := &sink{header: http.Header{}}
			for _, b := range mine {
				if buffer = append(buffer, b...); len(buffer) > 32<<10 {
					_, _ = w.Write(buffer)
					buffer = buffer[:0]
				}
			}
		}
		// A page of less than there are of a hundred, so that both answers are of one size and have a next page.
		limit := min(50, count(views)*100/10_000-1)
		path := fmt.Sprintf("/api/v1/applications?limit=%d", limit)
		measured := map[string][]float64{}
		allocs := map[string]float64{}
		measure := func(round int, name string, calls int, f func()) {
			us, n := cost(calls, f)
			if allocs[name] = n; round > 0 {
				measured[name] = append(measured[name], us)
			}
		}
		for round := range rounds + 1 {
			measure(round, "full", 20, full)
			measure(round, "concatenation", 20, concatenate)
			measure(round, "decoded", 1, func() { decodeFilterEncode(all, person, len(all)) })
			var pages, ofFew float64
			for range 10 { // by turns, so that both have the same luck
				us, n := cost(100, func() { get(path) })
				pages, allocs["page"] = pages+us/10, n
				us, n = cost(100, func() { getFew(path) })
				ofFew, allocs["page-of-100"] = ofFew+us/10, n
			}
			if round > 0 {
				measured["page"], measured["page-of-100"] = append(measured["page"], pages), append(measured["page-of-100"], ofFew)
			}
			measure(round, "decoded-page", 1, func() { decodeFilterEncode(all, person, limit) })
		}
		report := func(name, against string, target float64, more bool) {
			ratios := make([]float64, rounds)
			for i := range ratios {
				if ratios[i] = measured[name][i] / measured[against][i]; more {
					ratios[i] = 1 / ratios[i]
				}
			}
			r := figure.Median(ratios)
			bound, ok := fmt.Sprintf("<=%g", target), r <= target
			if more {
				bound, ok = fmt.Sprintf(">=%g", target), r >= target
			}
			figure.Line(t, fmt.Sprintf("reads-%s-%s(%.0f-allocs)", role, name, allocs[name]), figure.Median(slices.Clone(measured[name])), "µs-cpu",
				fmt.Sprintf("%s(%.0f-allocs)=%.4g", against, allocs[against], figure.Median(slices.Clone(measured[against]))), fmt.Sprintf("%.3g", r), bound, ok)
		}
		report("full", "concatenation", 10, false)
		report("full", "decoded", 50, true)
		report("page", "page-of-100", 1.2, false)
		report("page", "decoded-page", 500, true)
	}
}
