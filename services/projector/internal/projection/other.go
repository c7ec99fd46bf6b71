package projection

import (
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// SovereignName is the name of the one Sovereign view.
const SovereignName = "sovereign"

func (s *State) operation(id string) (view.Operation, bool) {
	for _, f := range s.Facts() {
		o, ok := f.(*spinev1.OperationProgressed)
		if !ok || o.GetId() != id {
			continue
		}
		v := view.Operation{
			Header: view.Header{
				Kind: view.KindOperation, Organization: o.GetOrganization(), Environment: o.GetEnvironment(), Name: id,
				ObservedAt: latest(o.GetCreatedAt().AsTime(), o.GetEndedAt().AsTime()),
			},
			Action: o.GetAction(), Application: o.GetApplication(), Requester: o.GetRequester(),
			State: view.OperationState(o.GetState()), Message: o.GetMessage(), Steps: []view.Step{},
			Commit: o.GetCommit(), CreatedAt: o.GetCreatedAt().AsTime(),
		}
		if o.GetEndedAt() != nil {
			v.EndedAt = o.GetEndedAt().AsTime()
		}
		for _, st := range o.GetSteps() {
			v.Steps = append(v.Steps, view.Step{Name: st.GetName(), State: view.OperationState(st.GetState()), Message: st.GetMessage()})
		}
		return v, true
	}
	return view.Operation{}, false
}

func (s *State) object(kind, name string) *spinev1.ObjectObserved {
	for _, f := range s.Facts() {
		if o, ok := f.(*spinev1.ObjectObserved); ok && o.GetObject().GetKind() == kind && o.GetObject().GetName() == name && !o.GetDeleted() {
			return o
		}
	}
	return nil
}

func (s *State) organization(name string) (view.Organization, bool) {
	o := s.object(string(view.KindOrganization), name)
	d := o.GetOrganizationDetail()
	if d == nil {
		return view.Organization{}, false
	}
	return view.Organization{
		Header:      view.Header{Kind: view.KindOrganization, Organization: name, Name: name, ObservedAt: o.GetObservedAt().AsTime()},
		DisplayName: d.GetDisplayName(), Ready: d.GetReady(), Message: d.GetMessage(),
	}, true
}

func (s *State) environment(name string) (view.Environment, bool) {
	o := s.object(string(view.KindEnvironment), name)
	d := o.GetEnvironmentDetail()
	if d == nil {
		return view.Environment{}, false
	}
	return view.Environment{
		Header: view.Header{
			Kind: view.KindEnvironment, Organization: d.GetOrganization(), Environment: name, Name: name, ObservedAt: o.GetObservedAt().AsTime(),
		},
		EnvType: d.GetEnvType(), Branch: d.GetBranch(), Ready: d.GetReady(), Message: d.GetMessage(),
	}, true
}

func (s *State) sovereign() (view.Sovereign, bool) {
	clusters := map[string]*view.Cluster{}
	v := view.Sovereign{Header: view.Header{Kind: view.KindSovereign, Name: SovereignName}, Clusters: []view.Cluster{}}
	for _, f := range s.Facts() {
		o, ok := f.(*spinev1.ObjectObserved)
		if !ok || o.GetDeleted() || o.GetNode() == nil {
			continue
		}
		name := o.GetObject().GetCluster()
		c := clusters[name]
		if c == nil {
			c = &view.Cluster{Name: name}
			clusters[name] = c
		}
		c.Nodes++
		c.Version = max(c.Version, o.GetNode().GetKubeletVersion())
		if o.GetNode().GetSimulated() {
			c.SimulatedNodes++
		}
		v.ObservedAt = latest(v.ObservedAt, o.GetObservedAt().AsTime())
	}
	for _, c := range clusters {
		v.Clusters = append(v.Clusters, *c)
	}
	slices.SortFunc(v.Clusters, func(a, b view.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return v, len(clusters) > 0
}
