package projection

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// How much of each a card shows.
const (
	keptChanges   = 10
	keptPods      = 50
	keptWarnings  = 10
	keptProblems  = 50
	longestText   = 1000 // characters of a message
	slimWorkloads = 100  // of a card that would be too large
)

func (s *State) application(e *evidence) view.Application {
	a := view.Application{
		Header: view.Header{
			Kind: view.KindApplication, Organization: s.organization, Environment: s.Environment, Name: e.name,
			ChangedAt: e.changedAt(), UnknownSince: e.verdict.unknownSince,
		},
		Blueprint: view.Blueprint{Name: clip(e.branch.GetBlueprint()), Version: clip(e.branch.GetBlueprintVersion())},
		Phase:     e.verdict.phase, Message: clip(e.verdict.message),
		Workloads: []view.Workload{}, Endpoints: []view.Endpoint{}, Conditions: []view.Part{}, Changes: []view.Commit{}, Problems: []view.FileProblem{},
		Pods: podsOf(e.pods), Warnings: warningsOf(e.warnings), DependsOn: []view.Dependency{}, UsedBy: s.usedBy(e.name),
		Repository: e.branch.GetCloneUrl(), Branch: e.branch.GetBranch(),
		Since: e.since(),
	}
	if e.branch.GetPresent() {
		a.Desired = commitOf(e.branch.GetHead())
	}
	if sha := e.appliedSHA(); sha != "" {
		a.Applied = &view.Commit{SHA: clip(sha)}
	}
	for _, c := range e.commits() {
		a.Changes = append(a.Changes, *commitOf(c))
		if a.Applied != nil && c.GetSha() == a.Applied.SHA {
			a.Applied = commitOf(c)
		}
	}
	for _, p := range e.problems() {
		a.Problems = append(a.Problems, view.FileProblem{
			Code: clip(p.GetCode()), Severity: clip(p.GetSeverity()), File: clip(p.GetFile()), Line: p.GetLine(), Pointer: clip(p.GetPointer()),
			Message: clip(p.GetMessage()), Commit: clip(e.checked.GetSha()),
		})
	}
	for _, d := range needs(e.branch) {
		need := view.Dependency{Alias: clip(d.GetAlias()), Application: clip(d.GetApplication())}
		if other := s.evidence[d.GetApplication()]; other != nil {
			need.Phase = other.verdict.phase
		}
		a.DependsOn = append(a.DependsOn, need)
	}
	var services []view.Endpoint
	for _, o := range e.objects {
		switch {
		case o.GetWorkload() != nil:
			a.Workloads = append(a.Workloads, workloadOf(o))
		case o.GetFlux() != nil, o.GetResource() != nil:
			a.Conditions = append(a.Conditions, partOf(o))
		case o.GetIngress() != nil:
			for _, url := range o.GetIngress().GetUrls() {
				a.Endpoints = append(a.Endpoints, view.Endpoint{Name: o.GetObject().GetName(), URL: url})
			}
		case o.GetService() != nil:
			services = append(services, endpointsOf(o)...)
		}
	}
	a.Endpoints = append(a.Endpoints, services...)
	return a
}

// slimApplication leaves of a card that is too large what fits in any case.
func slimApplication(a *view.Application) {
	a.Workloads = a.Workloads[:min(len(a.Workloads), slimWorkloads)]
	for i := range a.Workloads {
		a.Workloads[i].Images = []string{}
	}
	a.Pods, a.Warnings, a.Conditions, a.Endpoints = []view.Pod{}, []view.Warning{}, []view.Part{}, []view.Endpoint{}
	a.DependsOn, a.UsedBy, a.Changes = []view.Dependency{}, []string{}, []view.Commit{}
	a.Problems = a.Problems[:min(len(a.Problems), keptWarnings)]
	a.Repository, a.Branch = clip(a.Repository), clip(a.Branch)
}

func (s *State) usedBy(app string) []string {
	return append([]string{}, slices.Sorted(maps.Keys(s.dependents[app]))...)
}

func podsOf(objects []*spinev1.ObjectObserved) []view.Pod {
	out := make([]view.Pod, 0, min(len(objects), keptPods))
	for _, troubled := range []bool{true, false} {
		for _, o := range objects {
			if p := o.GetPod(); len(out) < keptPods && inTrouble(p) == troubled {
				out = append(out, view.Pod{
					Name: o.GetObject().GetName(), Workload: p.GetWorkload(), Phase: p.GetPhase(), Ready: p.GetReady(), Restarts: p.GetRestarts(),
					Reason: clip(p.GetReason()), Message: clip(p.GetMessage()),
				})
			}
		}
	}
	return out
}

func inTrouble(p *spinev1.Pod) bool {
	return p.GetReason() != "" || !p.GetReady() && p.GetPhase() != "Succeeded"
}

func warningsOf(objects []*spinev1.ObjectObserved) []view.Warning {
	newest := slices.Clone(objects)
	slices.SortStableFunc(newest, func(a, b *spinev1.ObjectObserved) int {
		return -compareTime(a.GetWarning().GetLastSeen(), b.GetWarning().GetLastSeen())
	})
	out := make([]view.Warning, 0, min(len(newest), keptWarnings))
	for _, o := range newest[:min(len(newest), keptWarnings)] {
		w := o.GetWarning()
		out = append(out, view.Warning{
			About: w.GetAbout(), Reason: clip(w.GetReason()), Message: clip(w.GetMessage()), Count: w.GetCount(), At: instant(w.GetLastSeen()),
		})
	}
	return out
}

func commitOf(c *spinev1.Commit) *view.Commit {
	return &view.Commit{
		SHA: clip(c.GetSha()), Author: clip(c.GetAuthorName()), Email: clip(c.GetAuthorEmail()), Message: firstLine(c.GetMessage()), At: instant(c.GetCommittedAt()),
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return clip(s)
}

// clip cuts a text that somebody else wrote to a length that any view can carry.
func clip(s string) string {
	if len(s) <= longestText {
		return s
	}
	n := 0
	for i := range s {
		if n == longestText {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

func workloadOf(o *spinev1.ObjectObserved) view.Workload {
	w := o.GetWorkload()
	return view.Workload{
		Kind: o.GetObject().GetKind(), Name: o.GetObject().GetName(), Desired: w.GetDesired(), Ready: w.GetReady(),
		Images: append([]string{}, w.GetImages()...), Health: o.GetHealth().GetStatus(), Message: clip(o.GetHealth().GetMessage()),
		ChangedAt: instant(o.GetChangedAt()),
	}
}

func partOf(o *spinev1.ObjectObserved) view.Part {
	message := cmp.Or(o.GetFlux().GetMessage(), o.GetResource().GetMessage(), o.GetHealth().GetMessage())
	return view.Part{
		Kind: o.GetObject().GetKind(), Name: o.GetObject().GetName(), Health: o.GetHealth().GetStatus(), Message: clip(message),
		Revision: o.GetFlux().GetRevision(), ChangedAt: instant(o.GetChangedAt()),
	}
}

func endpointsOf(o *spinev1.ObjectObserved) []view.Endpoint {
	var out []view.Endpoint
	for _, p := range o.GetService().GetPorts() {
		scheme := "http"
		if p.GetPort() == 443 || p.GetName() == "https" {
			scheme = "https"
		}
		out = append(out, view.Endpoint{
			Name: o.GetObject().GetName() + ":" + cmp.Or(p.GetName(), fmt.Sprint(p.GetPort())),
			URL:  fmt.Sprintf("%s://%s.%s.svc:%d", scheme, o.GetObject().GetName(), o.GetObject().GetNamespace(), p.GetPort()),
		})
	}
	return out
}
