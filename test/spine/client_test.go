//go:build integration

package spine

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// TestThousandWatchesOverARestartOfTheSpine keeps 1,000 streams open while NATS is killed: each gets what comes after it,
// on the connection that it has.
func TestThousandWatchesOverARestartOfTheSpine(t *testing.T) {
	const watches = 1000
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "watches-", 1)
	noor := s.SignIn(t, developer)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen := make(chan int, 1<<16)
	ended := make(chan int, watches)
	for i := range watches {
		frames := noor.Watch(ctx, t, "acme", "")
		go func() {
			for f := range frames {
				var a view.Application
				if l.Mine(f) && f.Event == "put" && json.Unmarshal(f.Object, &a) == nil {
					if n, _ := l.Find(a.Name, sovereign.Port(a)); n > 0 {
						seen <- i<<16 | n
					}
				}
			}
			ended <- i
		}()
	}
	all := func(change int) {
		t.Helper()
		left := map[int]bool{}
		for i := range watches {
			left[i] = true
		}
		limit := time.After(time.Minute)
		for len(left) > 0 {
			select {
			case got := <-seen:
				if got&0xffff >= change {
					delete(left, got>>16)
				}
			case i := <-ended:
				t.Fatalf("the stream of client %d has ended", i)
			case <-limit:
				t.Fatalf("%d of %d clients do not see change %d", len(left), watches, change)
			}
		}
	}
	must(t, l.Change(t.Context(), 0))
	all(1)
	s.Kill(t, "nats")
	must(t, l.Change(t.Context(), 0))
	all(2)
}

// TestRestlessClients cuts the connections of clients three times a second under load: each resumes exactly where it was.
func TestRestlessClients(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "restless-", apps)
	all := followers(t, s, l, 1)
	noor := s.SignIn(t, developer)
	for range 5 {
		all = append(all, noor.FollowFor(t, "acme", l, 300*time.Millisecond))
	}
	must(t, l.Run(t.Context(), rate, 10*time.Second))
	caught(t, all)
	agree(t, s, l, all)
	for i, f := range all[1:] {
		if resumes, resyncs := f.Counts(); resumes < 10 || resyncs > 0 {
			t.Errorf("client %d came back %d times and had to start anew %d times", i, resumes, resyncs)
		}
	}
}

// TestSourcesThatDoNotAnswer freezes the API server and the forge in turn: nothing that they held is taken for gone, and
// all is as before when they are back.
func TestSourcesThatDoNotAnswer(t *testing.T) {
	s := sovereign.Attach(t)
	l := sovereign.NewLoad(t, s.Cluster(t), env, "mute-", apps)
	all := followers(t, s, l, 2)
	for _, name := range []string{"apiserver", "gitea"} {
		lost := watchForLoss(t, all)
		s.Signal(t, name, syscall.SIGSTOP)
		key := view.Header{Kind: view.KindApplication, Environment: env, Name: "mute-0"}.Key()
		if name == "apiserver" { // these cards know nothing of the forge
			sovereign.Eventually(t, time.Minute, func() error {
				var a view.Application
				if err := json.Unmarshal(all[0].Object(key), &a); err != nil {
					return err
				}
				if a.Phase != view.PhaseUnknown {
					return fmt.Errorf("%s is frozen, and the card says %s", name, a.Phase)
				}
				return nil
			})
		}
		s.Signal(t, name, syscall.SIGCONT)
		sovereign.Eventually(t, time.Minute, func() error { return l.Change(t.Context(), 0) })
		caught(t, all)
		if err := lost(); err != nil {
			t.Errorf("%s was frozen: %v", name, err)
		}
	}
}
