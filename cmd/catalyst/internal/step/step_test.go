package step

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		reason string
		tasks  []Task
		want   string
	}{
		{"a plan in any order is fine", []Task{{ID: "b", After: []string{"a"}}, {ID: "a"}}, ""},
		{"twice", []Task{{ID: "a"}, {ID: "a"}}, "twice"},
		{"unknown", []Task{{ID: "a", After: []string{"x"}}}, "not there"},
		{"circle", []Task{{ID: "a", After: []string{"b"}}, {ID: "b", After: []string{"a"}}, {ID: "c"}}, "a, b"},
	} {
		err := Check(tc.tasks)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v", tc.reason, err)
		}
	}
}

func TestRunInOrder(t *testing.T) {
	board := NewBoard("", true, time.Now)
	var mu sync.Mutex
	var order []string
	note := func(id string) func(context.Context, *Report) error {
		return func(_ context.Context, r *Report) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, id)
			r.Progress(0.5, "half")
			return nil
		}
	}
	err := Run(t.Context(), board, []Task{
		{ID: "last", After: []string{"left", "right"}, Run: note("last")},
		{ID: "left", After: []string{"first"}, Run: note("left")},
		{ID: "right", After: []string{"first"}, Run: note("right")},
		{ID: "first", Run: note("first")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(order) != 4 || order[0] != "first" || order[3] != "last" {
		t.Errorf("the order was %v", order)
	}
	snap, _ := board.Snapshot()
	for _, s := range snap.Steps {
		if s.State != Done || s.Progress != 1 || s.EndedAt == nil || s.StartedAt == nil {
			t.Errorf("step %+v", s)
		}
	}
}

func TestRunFails(t *testing.T) {
	board := NewBoard("", true, time.Now)
	broken := WithHint(errors.New("broken"), "mend %s", "it")
	err := Run(t.Context(), board, []Task{
		{ID: "bad", Title: "Bad", Run: func(context.Context, *Report) error { return broken }},
		{ID: "long", Run: func(ctx context.Context, _ *Report) error { <-ctx.Done(); return ctx.Err() }},
		{ID: "never", After: []string{"bad"}, Run: func(context.Context, *Report) error { t.Error("ran"); return nil }},
	})
	if !errors.Is(err, broken) || Hint(err) != "mend it" || err.Error() != "Bad: broken" {
		t.Errorf("got %v with hint %q", err, Hint(err))
	}
	snap, _ := board.Snapshot()
	states := map[string]State{}
	for _, s := range snap.Steps {
		states[s.ID] = s.State
	}
	if states["bad"] != Failed || states["long"] != Pending || states["never"] != Pending {
		t.Errorf("the states are %v", states)
	}
}

func TestRunStoppedByAPerson(t *testing.T) {
	board := NewBoard("", true, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, board, []Task{{ID: "a", Run: func(ctx context.Context, _ *Report) error { cancel(); return ctx.Err() }}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if snap, _ := board.Snapshot(); snap.Steps[0].State == Failed {
		t.Error("what a person stopped counts as failed")
	}
}

func TestBoardTellsOfChanges(t *testing.T) {
	board := NewBoard("http://console", true, time.Now)
	_, changed := board.Snapshot()
	board.SetComponent(Component{Name: "a", State: Starting})
	<-changed
	snap, changed := board.Snapshot()
	board.SetComponent(Component{Name: "a", State: Up})
	<-changed
	if snap.Components[0].State != Starting {
		t.Error("a snapshot changed afterwards")
	}
	now, _ := board.Snapshot()
	if len(now.Components) != 1 || now.Components[0].State != Up {
		t.Errorf("got %+v", now.Components)
	}
	board.ConsoleReachable()
	first, _ := board.Snapshot()
	board.ConsoleReachable()
	second, _ := board.Snapshot()
	if first.ConsoleReachableAt == nil || second.ConsoleReachableAt != first.ConsoleReachableAt {
		t.Error("the console is reachable once")
	}
}
