package projection

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

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

func checked(n, second int, codes ...string) *spinev1.BranchChecked {
	c := &spinev1.BranchChecked{Organization: "acme", Environment: "acme-dev", Application: "shop", Branch: "develop", Sha: sha(n), ObservedAt: at(second)}
	for i, code := range codes {
		c.Problems = append(c.Problems, &spinev1.Problem{Code: code, File: "overlays/dev/values.yaml", Line: int32(i), Pointer: "/x", Message: "must be a number", Severity: "error"})
	}
	return c
}

func object(kind, name string, version int) *spinev1.ObjectObserved {
	return &spinev1.ObjectObserved{
		Object:          &spinev1.ObjectRef{Cluster: "local", Kind: kind, Namespace: "acme-dev", Name: name, Uid: "u"},
		ResourceVersion: strconv.Itoa(version), Generation: 1, ObservedAt: at(version), ChangedAt: at(version),
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

// allOf names every view that a State can have.
func allOf(s *State) []Ref {
	before := s.order
	s.order, s.touched = nil, map[Ref]struct{}{}
	s.TouchAll()
	all := s.order
	s.order, s.touched = nil, map[Ref]struct{}{}
	for _, r := range before {
		s.touch(r)
	}
	return all
}

// dump is every view of a State, as bytes.
func dump(t interface{ Fatal(...any) }, s *State) string {
	out := map[string]json.RawMessage{}
	for _, r := range allOf(s) {
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

// done is an Operation that succeeded; Git shows its commit later.
func done(action string, created int) *spinev1.OperationProgressed {
	o := progressed(9, action, "Succeeded", created, created+1)
	o.Commit = sha(created + 100)
	return o
}

func repoGone(second int) *spinev1.BranchObserved {
	b := branch(1, second, false)
	b.Head = nil
	return b
}

func claim(ready string) *spinev1.ObjectObserved {
	o := object("Bucket", "shop", 7)
	o.Detail = &spinev1.ObjectObserved_Resource{Resource: &spinev1.Resource{Ready: ready, Synced: "True", Message: "the region answers"}}
	return o
}

func pod(name string, version int, reason string) *spinev1.ObjectObserved {
	o := object("Pod", name, version)
	o.Detail = &spinev1.ObjectObserved_Pod{Pod: &spinev1.Pod{Phase: "Running", Ready: reason == "", Reason: reason, Workload: "Deployment/shop"}}
	return o
}

func warning(name string, version int) *spinev1.ObjectObserved {
	o := object("Event", name, version)
	o.Detail = &spinev1.ObjectObserved_Warning{Warning: &spinev1.Warning{
		Reason: "BackOff", Message: "restarting " + name, Count: int32(version), About: "Pod/" + name, LastSeen: at(version),
	}}
	return o
}

func quiet(source string, is bool, second int) *spinev1.SourceObserved {
	return &spinev1.SourceObserved{Source: source, Quiet: is, Since: at(second - 1), Message: "it does not answer", ObservedAt: at(second)}
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
		{"the Operation ended and the webhook has not come", []proto.Message{done("install", 2), branch(1, 2, false)}, view.PhaseInstalling},
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
		{"removed, and Git was last read before", []proto.Message{done("uninstall", 5), branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2)}, view.PhaseRemoving},
		{"removed, and somebody brought it back since", []proto.Message{done("uninstall", 5), branch(6, 2, true), root(3, 6), helm, deployment(6, 2, 2)}, view.PhaseRunning},
		{"the repo was deleted after the install", []proto.Message{done("install", 2), repoGone(9)}, ""},
		{"gone from both", []proto.Message{branch(1, 2, false)}, ""},
		{"gone from both but for what the cluster warned of", []proto.Message{branch(1, 2, false), warning("shop-1", 3)}, ""},
		{"a claim is not ready", []proto.Message{branch(1, 2, true), root(3, 1), helm, claim("False")}, view.PhaseInstalling},
		{"a claim is ready", []proto.Message{branch(1, 2, true), root(3, 1), helm, claim("True")}, view.PhaseRunning},
		{"its cluster is silent", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2), quiet("/observer/local", true, 9)}, view.PhaseUnknown},
		{"Git is silent", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2), quiet("/observer/forge", true, 9)}, view.PhaseUnknown},
		{"another cluster is silent", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2), quiet("/observer/other", true, 9)}, view.PhaseRunning},
		{"its cluster is heard again", []proto.Message{branch(1, 2, true), root(3, 1), helm, deployment(6, 2, 2), quiet("/observer/local", true, 9), quiet("/observer/local", false, 10)}, view.PhaseRunning},
	} {
		s := NewState("acme-dev")
		for _, f := range tc.facts {
			s.Put(proto.Clone(f), 0)
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

// What was found in a commit is shown for as long as that is the newest, whichever was heard first.
func TestProblemsOfTheHead(t *testing.T) {
	shown := func(s *State) string {
		t.Helper()
		b, err := s.View(Ref{view.KindApplication, "shop"})
		if err != nil {
			t.Fatal(err)
		}
		var a view.Application
		if b != nil {
			if err := json.Unmarshal(b, &a); err != nil {
				t.Fatal(err)
			}
		}
		out := ""
		for _, p := range a.Problems {
			if p.Commit != a.Desired.SHA || p.File == "" || p.Message == "" || p.Pointer == "" || p.Severity != "error" {
				t.Errorf("problem %+v", p)
			}
			out += p.Code + " "
		}
		return out
	}
	s := NewState("acme-dev")
	for _, step := range []struct {
		reason string
		data   proto.Message
		want   string
	}{
		{"a check alone shows nothing", checked(1, 1, "a"), ""},
		{"its commit is the head", branch(1, 2, true), "a "},
		{"it was checked again", checked(1, 3, "b", "c"), "b c "},
		{"an earlier result comes late", checked(1, 2, "a"), "b c "},
		{"a newer head was not checked yet", branch(2, 4, true), ""},
		{"nothing is wrong with it", checked(2, 5), ""},
		{"another head", branch(3, 6, true), ""},
		{"with a problem", checked(3, 7, "d"), "d "},
		{"it is removed from this Environment", branch(3, 8, false), ""},
	} {
		if err := Check("acme-dev", step.data); err != nil {
			t.Fatal(err)
		}
		s.Put(step.data, 1)
		if got := shown(s); got != step.want {
			t.Errorf("%s: %q, want %q", step.reason, got, step.want)
		}
	}
	if Check("acme-dev", &spinev1.BranchChecked{Environment: "acme-dev", Application: "shop"}) == nil || Check("acme-stg", checked(1, 1)) == nil {
		t.Error("a check of no commit, or of another Environment, was let pass")
	}
}
