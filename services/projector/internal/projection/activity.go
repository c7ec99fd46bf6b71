package projection

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
)

// keptEntries is how many things that happened an Environment remembers.
const keptEntries = 50

// entriesOf is what happened to one Application, newest first.
func entriesOf(e *evidence) []view.ActivityEntry {
	out := make([]view.ActivityEntry, 0, len(e.warnings)+len(e.operations)+keptChanges)
	for _, c := range e.commits() {
		out = append(out, view.ActivityEntry{
			At: instant(c.GetCommittedAt()), Type: "commit", Application: e.name, Actor: clip(c.GetAuthorEmail()),
			Summary: firstLine(c.GetMessage()), Reference: c.GetSha(),
		})
	}
	for _, o := range e.operations {
		summary := o.GetAction() + ": " + o.GetState()
		if o.GetMessage() != "" {
			summary += ". " + firstLine(o.GetMessage())
		}
		out = append(out, view.ActivityEntry{
			At: latest(instant(o.GetCreatedAt()), instant(o.GetEndedAt())), Type: "operation", Application: e.name, Actor: clip(o.GetRequester()),
			Summary: summary, Reference: o.GetId(),
		})
	}
	for _, o := range e.warnings {
		w := o.GetWarning()
		out = append(out, view.ActivityEntry{
			At: instant(w.GetLastSeen()), Type: "warning", Application: e.name, Summary: clip(w.GetReason()) + ": " + firstLine(w.GetMessage()),
			Reference: w.GetAbout(),
		})
	}
	slices.SortFunc(out, newerEntry)
	return slices.Clip(out[:min(len(out), keptEntries)])
}

func newerEntry(a, b view.ActivityEntry) int {
	return cmp.Or(
		b.At.Compare(a.At), strings.Compare(a.Type, b.Type), strings.Compare(a.Application, b.Application), strings.Compare(a.Reference, b.Reference),
		strings.Compare(a.Summary, b.Summary),
	)
}

// activity is a heap of the Applications by the newest thing that happened to each, so that what happened last in the
// whole Environment is found without looking at all of them.
type activity struct{ byNewest []*evidence }

func (a *activity) Len() int { return len(a.byNewest) }
func (a *activity) Less(i, j int) bool {
	return newerEntry(a.byNewest[i].entries[0], a.byNewest[j].entries[0]) < 0
}
func (a *activity) Swap(i, j int) {
	h := a.byNewest
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// Push and Pop implement heap.Interface.
func (a *activity) Push(x any) {
	e := x.(*evidence)
	e.heap = len(a.byNewest)
	a.byNewest = append(a.byNewest, e)
}

// Pop implements heap.Interface.
func (a *activity) Pop() any {
	last := len(a.byNewest) - 1
	e := a.byNewest[last]
	e.heap, a.byNewest[last], a.byNewest = -1, nil, a.byNewest[:last]
	return e
}

// set says what happened to an Application, and tells whether that is new.
func (a *activity) set(e *evidence, entries []view.ActivityEntry) bool {
	if slices.Equal(e.entries, entries) {
		return false
	}
	// An Application leaves with what it was placed by.
	if e.heap >= 0 {
		heap.Remove(a, e.heap)
	}
	e.entries = entries
	if len(entries) > 0 {
		heap.Push(a, e)
	}
	return true
}

// newest returns what happened last, newest first: the newest entry is at the top of the heap, and the next one is either
// the next of the same Application or the first of one below it.
func (a *activity) newest() []view.ActivityEntry {
	type cursor struct {
		e *evidence
		i int
	}
	var open []cursor // newest last
	add := func(c cursor) {
		if c.i >= len(c.e.entries) {
			return
		}
		at, _ := slices.BinarySearchFunc(open, c, func(x, y cursor) int { return newerEntry(y.e.entries[y.i], x.e.entries[x.i]) })
		open = slices.Insert(open, at, c)
	}
	if len(a.byNewest) > 0 {
		add(cursor{a.byNewest[0], 0})
	}
	out := make([]view.ActivityEntry, 0, keptEntries)
	for len(open) > 0 && len(out) < keptEntries {
		c := open[len(open)-1]
		open = open[:len(open)-1]
		out = append(out, c.e.entries[c.i])
		add(cursor{c.e, c.i + 1})
		if c.i > 0 {
			continue
		}
		for _, below := range []int{2*c.e.heap + 1, 2*c.e.heap + 2} {
			if below < len(a.byNewest) {
				add(cursor{a.byNewest[below], 0})
			}
		}
	}
	return out
}

func (s *State) activityView() view.Activity {
	v := view.Activity{
		Header:  view.Header{Kind: view.KindActivity, Organization: s.organization, Environment: s.Environment, Name: s.Environment},
		Entries: s.activity.newest(),
	}
	if len(v.Entries) > 0 {
		v.ChangedAt = v.Entries[0].At
	}
	return v
}
