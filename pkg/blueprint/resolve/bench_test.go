//go:build bench

package resolve

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst.openova.io/pkg/figure"
)

// plan is an Application that needs 49 others, in levels of seven, each with sixty settings.
const (
	benchNodes    = 50
	benchSettings = 60
)

// properties is a schema of sixty settings of the kinds that people have.
func benchProperties() string {
	kinds := []string{
		"{type: integer, minimum: 1, maximum: 65535}", "{type: string, minLength: 1, maxLength: 80}", "{type: boolean}",
		"{type: string, enum: [small, medium, large]}", "{type: string, pattern: '^#[0-9a-f]{6}$'}", "{type: number, exclusiveMinimum: 0, maximum: 10}",
	}
	var b strings.Builder
	for i := range benchSettings {
		fmt.Fprintf(&b, "      s%02d: %s\n", i, kinds[i%len(kinds)])
	}
	return b.String()
}

func benchValues() map[string]any {
	kinds := []any{int64(8080), "a value", true, "medium", "#34577c", 0.5}
	out := map[string]any{}
	for i := range benchSettings {
		out[fmt.Sprintf("s%02d", i)] = kinds[i%len(kinds)]
	}
	return out
}

// benchInput passes every setting down, some by an expression, so that each node is given all of its sixty.
func benchInput(t *testing.T) Input {
	in := input("bp-n0", map[string][]Candidate{})
	var passed strings.Builder
	for name, v := range benchValues() {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if strings.HasSuffix(name, "0") {
			text = fmt.Sprintf("'{{ config.%s }}'", name)
		}
		fmt.Fprintf(&passed, "        %s: %s\n", name, text)
	}
	for i := range benchNodes {
		more := "  configSchema:\n    type: object\n    additionalProperties: false\n    properties:\n" + benchProperties()
		for child := 7*i + 1; child <= 7*i+7 && child < benchNodes; child++ {
			if child == 7*i+1 {
				more += "  depends:\n"
			}
			more += fmt.Sprintf("    - blueprint: bp-n%d\n      version: ^1\n      when: config.s02 && environment.type == 'dev'\n      values:\n%s", child, passed.String())
		}
		name := fmt.Sprintf("bp-n%d", i)
		in.Catalog[name] = []Candidate{candidate(t, name, "1.0.0", more), candidate(t, name, "1.1.0", more)}
	}
	return in
}

// A plan over fifty Applications beside what no plan can do without: decoding the same settings and validating them.
func TestBenchWriteResolve(t *testing.T) {
	const rounds, repeats = 41, 4 // short and in turn, so that both meet the same machine
	in := benchInput(t)
	raw, err := json.Marshal(benchValues())
	if err != nil {
		t.Fatal(err)
	}
	schemas := make([]*jsonschema.Schema, benchNodes)
	for i := range schemas {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		document := in.Catalog[fmt.Sprintf("bp-n%d", i)][0].Blueprint.Spec.ConfigSchema.Document()
		if err := c.AddResource("bench:schema", document); err != nil {
			t.Fatal(err)
		}
		if schemas[i], err = c.Compile("bench:schema"); err != nil {
			t.Fatal(err)
		}
	}
	floor := func() {
		for _, schema := range schemas {
			var values any
			if err := json.Unmarshal(raw, &values); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(values); err != nil {
				t.Fatal(err)
			}
		}
	}
	plan := func() {
		given := in
		if err := json.Unmarshal(raw, &given.Values); err != nil {
			t.Fatal(err)
		}
		tree, err := Resolve(given)
		if err != nil || len(tree.Order) != benchNodes || len(tree.Order[0].Values) != benchSettings {
			t.Fatal(tree, err)
		}
	}
	measure := func(f func()) (micros, allocations, bytes float64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		for range repeats {
			f()
		}
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		return float64(took.Microseconds()) / repeats, float64(after.Mallocs-before.Mallocs) / repeats, float64(after.TotalAlloc-before.TotalAlloc) / repeats
	}
	floor()
	plan()
	var plans, floors, ratios, planAllocations, floorAllocations, planBytes, floorBytes []float64
	for range rounds {
		a, n, b := measure(floor)
		floors, floorAllocations, floorBytes = append(floors, a), append(floorAllocations, n), append(floorBytes, b)
		a, n, b = measure(plan)
		plans, planAllocations, planBytes = append(plans, a), append(planAllocations, n), append(planBytes, b)
		ratios = append(ratios, plans[len(plans)-1]/floors[len(floors)-1])
	}
	reference := figure.Median(floors)
	figure.Figure{
		Name: "write-resolve-50-nodes", Value: figure.Median(ratios) * reference, Unit: "µs",
		Against: "decode+validate", Reference: reference, AtMost: 1.5,
	}.Report(t)
	line := func(name, unit string, own, reference []float64) {
		a, b := figure.Median(own), figure.Median(reference)
		figure.Line(t, name, a, unit, fmt.Sprintf("decode+validate=%.4g", b), fmt.Sprintf("%.3g", a/b), "-", true)
	}
	line("write-resolve-allocations", "count", planAllocations, floorAllocations)
	line("write-resolve-allocated", "bytes", planBytes, floorBytes)
}
