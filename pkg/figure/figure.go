// Package figure prints what a benchmark measured: one line a figure, with the floor or peer of the same run beside it.
package figure

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Figure is one measurement beside what it is compared with.
type Figure struct {
	Name  string
	Value float64
	Unit  string
	// Against names the floor or peer, Reference is its value in the same unit and the same run.
	Against   string
	Reference float64
	// AtLeast or AtMost is the bound of Value/Reference; one of them is set.
	AtLeast, AtMost float64
}

// Report prints `name value unit floor-or-peer ratio target ok|short` and fails the benchmark if the figure is short.
func (f Figure) Report(t testing.TB) {
	t.Helper()
	ratio, target, ok := f.Value/f.Reference, "", false
	switch {
	case f.AtLeast > 0:
		target, ok = fmt.Sprintf(">=%g", f.AtLeast), ratio >= f.AtLeast
	default:
		target, ok = fmt.Sprintf("<=%g", f.AtMost), ratio <= f.AtMost
	}
	Line(t, f.Name, f.Value, f.Unit, fmt.Sprintf("%s=%.4g", f.Against, f.Reference), fmt.Sprintf("%.3g", ratio), target, ok)
}

// Line prints a figure whose target is no ratio, in the same form.
func Line(t testing.TB, name string, value float64, unit, against, ratio, target string, ok bool) {
	t.Helper()
	verdict := "ok"
	if !ok {
		verdict = "short"
		t.Fail()
	}
	fmt.Printf("%s %.4g %s %s %s %s %s\n", name, value, unit, against, ratio, target, verdict)
}

// Median of some measurements, which it sorts.
func Median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// Quantile of some durations, which it sorts; q is between 0 and 1.
func Quantile(values []time.Duration, q float64) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}
