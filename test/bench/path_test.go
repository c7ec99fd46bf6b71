//go:build bench

// Package bench measures a running Sovereign. Each figure stands beside a floor of the same run and ends in one line:
//
//	name value unit floor ratio target ok|short
package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

const (
	rounds        = 9
	installTarget = 3 * time.Second
	pushTarget    = time.Second
	env           = "acme-dev"
)

// TestPath times the whole path of an Application, round by round beside the floor: Flux told by hand to reconcile a
// commit that was just pushed, with wait: false, until the Kustomization says it applied it.
func TestBenchPath(t *testing.T) {
	s := sovereign.Attach(t)
	noor := s.SignIn(t, "noor@acme.example")
	frames := noor.Watch(t.Context(), t, "acme", "")
	floor := newFloor(t, s)
	stamp := strconv.FormatInt(time.Now().UnixNano(), 36)

	var floors, helm, kustomize, pushes []time.Duration
	for i := range rounds + 1 {
		floorTook := floor.round(t, i)
		name := fmt.Sprintf("bench-%s-%d", stamp, i)
		helmTook := installUntilRunning(t, noor, frames, name, "bp-podinfo")
		pushTook := pushUntilOnCard(t, s, frames, name, i)
		remove(t, noor, name)
		site := fmt.Sprintf("site-%s-%d", stamp, i)
		kustomizeTook := installUntilRunning(t, noor, frames, site, "bp-static-site")
		remove(t, noor, site)
		if i == 0 {
			continue // the target is that of a Sovereign that is warm: nothing of the first round counts, the floor neither
		}
		floors, helm, pushes, kustomize = append(floors, floorTook), append(helm, helmTook), append(pushes, pushTook), append(kustomize, kustomizeTook)
	}
	floorP50 := median(floors)
	fmt.Printf("rounds %d; floor min %.3f p50 %.3f max %.3f s\n", rounds, slices.Min(floors).Seconds(), floorP50.Seconds(), slices.Max(floors).Seconds())
	short := report("install-to-running-helm-p50", median(helm), floorP50, installTarget)
	short = report("install-to-running-helm-max", slices.Max(helm), floorP50, installTarget) || short
	short = report("install-to-running-kustomize-p50", median(kustomize), floorP50, installTarget) || short
	short = report("push-to-card-p50", median(pushes), floorP50, pushTarget) || short
	short = report("push-to-card-max", slices.Max(pushes), floorP50, pushTarget) || short
	if short {
		t.Fail()
	}
}

func report(name string, value, floor, target time.Duration) (short bool) {
	verdict := "ok"
	if value > target {
		verdict = "short"
	}
	fmt.Printf("%s %.3f s %.3f %.2f <=%.1fs %s\n", name, value.Seconds(), floor.Seconds(), value.Seconds()/floor.Seconds(), target.Seconds(), verdict)
	return verdict == "short"
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func installUntilRunning(t *testing.T, p *sovereign.Person, frames <-chan sovereign.Frame, name, blueprint string) time.Duration {
	t.Helper()
	start := time.Now()
	a := p.Do(t, http.MethodPost, "/api/v1/organizations/acme/applications", map[string]any{
		"name": name, "blueprint": blueprint, "environment": env, "values": map[string]any{"replicas": 2},
	})
	if a.Status != http.StatusAccepted {
		t.Fatalf("install: %d: %s", a.Status, a.Body)
	}
	_, at := sovereign.Await(t, frames, env, name, time.Minute, func(a view.Application) bool { return a.Phase == view.PhaseRunning })
	return at.Sub(start)
}

func pushUntilOnCard(t *testing.T, s *sovereign.Sovereign, frames <-chan sovereign.Frame, name string, round int) time.Duration {
	t.Helper()
	clone := s.Clone(t, "noor", "acme", name, "develop")
	clone.Edit("overlays/dev/values.yaml", func(v string) string { return strings.Replace(v, "replicas: 2", "replicas: 3", 1) })
	sha := clone.Push(fmt.Sprintf("round %d", round))
	start := time.Now()
	_, at := sovereign.Await(t, frames, env, name, time.Minute, func(a view.Application) bool { return a.Applied != nil && a.Applied.SHA == sha })
	return at.Sub(start)
}

func remove(t *testing.T, p *sovereign.Person, name string) {
	t.Helper()
	if a := p.Do(t, http.MethodDelete, "/api/v1/organizations/acme/applications/"+name, nil); a.Status != http.StatusAccepted {
		t.Fatalf("uninstall: %d: %s", a.Status, a.Body)
	}
	sovereign.Eventually(t, time.Minute, func() error {
		if a := p.Do(t, http.MethodGet, sovereign.ApplicationPath("acme", env, name), nil); a.Status != http.StatusNotFound {
			return fmt.Errorf("%s is still there: %d", name, a.Status)
		}
		return nil
	})
}

// ctxOf gives a call of the floor a bounded time.
func ctxOf(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
