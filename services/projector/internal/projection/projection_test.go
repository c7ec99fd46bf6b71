package projection

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(second int) *timestamppb.Timestamp {
	return timestamppb.New(epoch.Add(time.Duration(second) * time.Second))
}

func sha(n int) string { return fmt.Sprintf("%040x", n+1) }

func branch(n, second int, present bool) *spinev1.BranchObserved {
	return &spinev1.BranchObserved{
		Organization: "acme", Environment: "acme-dev", Application: "shop", Branch: "develop", Present: present, ObservedAt: at(second),
		Head:      &spinev1.Commit{Sha: sha(n), AuthorName: "Noor", AuthorEmail: "noor@acme.example", Message: fmt.Sprint("change ", n), CommittedAt: at(n)},
		Blueprint: "bp-podinfo", BlueprintVersion: "1.0.0",
	}
}

func object(kind, name string, version int) *spinev1.ObjectObserved {
	return &spinev1.ObjectObserved{
		Object:          &spinev1.ObjectRef{Cluster: "local", Kind: kind, Namespace: "acme-dev", Name: name, Uid: "u"},
		ResourceVersion: strconv.Itoa(version), Generation: 1, ObservedAt: at(version),
		Organization: "acme", Environment: "acme-dev", Application: "shop", Health: &spinev1.Health{Status: current, Since: at(version)},
	}
}

func flux(kind, name string, version int, ready, revision string) *spinev1.ObjectObserved {
	o := object(kind, name, version)
	o.Detail = &spinev1.ObjectObserved_Flux{Flux: &spinev1.FluxObject{Ready: ready, Revision: revision, Workloads: nil}}
	if ready != "True" {
		o.Health.Status = inProgress
	}
	return o
}

func deployment(version int, ready, desired int32) *spinev1.ObjectObserved {
	o := object("Deployment", "shop", version)
	o.Detail = &spinev1.ObjectObserved_Workload{Workload: &spinev1.Workload{Desired: desired, Ready: ready, Updated: desired}}
	if ready < desired {
		o.Health.Status = inProgress
	}
	return o
}

func progressed(sequence int64, action, state string, created, ended int) *spinev1.OperationProgressed {
	o := &spinev1.OperationProgressed{
		Id: "op-" + action, Organization: "acme", Environment: "acme-dev", Application: "shop", Action: action, State: state, Sequence: sequence, CreatedAt: at(created),
	}
	if ended > 0 {
		o.EndedAt = at(ended)
	}
	return o
}

// dump is every view of a State, as bytes.
func dump(t interface{ Fatal(...any) }, s *State) string {
	out := map[string]json.RawMessage{}
	for _, r := range s.Refs() {
		b, err := s.View(r)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			out[string(r.Kind)+"/"+r.Name] = b
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A life of one Application: in any order, with any repetition, it ends in the same bytes.
func TestOrderAndRepetitionMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []proto.Message
		for i := range rapid.IntRange(1, 25).Draw(t, "events") {
			v := rapid.IntRange(1, 12).Draw(t, "version")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				events = append(events, branch(v, i+1, rapid.Bool().Draw(t, "present")))
			case 1:
				events = append(events, flux("Kustomization", "shop", v, rapid.SampledFrom([]string{"True", "False", "Unknown"}).Draw(t, "ready"), "develop@sha1:"+sha(v)))
			case 2:
				events = append(events, flux("HelmRelease", "shop", v, "True", "1.0.0"))
			case 3:
				events = append(events, deployment(v, int32(rapid.IntRange(0, 2).Draw(t, "pods")), 2))
			case 4:
				o := deployment(v, 0, 2)
				o.Deleted = true
				events = append(events, o)
			default:
				events = append(events, progressed(int64(v), rapid.SampledFrom([]string{"install", "uninstall"}).Draw(t, "action"), "Running", 1, 0))
			}
		}
		straight, mixed := NewState("acme-dev"), NewState("acme-dev")
		for _, e := range events {
			straight.Put(e)
		}
		again := append(append([]proto.Message{}, events...), events...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for _, e := range again {
			mixed.Put(proto.Clone(e))
		}
		if a, b := dump(t, straight), dump(t, mixed); a != b {
			t.Fatalf("in order:\n%s\nshuffled and repeated:\n%s", a, b)
		}
		// What was stored and read back is the same State.
		restored := NewState("acme-dev")
		for _, f := range mixed.Facts() {
			restored.Put(f)
		}
		if a, b := dump(t, mixed), dump(t, restored); a != b {
			t.Fatalf("live:\n%s\nrestored:\n%s", a, b)
		}
	})
}

func TestPhases(t *testing.T) {
	root := func(version, commit int) *spinev1.ObjectObserved {
		return flux("Kustomization", "shop", version, "True", "develop@sha1:"+sha(commit))
	}
	helm := flux("HelmRelease", "shop", 5, "True", "1.0.0")
	failedHelm := flux("HelmRelease", "shop", 6, "False", "")
	failedHelm.GetFlux().Reason, failedHelm.GetFlux().Message = "InstallFailed", "no such image"
	suspended := flux("Kustomization", "shop", 7, "True", "develop@sha1:"+sha(1))
	suspended.GetFlux().Suspended = true
	later := deployment(9, 1, 2)
	later.GetWorkload().RolledOut = true
	updated := deployment(9, 1, 2)
	updated.Generation = 2
	unseen := flux("HelmRelease", "shop", 8, "True", "1.0.0")
	unseen.GetFlux().Workloads = []string{"Deployment/shop"}
	for _, tc := range []struct {
		reason string
		facts  []proto.Message
		want   view.Phase
	}{
		{"an install was accepted and Git does not show it yet", []proto.Message{progressed(1, "install", "Running", 1, 0)}, view.PhaseInstalling},
		{"the Operation ended and the webhook has not come", []proto.Message{progressed(2, "install", "Succeeded", 1, 3), branch(1, 2, false)}, view.PhaseInstalling},
		{"it failed before anything was there", []proto.Message{progressed(2, "install", "Failed", 1, 3)}, ""},
		{"in Git, Flux has not seen it", []proto.Message{branch(1, 2, true)}, view.PhaseInstalling},
		{"applied, nothing else is there", []proto.Message{branch(1, 2, true), root(3, 1)}, view.PhaseInstalling},
		{"the release is there, its Deployment was not seen", []proto.Message{branch(1, 2, true), root(3, 1), unseen}, view.PhaseInstalling},
		{"pods are coming for the first time", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 0, 2)}, view.PhaseInstalling},
		{"all is there", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2)}, view.PhaseRunning},
		{"a newer commit is not applied", []proto.Message{branch(2, 4, true), root(3, 1), helm, deployment(6, 2, 2)}, view.PhaseUpdating},
		{"a newer revision is rolling out", []proto.Message{branch(1, 2, true), root(3, 1), helm, updated}, view.PhaseUpdating},
		{"a pod was lost after the rollout", []proto.Message{branch(1, 2, true), root(3, 1), helm, later}, view.PhaseDegraded},
		{"the release failed", []proto.Message{branch(1, 2, true), root(3, 1), failedHelm}, view.PhaseFailed},
		{"somebody suspended it", []proto.Message{branch(1, 2, true), suspended, helm, deployment(6, 2, 2)}, view.PhasePaused},
		{"gone from Git, still in the cluster", []proto.Message{branch(1, 2, false), root(3, 1), deployment(6, 2, 2)}, view.PhaseRemoving},
		{"removed, and Git was last read before", []proto.Message{progressed(3, "uninstall", "Succeeded", 5, 6), branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2)}, view.PhaseRemoving},
		{"gone from both", []proto.Message{branch(1, 2, false)}, ""},
	} {
		s := NewState("acme-dev")
		for _, f := range tc.facts {
			s.Put(f)
		}
		b, err := s.View(Ref{view.KindApplication, "shop"})
		if err != nil {
			t.Fatal(err)
		}
		var got view.Application
		if b != nil {
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if got.Message == "" {
				t.Errorf("%s: the phase has no reason", tc.reason)
			}
		}
		if got.Phase != tc.want {
			t.Errorf("%s: phase %q (%s), want %q", tc.reason, got.Phase, got.Message, tc.want)
		}
	}
}
