//go:build bench

package policy

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"catalyst.openova.io/pkg/figure"
)

const benchRounds = 5

// TestBenchPolicyEvaluate judges many open promotions by the policy of the architecture, all at once as at the opening
// of a window, with reading every policy anew for each promotion as the peer.
func TestBenchPolicyEvaluate(t *testing.T) {
	for _, promotions := range []int{1000, 10_000} {
		facts := make([]Facts, promotions)
		for i := range facts {
			facts[i] = documented()
			facts[i].ID = fmt.Sprint(i)
			facts[i].History[0].From = noon.Add(-time.Duration(i%144) * time.Hour)
		}
		policy := mustParse(t, architecture)
		opening := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
		var ours, peer, allocations, bytes []float64
		for range benchRounds {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			for i := range facts {
				if d := Evaluate([]Policy{policy}, facts[i], opening); len(d.Gates) != 4 || d.NextLook.IsZero() {
					t.Fatalf("%+v", d)
				}
			}
			ours = append(ours, time.Since(start).Seconds()*1e3)
			runtime.ReadMemStats(&after)
			allocations = append(allocations, float64(after.Mallocs-before.Mallocs)/float64(promotions))
			bytes = append(bytes, float64(after.TotalAlloc-before.TotalAlloc)/float64(promotions))
			start = time.Now()
			for i := range facts {
				Evaluate([]Policy{mustParse(t, architecture)}, facts[i], opening)
			}
			peer = append(peer, time.Since(start).Seconds()*1e3)
		}
		name := fmt.Sprintf("policy-evaluate-%d", promotions)
		figure.Figure{Name: name, Value: figure.Median(ours), Unit: "ms", Against: "parse-each", Reference: figure.Median(peer), AtMost: 0.5}.Report(t)
		each := figure.Median(ours) * 1e3 / float64(promotions)
		figure.Line(t, name+"-each", each, "µs", "-", "-", "<=250", each <= 250)
		figure.Line(t, name+"-allocations", figure.Median(allocations), "each", "-", "-", "<=150", figure.Median(allocations) <= 150)
		figure.Line(t, name+"-bytes", figure.Median(bytes), "B-each", "-", "-", "<=16384", figure.Median(bytes) <= 16384)
	}
}
