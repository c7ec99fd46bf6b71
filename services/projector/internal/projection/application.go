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

// evidence is everything known of one Application in one Environment.
type evidence struct {
	branch     *spinev1.BranchObserved // nil until Git was read
	objects    []*spinev1.ObjectObserved
	operations []*spinev1.OperationProgressed // newest first
}

func (s *State) evidence(app string) evidence {
	var e evidence
	for _, f := range s.Facts() {
		switch f := f.(type) {
		case *spinev1.ObjectObserved:
			if f.GetApplication() == app && !f.GetDeleted() {
				e.objects = append(e.objects, f)
			}
		case *spinev1.BranchObserved:
			if f.GetApplication() == app {
				e.branch = f
			}
		case *spinev1.OperationProgressed:
			if f.GetApplication() == app {
				e.operations = append(e.operations, f)
			}
		}
	}
	slices.SortFunc(e.operations, func(a, b *spinev1.OperationProgressed) int {
		return cmp.Or(-compareTime(a.GetCreatedAt(), b.GetCreatedAt()), cmp.Compare(a.GetId(), b.GetId()))
	})
	return e
}

func (s *State) application(app string) (view.Application, bool) {
	e := s.evidence(app)
	phase, message := e.phase()
	if phase == "" {
		return view.Application{}, false
	}
	a := view.Application{
		Header: view.Header{
			Kind: view.KindApplication, Organization: e.organization(), Environment: s.Environment, Name: app, ObservedAt: e.observedAt(),
		},
		Blueprint: view.Blueprint{Name: e.branch.GetBlueprint(), Version: e.branch.GetBlueprintVersion()},
		Phase:     phase, Message: message,
		Workloads: []view.Workload{}, Endpoints: []view.Endpoint{}, Conditions: []view.Part{}, Changes: []view.Commit{},
		Repository: e.branch.GetCloneUrl(), Branch: e.branch.GetBranch(),
		Since: e.since(),
	}
	if e.branch.GetPresent() {
		a.Desired = commitOf(e.branch.GetHead())
	}
	if sha := e.appliedSHA(); sha != "" {
		a.Applied = &view.Commit{SHA: sha}
	}
	for _, c := range e.branch.GetRecent() {
		a.Changes = append(a.Changes, *commitOf(c))
		if a.Applied != nil && c.GetSha() == a.Applied.SHA {
			a.Applied = commitOf(c)
		}
	}
	for _, o := range e.objects {
		switch {
		case o.GetWorkload() != nil:
			a.Workloads = append(a.Workloads, workloadOf(o))
		case o.GetFlux() != nil:
			a.Conditions = append(a.Conditions, partOf(o))
		case o.GetService() != nil:
			a.Endpoints = append(a.Endpoints, endpointsOf(o)...)
		}
	}
	return a, true
}

func (e evidence) organization() string {
	if o := e.branch.GetOrganization(); o != "" {
		return o
	}
	for _, o := range e.objects {
		if o.GetOrganization() != "" {
			return o.GetOrganization()
		}
	}
	if len(e.operations) > 0 {
		return e.operations[0].GetOrganization()
	}
	return ""
}

func (e evidence) observedAt() time.Time {
	t := latest(e.branch.GetObservedAt().AsTime())
	for _, o := range e.objects {
		t = latest(t, o.GetObservedAt().AsTime())
	}
	for _, o := range e.operations {
		t = latest(t, o.GetCreatedAt().AsTime(), o.GetEndedAt().AsTime())
	}
	return t
}

func (e evidence) since() time.Time {
	t := latest(e.branch.GetHead().GetCommittedAt().AsTime())
	for _, o := range e.objects {
		t = latest(t, o.GetHealth().GetSince().AsTime())
	}
	if t.Unix() <= 0 && len(e.operations) > 0 {
		t = latest(e.operations[0].GetCreatedAt().AsTime())
	}
	return t
}

// appliedSHA is the commit that the Application's own Kustomization says it applied.
func (e evidence) appliedSHA() string {
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
func (e evidence) isRoot(o *spinev1.ObjectObserved) bool {
	return o.GetObject().GetName() == o.GetApplication()
}

func commitOf(c *spinev1.Commit) *view.Commit {
	return &view.Commit{
		SHA: c.GetSha(), Author: c.GetAuthorName(), Email: c.GetAuthorEmail(),
		Message: firstLine(c.GetMessage()), At: c.GetCommittedAt().AsTime(),
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

func workloadOf(o *spinev1.ObjectObserved) view.Workload {
	w := o.GetWorkload()
	return view.Workload{
		Kind: o.GetObject().GetKind(), Name: o.GetObject().GetName(), Desired: w.GetDesired(), Ready: w.GetReady(),
		Images: append([]string{}, w.GetImages()...), Health: o.GetHealth().GetStatus(), Message: o.GetHealth().GetMessage(),
	}
}

func partOf(o *spinev1.ObjectObserved) view.Part {
	f := o.GetFlux()
	message := f.GetMessage()
	if message == "" {
		message = o.GetHealth().GetMessage()
	}
	return view.Part{
		Kind: o.GetObject().GetKind(), Name: o.GetObject().GetName(), Health: o.GetHealth().GetStatus(), Message: message, Revision: f.GetRevision(),
	}
}

func endpointsOf(o *spinev1.ObjectObserved) []view.Endpoint {
	var out []view.Endpoint
	for _, p := range o.GetService().GetPorts() {
		scheme := "http"
		if p.GetPort() == 443 || p.GetName() == "https" {
			scheme = "https"
		}
		name := p.GetName()
		if name == "" {
			name = fmt.Sprint(p.GetPort())
		}
		out = append(out, view.Endpoint{
			Name: o.GetObject().GetName() + ":" + name,
			URL:  fmt.Sprintf("%s://%s.%s.svc:%d", scheme, o.GetObject().GetName(), o.GetObject().GetNamespace(), p.GetPort()),
		})
	}
	return out
}
