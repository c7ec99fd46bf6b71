package projection

import (
	"maps"
	"slices"
	"time"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

func (s *State) operation(o *spinev1.OperationProgressed) view.Operation {
	v := view.Operation{
		Header: view.Header{
			Kind: view.KindOperation, Organization: s.organization, Environment: s.Environment, Name: o.GetId(),
			ChangedAt: latest(instant(o.GetCreatedAt()), instant(o.GetEndedAt())),
		},
		Action: clip(o.GetAction()), Application: o.GetApplication(), Applications: append([]string{}, o.GetApplications()...), Requester: clip(o.GetRequester()),
		State: view.OperationState(clip(o.GetState())), Message: clip(o.GetMessage()), Hint: clip(o.GetHint()), Steps: []view.Step{},
		Commit: clip(o.GetCommit()), Plan: clip(o.GetPlan()), RetryOf: clip(o.GetRetryOf()), Cancellable: o.GetCancellable(),
		CreatedAt: instant(o.GetCreatedAt()), NextTryAt: instant(o.GetNextTryAt()), EndedAt: instant(o.GetEndedAt()),
	}
	for _, st := range o.GetSteps() {
		v.Steps = append(v.Steps, view.Step{Name: clip(st.GetName()), Application: clip(st.GetApplication()), State: view.OperationState(clip(st.GetState())), Message: clip(st.GetMessage())})
	}
	return v
}

func (s *State) blueprintUse(name string) (view.BlueprintUse, bool) {
	apps := s.uses[name]
	if len(apps) == 0 {
		return view.BlueprintUse{}, false
	}
	v := view.BlueprintUse{
		Header:   view.Header{Kind: view.KindBlueprintUse, Organization: s.organization, Environment: s.Environment, Name: name},
		Versions: []view.VersionUse{},
	}
	byVersion := map[string][]string{}
	for app, e := range apps {
		version := clip(e.branch.GetBlueprintVersion())
		byVersion[version] = append(byVersion[version], app)
		v.ChangedAt = latest(v.ChangedAt, instant(e.branch.GetHead().GetCommittedAt()))
	}
	for _, version := range slices.Sorted(maps.Keys(byVersion)) {
		slices.Sort(byVersion[version])
		v.Versions = append(v.Versions, view.VersionUse{Version: version, Applications: byVersion[version]})
	}
	return v, true
}

// slimUse leaves the first Applications of each version.
func slimUse(v *view.BlueprintUse) {
	const most = 500
	v.Versions = v.Versions[:min(len(v.Versions), 1)]
	for i := range v.Versions {
		v.Versions[i].Applications = v.Versions[i].Applications[:min(len(v.Versions[i].Applications), most)]
	}
}

func (s *State) organizationView(name string) (view.Organization, bool) {
	o := s.object(Ref{view.KindOrganization, name})
	d := o.GetOrganizationDetail()
	if d == nil {
		return view.Organization{}, false
	}
	return view.Organization{
		Header: view.Header{
			Kind: view.KindOrganization, Organization: name, Name: name, ChangedAt: instant(o.GetChangedAt()), UnknownSince: s.unknownSince(o),
		},
		DisplayName: clip(d.GetDisplayName()), Ready: d.GetReady(), Message: clip(d.GetMessage()),
	}, true
}

func (s *State) environmentView(name string) (view.Environment, bool) {
	o := s.object(Ref{view.KindEnvironment, name})
	d := o.GetEnvironmentDetail()
	if d == nil {
		return view.Environment{}, false
	}
	return view.Environment{
		Header: view.Header{
			Kind: view.KindEnvironment, Organization: d.GetOrganization(), Environment: name, Name: name, ChangedAt: instant(o.GetChangedAt()),
			UnknownSince: s.unknownSince(o),
		},
		EnvType: d.GetEnvType(), Branch: d.GetBranch(), Ready: d.GetReady(), Message: clip(d.GetMessage()),
	}, true
}

// object is the first of those that claim a view.
func (s *State) object(r Ref) *spinev1.ObjectObserved {
	if list := s.objects[r]; len(list) > 0 {
		return list[0]
	}
	return nil
}

// unknownSince is since when the cluster of an object cannot be heard.
func (s *State) unknownSince(o *spinev1.ObjectObserved) time.Time {
	for _, q := range s.quiet {
		if q.GetSource() == sourceOf(o.GetObject().GetCluster()) {
			return instant(q.GetSince())
		}
	}
	return time.Time{}
}

// Environments says of each Environment that is known whether it is there.
func (s *State) Environments() map[string]bool {
	out := map[string]bool{}
	for _, f := range s.facts {
		if o, ok := f.data.(*spinev1.ObjectObserved); ok && o.GetObject().GetKind() == string(view.KindEnvironment) {
			out[o.GetObject().GetName()] = out[o.GetObject().GetName()] || !o.GetDeleted()
		}
	}
	return out
}
