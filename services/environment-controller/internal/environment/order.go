package environment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Edge says that From is applied once To is ready.
type Edge struct{ From, To string }

// Left is an edge that was left out, and why.
type Left struct {
	Edge
	// Why in a sentence.
	Why string
}

// Order is what each Application of an Environment waits for.
type Order struct {
	// Waits are the Applications that one waits for, sorted.
	Waits map[string][]string
	// Left are the edges that are declared and left out, sorted.
	Left []Left
}

// Of returns what was left out of one Application's dependencies.
func (o Order) Of(app string) []Left {
	var out []Left
	for _, l := range o.Left {
		if l.From == app {
			out = append(out, l)
		}
	}
	return out
}

// Awaited tells whether another Application waits for this one.
func (o Order) Awaited(app string) bool {
	for _, to := range o.Waits {
		if slices.Contains(to, app) {
			return true
		}
	}
	return false
}

// MakeOrder decides which of the declared dependencies hold. Those on an Application that is not here are left out: it
// may never come, and an Application that waits for it in silence would never run. Those that close a circle are left
// out too: the edges that are in force already stay, so that it is the edit which closed the circle that has no effect.
func MakeOrder(declared, inForce map[string][]string, here map[string]bool) Order {
	o := Order{Waits: map[string][]string{}}
	for _, e := range edges(declared, inForce) {
		switch way := o.way(e.To, e.From); {
		case !here[e.To]:
			o.Left = append(o.Left, Left{e, fmt.Sprintf("%s depends on %s, which is not in this Environment: it is applied without waiting for it", e.From, e.To)})
		case way != nil:
			circle := strings.Join(append([]string{e.From}, way...), " → ")
			o.Left = append(o.Left, Left{e, fmt.Sprintf("the dependencies go in a circle, %s: %s is applied without waiting for %s", circle, e.From, e.To)})
		default:
			o.Waits[e.From] = append(o.Waits[e.From], e.To)
		}
	}
	for _, to := range o.Waits {
		slices.Sort(to)
	}
	slices.SortFunc(o.Left, func(a, b Left) int { return compareEdges(a.Edge, b.Edge) })
	return o
}

// edges lists what is declared, those in force first, each part sorted.
func edges(declared, inForce map[string][]string) []Edge {
	var old, young []Edge
	for _, from := range slices.Sorted(maps.Keys(declared)) {
		for _, to := range slices.Compact(slices.Sorted(slices.Values(declared[from]))) {
			if slices.Contains(inForce[from], to) {
				old = append(old, Edge{from, to})
			} else {
				young = append(young, Edge{from, to})
			}
		}
	}
	return append(old, young...)
}

// way returns how one Application waits for another, in the end: both, and those between. Nil if it does not.
func (o Order) way(from, to string) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			var way []string
			for ; at != ""; at = before[at] {
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range slices.Sorted(slices.Values(o.Waits[at])) {
			if _, seen := before[next]; !seen {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func compareEdges(a, b Edge) int {
	if c := strings.Compare(a.From, b.From); c != 0 {
		return c
	}
	return strings.Compare(a.To, b.To)
}
