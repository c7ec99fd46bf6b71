//go:build bench

package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

const (
	writeInstalls = 200
	// A peer takes many times as long, and has its turn in one round of so many.
	peerEvery = 10
	// What an install may take of a bare create and push, and how many times faster than a call a file it has to be.
	writeTarget, perFileTarget = 1.15, 10.0
)

// TestBenchWriteInstalls measures installs through the whole API, one and four at a time: from the acceptance of a request
// to the end of its Operation, as the stream tells it. The floor makes a repository and pushes the same files to the same
// three branches, with nothing around it; the peers write them by Gitea's API, a call a file, or all files in one call, and
// a call for each further branch. They take turns, and a ratio is one within a round.
// CATALYST_BENCH_INSTALLS says how many, for a short run.
func TestBenchWriteInstalls(t *testing.T) {
	installs, err := strconv.Atoi(cmp.Or(os.Getenv("CATALYST_BENCH_INSTALLS"), strconv.Itoa(writeInstalls)))
	must(t, err)
	s := sovereign.Attach(t)
	stamp := strconv.FormatInt(time.Now().Unix(), 36)
	ours := newInstaller(t, s, "bench-"+stamp)
	others := newBare(t, s, "bare-"+stamp)
	_, err = ours.install("model")
	must(t, err)
	must(t, others.take(t.Context(), ours.org, "model"))
	for _, atOnce := range []int{1, 4} {
		r := race{atOnce: atOnce, took: map[string][]float64{}}
		rounds := max(installs/atOnce, 3)
		for i := range rounds + 1 { // the first one is to warm up
			turns := []turn{{"install", ours.install, ours.settle}, {"push", others.push, nil}}
			if i%2 == 1 {
				slices.Reverse(turns)
			}
			if i%peerEvery == 1 {
				turns = append(turns, turn{"change-files", others.changeFiles, nil}, turn{"per-file", others.perFile, nil})
			}
			r.round(t, i, turns)
		}
		r.report(t, &ours.whole)
	}
}

// turn is one way to write the files, which returns how long that took, and what has to be over before the next one.
type turn struct {
	name   string
	do     func(repo string) (time.Duration, error)
	settle func(t *testing.T, repo string)
}

// race holds, for each way and round, how many milliseconds one of those that went on at the same time took on average;
// 0 where it had no turn.
type race struct {
	atOnce, rounds int
	took           map[string][]float64
}

func (r *race) round(t *testing.T, i int, turns []turn) {
	t.Helper()
	means := map[string]float64{}
	for _, turn := range turns {
		took := make([]time.Duration, r.atOnce)
		failed := make([]error, r.atOnce)
		name := func(j int) string { return fmt.Sprintf("%s-%d-%04d-%d", turn.name, r.atOnce, i, j) }
		var all sync.WaitGroup
		for j := range r.atOnce {
			all.Go(func() { took[j], failed[j] = turn.do(name(j)) })
		}
		all.Wait()
		must(t, errors.Join(failed...))
		for j := range r.atOnce {
			if turn.settle != nil {
				turn.settle(t, name(j))
			}
		}
		for _, d := range took {
			means[turn.name] += ms(d) / float64(r.atOnce)
		}
	}
	if i == 0 {
		return
	}
	r.rounds++
	for _, name := range []string{"install", "push", "change-files", "per-file"} {
		r.took[name] = append(r.took[name], means[name])
	}
}

// median of one way, and of how many times as long as it another one took in the same rounds.
func (r *race) median(name, other string) (value, times float64) {
	var values, ratios []float64
	for i, v := range r.took[name] {
		if o := r.took[other][i]; v > 0 && o > 0 {
			values, ratios = append(values, v), append(ratios, o/v)
		}
	}
	return figure.Median(values), figure.Median(ratios)
}

func (r *race) report(t *testing.T, whole *[]time.Duration) {
	t.Helper()
	push, times := r.median("push", "install")
	ours, _ := r.median("install", "push")
	name := fmt.Sprintf("write-install-%d-at-once", r.atOnce)
	figure.Line(t, name, ours, "ms", fmt.Sprintf("create-and-push=%.4g", push), fmt.Sprintf("%.3g", times), fmt.Sprintf("<=%g", writeTarget), times <= writeTarget)
	perFile, _ := r.median("per-file", "install")
	_, faster := r.median("install", "per-file")
	figure.Line(t, name, ours, "ms", fmt.Sprintf("per-file=%.4g", perFile), fmt.Sprintf("%.3g", faster), fmt.Sprintf(">=%g", perFileTarget), faster >= perFileTarget)
	changeFiles, _ := r.median("change-files", "install")
	_, faster = r.median("install", "change-files")
	figure.Line(t, name, ours, "ms", fmt.Sprintf("change-files=%.4g", changeFiles), fmt.Sprintf("%.3g", faster), ">1", faster > 1)
	fmt.Printf("# %d installs; from the request to the end: p50 %.4g ms, p99 %.4g ms\n", len(*whole), ms(figure.Quantile(*whole, .5)), ms(figure.Quantile(*whole, .99)))
	*whole = nil
}

// installer asks as a person does.
type installer struct {
	org  string
	sam  *sovereign.Person
	told *sovereign.Follower

	mu    sync.Mutex
	whole []time.Duration // from the request to the end
}

func newInstaller(t *testing.T, s *sovereign.Sovereign, org string) *installer {
	t.Helper()
	in := &installer{org: org, sam: s.SignIn(t, sovereign.Chief)}
	s.NewOrganization(t, in.sam, org)
	in.told = in.sam.Follow(t, org, nil)
	return in
}

func (in *installer) install(name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start := time.Now()
	a, err := in.sam.Try(http.MethodPost, "/api/v1/organizations/"+in.org+"/applications", map[string]any{
		"name": name, "blueprint": "bp-podinfo", "environment": in.org + "-dev", "values": map[string]any{"replicas": 1},
	}, "Idempotency-Key", in.org+"-"+name)
	accepted := time.Now()
	if err != nil {
		return 0, err
	}
	if a.Status != http.StatusAccepted {
		return 0, fmt.Errorf("install %s: %d: %s", name, a.Status, a.Body)
	}
	location := a.Header.Get("Location")
	p, err := in.told.Operations.Await(ctx, location[strings.LastIndexByte(location, '/')+1:], sovereign.Progress.Final)
	if err != nil {
		return 0, err
	}
	if p.State != view.OperationSucceeded {
		return 0, fmt.Errorf("install %s: %s: %s", name, p.State, p.Message)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.whole = append(in.whole, p.Told.Sub(start))
	return p.Told.Sub(accepted), nil
}

// settle waits until the Application runs: what Flux does for it is not to take the processors from what comes next.
func (in *installer) settle(t *testing.T, name string) {
	t.Helper()
	key := view.Header{Kind: view.KindApplication, Environment: in.org + "-dev", Name: name}.Key()
	sovereign.Eventually(t, 2*time.Minute, func() error {
		var card view.Application
		if o := in.told.Object(key); o != nil {
			must(t, json.Unmarshal(o, &card))
		}
		if card.Phase != view.PhaseRunning {
			return fmt.Errorf("%s: %s: %s", name, card.Phase, card.Message)
		}
		return nil
	})
}
