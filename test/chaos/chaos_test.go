//go:build integration

// Package chaos tests what the write side promises, on the processes of a running Sovereign: what was accepted is carried
// out exactly once, whatever is killed meanwhile.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/test/sovereign"
)

const (
	// few installs are enough to meet every kind of death; `make chaos-write` asks for more.
	few = 8
	// clients ask at the same time.
	clients = 8
)

// victims are what stands between a person and Git.
var victims = []string{"provisioning", "gateway", "gitea", "nats", "intents"}

// number reads a setting of the test.
func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	n, err := strconv.ParseInt(cmp.Or(os.Getenv(name), strconv.FormatInt(otherwise, 10)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestInstallsWhileEverythingDies installs many Applications, a third of them with one that they need, while the
// processes in between are killed at random, several at once. People repeat a request that was not answered with the same
// Idempotency-Key. At the end there is exactly what was asked for, and to do it all once more changes nothing.
// CATALYST_CHAOS_INSTALLS says how many, CATALYST_CHAOS_SEED repeats the choices of a run.
func TestInstallsWhileEverythingDies(t *testing.T) {
	n := int(number(t, "CATALYST_CHAOS_INSTALLS", few))
	seed := number(t, "CATALYST_CHAOS_SEED", time.Now().UnixNano()%1e9)
	t.Logf("CATALYST_CHAOS_SEED=%d repeats these choices", seed)
	w := enter(t)
	plan := choose(w.org, n, uint64(seed)) //nolint:gosec // a seed has no sign

	began := time.Now()
	asked, stop := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(n)*10*time.Second)
	defer stop()
	kills, err := w.killUntil(t, rand.New(rand.NewPCG(uint64(seed), 1)), w.ask(asked, plan)) //nolint:gosec // as above
	if err != nil {
		t.Fatalf("killed %s: %v", kills, err)
	}
	t.Logf("%d installs were accepted and ended after %s; killed: %s", n, time.Since(began).Round(time.Second), kills)
	if len(kills) < len(victims) && n >= few {
		t.Errorf("only %s were killed: the test shows less than it should", kills)
	}
	before := w.exactly(t, plan)
	w.nothingOpen(t, plan)

	w.askAgain(t, plan)
	w.replay(t, plan)
	if after := w.exactly(t, plan); !equal(before, after) {
		t.Error("to carry out every Operation once more has changed a branch")
	}
}

// wish is one install that somebody asks for.
type wish struct {
	name, key string
	body      map[string]any
	// repos are the repositories that there must be at the end, those of what it needs included.
	repos []string
	// location is that of the Operation that it became.
	location string
}

func (w *wish) operation() string { return w.location[strings.LastIndexByte(w.location, '/')+1:] }

// choose makes up the installs.
func choose(org string, n int, seed uint64) []*wish {
	random := rand.New(rand.NewPCG(seed, 0))
	plan := make([]*wish, n)
	for i := range plan {
		name := fmt.Sprintf("app-%04d", i)
		values := map[string]any{"replicas": 1 + random.IntN(3)}
		w := &wish{name: name, key: fmt.Sprintf("chaos-%d-%04d", seed, i), repos: []string{name}}
		if i%3 == 0 { // it needs another Application, which is made with it
			values["cache"], w.repos = true, append(w.repos, name+"-valkey")
		}
		w.body = map[string]any{"name": name, "blueprint": "bp-podinfo", "environment": org + "-dev", "values": values}
		plan[i] = w
	}
	return plan
}

// tally counts deaths.
type tally map[string]int

func (k tally) String() string {
	var out []string
	for _, name := range victims {
		if k[name] > 0 {
			out = append(out, fmt.Sprintf("%s %d times", name, k[name]))
		}
	}
	return strings.Join(out, ", ")
}

// killUntil kills until the asking has ended, and returns what came of it. Every victim has its turn, in an order that
// changes. Mostly it waits until the dead are there again, so that there is time to get somewhere on a slow machine, too.
func (w *world) killUntil(t *testing.T, random *rand.Rand, asking <-chan error) (tally, error) {
	kills := tally{}
	for most := 1500; ; most = 6000 { // at first quickly, so that a short run meets all of them
		for _, i := range random.Perm(len(victims)) {
			pause := time.NewTimer(time.Duration(200+random.IntN(most)) * time.Millisecond)
			select {
			case <-pause.C:
			case err := <-asking:
				return kills, err
			}
			chosen := []string{victims[i]}
			if random.IntN(4) == 0 { // and another one with it
				chosen = append(chosen, victims[random.IntN(len(victims))])
			}
			for _, name := range w.s.Crash(t, chosen...) {
				kills[name]++
			}
			if random.IntN(4) > 0 {
				sovereign.Eventually(t, 2*time.Minute, func() error { return alive(w.s.Components(t)) })
			}
		}
	}
}

// alive names a victim that does not run.
func alive(components []sovereign.Component) error {
	for _, c := range components {
		if slices.Contains(victims, c.Name) && c.State != "running" {
			return fmt.Errorf("%s is %s", c.Name, c.State)
		}
	}
	return nil
}

// ask lets the clients ask for everything, each until it is accepted. When all of it has ended it tells what went wrong.
func (w *world) ask(ctx context.Context, plan []*wish) <-chan error {
	failed := make([]error, len(plan))
	next := make(chan int)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range next {
				failed[i] = w.install(ctx, plan[i])
			}
		})
	}
	ended := make(chan error, 1)
	go func() {
		for i := range plan {
			next <- i
		}
		close(next)
		all.Wait()
		for i, one := range plan {
			if failed[i] == nil {
				failed[i] = w.succeeded(ctx, one)
			}
		}
		ended <- errors.Join(failed...)
	}()
	return ended
}
