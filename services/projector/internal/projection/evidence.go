package projection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// forge is the source of what is known of Git; sourceOf is that of a cluster's objects.
const forge = "/observer/forge"

func sourceOf(cluster string) string { return "/observer/" + cluster }

// evidence is everything known of one Application in one Environment.
type evidence struct {
	name       string
	branch     *spinev1.BranchObserved   // nil until Git was read
	checked    *spinev1.BranchChecked    // nil until a head was checked
	objects    []*spinev1.ObjectObserved // that make it up, in order
	pods       []*spinev1.ObjectObserved
	warnings   []*spinev1.ObjectObserved
	operations []*spinev1.OperationProgressed // newest first

	verdict verdict

	entries  []view.ActivityEntry // newest first
	heap     int                  // its place in the activity, -1 for none
	happened bool                 // whether the entries have to be made anew
}

// verdict is what an Application is doing.
type verdict struct {
	phase        view.Phase // empty when there is nothing to show
	message      string
	unknownSince time.Time
}

// list is where an object belongs; what is done to it follows.
func (e *evidence) list(o *spinev1.ObjectObserved) *[]*spinev1.ObjectObserved {
	switch {
	case o.GetPod() != nil:
		return &e.pods
	case o.GetWarning() != nil:
		e.happened = true
		return &e.warnings
	}
	return &e.objects
}

func (e *evidence) add(o *spinev1.ObjectObserved) {
	l := e.list(o)
	i, _ := slices.BinarySearchFunc(*l, o, compareRef)
	*l = slices.Insert(*l, i, o)
}

func (e *evidence) remove(o *spinev1.ObjectObserved) {
	l := e.list(o)
	i, _ := slices.BinarySearchFunc(*l, o, compareRef)
	if i < len(*l) && (*l)[i] == o {
		*l = slices.Delete(*l, i, i+1)
	}
}

func (e *evidence) empty() bool {
	return e.branch == nil && e.checked == nil && len(e.objects)+len(e.pods)+len(e.warnings)+len(e.operations) == 0
}

func newerOperation(a, b *spinev1.OperationProgressed) int {
	return cmp.Or(-compareTime(a.GetCreatedAt(), b.GetCreatedAt()), strings.Compare(a.GetId(), b.GetId()))
}

// judge says what an Application is doing, as far as that can be known: while a source of what is known of it is quiet,
// the last that was heard is too old to believe.
func (s *State) judge(e *evidence) verdict {
	var v verdict
	v.phase, v.message = e.phase()
	if v.phase == "" {
		return v
	}
	for _, q := range s.quiet {
		if !e.hears(q.GetSource()) {
			continue
		}
		since := instant(q.GetSince())
		if v.unknownSince.IsZero() {
			v.message = fmt.Sprintf("%s cannot be heard: %s Before that it was %s: %s", sourceName(q.GetSource()), sentence(q.GetMessage()), v.phase, v.message)
			v.phase, v.unknownSince = view.PhaseUnknown, since
		}
		if since.Before(v.unknownSince) {
			v.unknownSince = since
		}
	}
	return v
}

// hears tells whether what is known of an Application comes from a source. One that no cluster holds yet may turn up in
// any.
func (e *evidence) hears(source string) bool {
	if source == forge {
		return true
	}
	for _, l := range [][]*spinev1.ObjectObserved{e.objects, e.pods} {
		for _, o := range l {
			if sourceOf(o.GetObject().GetCluster()) == source {
				return true
			}
		}
	}
	return len(e.objects)+len(e.pods) == 0
}

func sourceName(source string) string {
	switch name := strings.TrimPrefix(source, "/observer/"); {
	case source == forge:
		return "Git"
	case name == source:
		return source
	default:
		return "Cluster " + name
	}
}

func sentence(s string) string {
	s = clip(strings.TrimSpace(s))
	if s == "" {
		return "it is silent."
	}
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// changedAt is when the newest fact about an Application came about.
func (e *evidence) changedAt() time.Time {
	t := instant(e.branch.GetHead().GetCommittedAt())
	for _, l := range [][]*spinev1.ObjectObserved{e.objects, e.pods, e.warnings} {
		for _, o := range l {
			t = latest(t, instant(o.GetChangedAt()))
		}
	}
	for _, o := range e.operations {
		t = latest(t, instant(o.GetCreatedAt()), instant(o.GetEndedAt()))
	}
	return t
}

// since is when the phase began.
func (e *evidence) since() time.Time {
	t := instant(e.branch.GetHead().GetCommittedAt())
	for _, o := range e.objects {
		t = latest(t, instant(o.GetHealth().GetSince()))
	}
	if t.IsZero() && len(e.operations) > 0 {
		t = instant(e.operations[0].GetCreatedAt())
	}
	return t
}

// appliedSHA is the commit that the Application's own Kustomization says it applied.
func (e *evidence) appliedSHA() string {
	for _, o := range e.objects {
		if o.GetObject().GetKind() == "Kustomization" && e.isRoot(o) {
			if _, sha, ok := strings.Cut(o.GetFlux().GetRevision(), "@sha1:"); ok {
				return sha
			}
		}
	}
	return ""
}

// isRoot tells the Kustomization that applies the repo from one that the repo itself brings.
func (e *evidence) isRoot(o *spinev1.ObjectObserved) bool {
	return o.GetObject().GetName() == o.GetApplication()
}

// problems are what is wrong with the head. What was found in an earlier one is no longer so.
func (e *evidence) problems() []*spinev1.Problem {
	if !e.branch.GetPresent() || e.checked.GetSha() == "" || e.checked.GetSha() != e.branch.GetHead().GetSha() {
		return nil
	}
	list := e.checked.GetProblems()
	return list[:min(len(list), keptProblems)]
}

// commits are the last commits of the branch, newest first.
func (e *evidence) commits() []*spinev1.Commit {
	recent := e.branch.GetRecent()
	if len(recent) == 0 && e.branch.GetHead().GetSha() != "" {
		return []*spinev1.Commit{e.branch.GetHead()}
	}
	return recent[:min(len(recent), keptChanges)]
}
