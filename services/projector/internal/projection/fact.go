// Package projection is the pure heart of the read side: facts in, views out. The facts of an Environment are the
// newest observation of each object, branch and Operation; a view is a function of the facts alone. So the order in
// which events arrive, their repetition and their delay make no difference to what people read.
package projection

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// keptChanges is how many commits a card remembers.
const keptChanges = 10

// Scope is the Environment that an event's data belongs to; ok is false for data that no view is made of. An empty
// scope is the Sovereign itself.
func Scope(data proto.Message) (environment string, ok bool) {
	switch d := data.(type) {
	case *spinev1.ObjectObserved:
		return d.GetEnvironment(), d.GetObject() != nil
	case *spinev1.BranchObserved:
		return d.GetEnvironment(), d.GetEnvironment() != ""
	case *spinev1.OperationProgressed:
		return d.GetEnvironment(), d.GetEnvironment() != ""
	}
	return "", false
}

// Key names the thing that a fact is about; two facts of one key are two observations of one thing.
func Key(data proto.Message) string {
	switch d := data.(type) {
	case *spinev1.ObjectObserved:
		o := d.GetObject()
		return strings.Join([]string{"object", o.GetCluster(), o.GetKind(), o.GetNamespace(), o.GetName()}, "\x00")
	case *spinev1.BranchObserved:
		return "branch\x00" + d.GetApplication()
	case *spinev1.OperationProgressed:
		return "operation\x00" + d.GetId()
	}
	return ""
}

// Merge returns the fact that holds after both observations of one thing, whichever came first. It is commutative,
// associative and idempotent.
func Merge(a, b proto.Message) proto.Message {
	if a == nil {
		return settled(b)
	}
	if b == nil {
		return settled(a)
	}
	newer := a
	if compare(b, a) > 0 {
		newer = b
	}
	if branch, ok := newer.(*spinev1.BranchObserved); ok {
		return withRecent(branch, a.(*spinev1.BranchObserved), b.(*spinev1.BranchObserved))
	}
	return newer
}

func settled(m proto.Message) proto.Message {
	if branch, ok := m.(*spinev1.BranchObserved); ok {
		return withRecent(branch, branch)
	}
	return m
}

// compare orders two observations of one thing: positive when a is the newer one.
func compare(a, b proto.Message) int {
	switch x := a.(type) {
	case *spinev1.ObjectObserved:
		y := b.(*spinev1.ObjectObserved)
		// A resourceVersion orders all writes of one cluster, also across a deletion and a new object of the same name.
		return cmp.Or(
			cmp.Compare(version(x), version(y)),
			cmp.Compare(rank(x.GetDeleted()), rank(y.GetDeleted())),
			compareTime(x.GetObservedAt(), y.GetObservedAt()),
			tieBreak(x, y),
		)
	case *spinev1.BranchObserved:
		y := b.(*spinev1.BranchObserved)
		return cmp.Or(compareTime(x.GetObservedAt(), y.GetObservedAt()), tieBreak(x, y))
	case *spinev1.OperationProgressed:
		y := b.(*spinev1.OperationProgressed)
		return cmp.Or(cmp.Compare(x.GetSequence(), y.GetSequence()), tieBreak(x, y))
	}
	return 0
}

func version(o *spinev1.ObjectObserved) uint64 {
	v, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareTime(a, b *timestamppb.Timestamp) int { return a.AsTime().Compare(b.AsTime()) }

// tieBreak makes the order total, so that two observations that nothing tells apart still merge alike in any order.
func tieBreak(a, b proto.Message) int {
	deterministic := proto.MarshalOptions{Deterministic: true}
	x, errX := deterministic.Marshal(a)
	y, errY := deterministic.Marshal(b)
	if errX != nil || errY != nil {
		return 0
	}
	return slices.Compare(x, y)
}

// withRecent returns base with the union of the heads that the given observations know, newest first.
func withRecent(base *spinev1.BranchObserved, all ...*spinev1.BranchObserved) *spinev1.BranchObserved {
	byHash := map[string]*spinev1.Commit{}
	for _, b := range all {
		for _, c := range append([]*spinev1.Commit{b.GetHead()}, b.GetRecent()...) {
			if c.GetSha() != "" {
				byHash[c.GetSha()] = c
			}
		}
	}
	recent := make([]*spinev1.Commit, 0, len(byHash))
	for _, c := range byHash {
		recent = append(recent, c)
	}
	slices.SortFunc(recent, func(a, b *spinev1.Commit) int {
		// The head comes first even when its clock is behind.
		return cmp.Or(
			-cmp.Compare(rank(a.GetSha() == base.GetHead().GetSha()), rank(b.GetSha() == base.GetHead().GetSha())),
			-compareTime(a.GetCommittedAt(), b.GetCommittedAt()),
			cmp.Compare(a.GetSha(), b.GetSha()),
		)
	})
	out := proto.Clone(base).(*spinev1.BranchObserved)
	out.Recent = recent[:min(len(recent), keptChanges)]
	return out
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out.UTC()
}
