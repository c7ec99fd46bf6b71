package projection

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// SovereignName is the name of the one Sovereign view.
const SovereignName = "sovereign"

// keptAside is how many of the events that were set aside are remembered.
const keptAside = 200

func (s *State) sovereign() view.Sovereign {
	v := view.Sovereign{Header: view.Header{Kind: view.KindSovereign, Name: SovereignName}, Clusters: []view.Cluster{}, Sources: []view.Source{}}
	clusters := map[string]*view.Cluster{}
	of := func(name string) *view.Cluster {
		if clusters[name] == nil {
			clusters[name] = &view.Cluster{Name: name}
		}
		return clusters[name]
	}
	for _, o := range s.nodes {
		c := of(o.GetObject().GetCluster())
		c.Nodes++
		c.Version = max(c.Version, o.GetNode().GetKubeletVersion())
		if o.GetNode().GetSimulated() {
			c.SimulatedNodes++
		}
		v.ChangedAt = latest(v.ChangedAt, instant(o.GetChangedAt()))
	}
	for name, o := range s.clusters {
		c := of(name)
		c.Version = cmp.Or(o.GetVersion(), c.Version)
	}
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		v.Clusters = append(v.Clusters, *clusters[name])
	}
	for _, source := range slices.Sorted(maps.Keys(s.heartbeats)) {
		v.Sources = append(v.Sources, s.sourceView(s.heartbeats[source]))
	}
	for _, q := range s.quiet {
		v.ChangedAt = latest(v.ChangedAt, instant(q.GetSince()))
	}
	return v
}

func (s *State) sourceView(h *spinev1.Heartbeat) view.Source {
	v := view.Source{
		Name: strings.TrimPrefix(h.GetSource(), "/observer/"), Reachable: h.GetReachable(), Message: clip(h.GetMessage()), HeardAt: instant(h.GetObservedAt()),
	}
	for _, q := range s.quiet {
		// A source that was heard after it fell quiet is there again.
		if q.GetSource() == h.GetSource() && (!h.GetReachable() || compareTime(q.GetObservedAt(), h.GetObservedAt()) >= 0) {
			v.Reachable, v.HeardAt = false, instant(q.GetSince())
			v.Message = cmp.Or(clip(q.GetMessage()), v.Message)
		}
	}
	return v
}

// Quiet returns whether a source is known to be quiet, and the last word of that.
func (s *State) Quiet(source string) (*spinev1.SourceObserved, bool) {
	for _, q := range s.quiet {
		if q.GetSource() == source {
			return q, true
		}
	}
	return nil, false
}

// Heartbeats returns the last heartbeat of each source.
func (s *State) Heartbeats() map[string]*spinev1.Heartbeat { return s.heartbeats }

// asideName is the same for the same event however often it is set aside.
func asideName(a *spinev1.EventSetAside) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", a.GetOrganization(), a.GetSequence(), a.GetSubject()))
	return hex.EncodeToString(sum[:16])
}

func newerAside(a, b *spinev1.EventSetAside) int {
	return cmp.Or(-compareTime(a.GetObservedAt(), b.GetObservedAt()), strings.Compare(Key(a), Key(b)))
}

func setAside(a *spinev1.EventSetAside) view.SetAside {
	return view.SetAside{
		Header: view.Header{
			Kind: view.KindSetAside, Organization: a.GetOrganization(), Name: asideName(a), ChangedAt: instant(a.GetObservedAt()),
		},
		Subject: clip(a.GetSubject()), Sequence: a.GetSequence(), SizeBytes: a.GetSizeBytes(), Reason: clip(a.GetReason()),
	}
}
