// Package projection is the pure heart of the read side: facts in, views out. The facts of an Environment are the
// newest observation of each object, branch, Operation and source; a view is a function of the facts alone. So the order
// in which events arrive, their repetition and their delay make no difference to what people read.
package projection

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// longestName is how many characters a name may have that becomes a key.
const longestName = 253

// Check says why no view can be made of an event's data in an Environment, or in the Sovereign itself when it is empty.
// Nil means that State.Put takes it.
func Check(environment string, data proto.Message) error {
	switch d := data.(type) {
	case *spinev1.ObjectObserved:
		if d.GetObject().GetKind() == "" || d.GetObject().GetName() == "" {
			return errors.New("it names no object")
		}
		o := d.GetObject()
		return check(environment, d.GetEnvironment(), o.GetCluster(), o.GetKind(), o.GetNamespace(), o.GetName(), d.GetApplication())
	case *spinev1.BranchObserved:
		if d.GetApplication() == "" || environment == "" {
			return errors.New("it names no Application of an Environment")
		}
		return check(environment, d.GetEnvironment(), d.GetApplication())
	case *spinev1.BranchChecked:
		if d.GetApplication() == "" || d.GetSha() == "" || environment == "" {
			return errors.New("it names no commit of an Application of an Environment")
		}
		return check(environment, d.GetEnvironment(), d.GetApplication())
	case *spinev1.OperationProgressed:
		if d.GetId() == "" || environment == "" {
			return errors.New("it names no Operation of an Environment")
		}
		return check(environment, d.GetEnvironment(), d.GetId(), d.GetApplication())
	case *spinev1.SourceObserved:
		return check(environment, environment, d.GetSource())
	case *spinev1.ClusterObserved:
		return check(environment, "", d.GetCluster())
	case *spinev1.Heartbeat:
		return check(environment, "", d.GetSource())
	case *spinev1.EventSetAside:
		return check(environment, "", d.GetOrganization())
	}
	return fmt.Errorf("no view is made of a %s", data.ProtoReflect().Descriptor().FullName())
}

func check(environment, own string, names ...string) error {
	if own != environment {
		return fmt.Errorf("it says that it belongs to the Environment %.253q, and it came as one of %.253q", own, environment)
	}
	for _, n := range names {
		if utf8.RuneCountInString(n) > longestName {
			return fmt.Errorf("a name in it has more than %d characters", longestName)
		}
	}
	return nil
}

// Key names the thing that a fact is about; two facts of one key are two observations of one thing. It begins with a
// word for the type of the fact.
func Key(data proto.Message) string {
	switch d := data.(type) {
	case *spinev1.ObjectObserved:
		o := d.GetObject()
		group, _, grouped := strings.Cut(o.GetApiVersion(), "/")
		if !grouped {
			group = ""
		}
		return "object\x00" + o.GetCluster() + "\x00" + o.GetKind() + "\x00" + group + "\x00" + o.GetNamespace() + "\x00" + o.GetName()
	case *spinev1.BranchObserved:
		return "branch\x00" + d.GetApplication()
	case *spinev1.BranchChecked:
		return "check\x00" + d.GetApplication()
	case *spinev1.OperationProgressed:
		return "operation\x00" + d.GetId()
	case *spinev1.SourceObserved:
		return "source\x00" + d.GetSource()
	case *spinev1.ClusterObserved:
		return "cluster\x00" + d.GetCluster()
	case *spinev1.Heartbeat:
		return "heartbeat\x00" + d.GetSource()
	case *spinev1.EventSetAside:
		return "aside\x00" + d.GetOrganization() + "\x00" + strconv.FormatUint(d.GetSequence(), 10) + "\x00" + d.GetSubject()
	}
	return ""
}

// Merge returns the fact that holds after both observations of one thing, whichever came first. It is commutative,
// associative and idempotent.
func Merge(a, b proto.Message) proto.Message {
	if a == nil {
		return settled(b)
	}
	b = settled(b)
	if compare(b, a) > 0 {
		return b
	}
	return a
}

// settled is an observation as it is kept: of what is gone, no more than that it is.
func settled(m proto.Message) proto.Message {
	o, ok := m.(*spinev1.ObjectObserved)
	if !ok || !o.GetDeleted() {
		return m
	}
	ref := o.GetObject()
	return &spinev1.ObjectObserved{
		Object: &spinev1.ObjectRef{
			Cluster: ref.GetCluster(), ApiVersion: ref.GetApiVersion(), Kind: ref.GetKind(), Namespace: ref.GetNamespace(), Name: ref.GetName(),
		},
		ResourceVersion: o.GetResourceVersion(), Deleted: true, Environment: o.GetEnvironment(),
	}
}

// lasting tells whether the sources can tell a fact again. The others (the end of an object, an Operation, what was set
// aside) are known from the log alone, and kept for as long as it holds them.
func lasting(m proto.Message) bool {
	switch d := m.(type) {
	case *spinev1.ObjectObserved:
		return !d.GetDeleted()
	case *spinev1.OperationProgressed, *spinev1.EventSetAside:
		return false
	}
	return true
}

// compare orders two observations of one thing: positive when a is the newer one.
func compare(a, b proto.Message) int {
	switch x := a.(type) {
	case *spinev1.ObjectObserved:
		y := b.(*spinev1.ObjectObserved)
		// A resourceVersion orders all writes of one cluster, also across a deletion and a new object of the same name.
		if c := cmp.Compare(version(x), version(y)); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(rank(x.GetDeleted()), rank(y.GetDeleted())), compareTime(x.GetObservedAt(), y.GetObservedAt()), tieBreak(x, y))
	case *spinev1.OperationProgressed:
		y := b.(*spinev1.OperationProgressed)
		return cmp.Or(cmp.Compare(x.GetSequence(), y.GetSequence()), tieBreak(x, y))
	case observed:
		return cmp.Or(compareTime(x.GetObservedAt(), b.(observed).GetObservedAt()), tieBreak(x, b))
	}
	return 0
}

// observed is what only the time of its observation orders.
type observed interface {
	proto.Message
	GetObservedAt() *timestamppb.Timestamp
}

// sameLook tells whether two observations say the same, so that no view differs by them.
func sameLook(a, b proto.Message) bool {
	x, ok := a.(*spinev1.ObjectObserved)
	if !ok {
		return proto.Equal(a, b)
	}
	y := b.(*spinev1.ObjectObserved)
	if x.GetResourceVersion() != y.GetResourceVersion() || x.GetDeleted() != y.GetDeleted() {
		return false
	}
	at := y.ObservedAt
	y.ObservedAt = x.ObservedAt
	same := proto.Equal(x, y)
	y.ObservedAt = at
	return same
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

func compareTime(a, b *timestamppb.Timestamp) int {
	return cmp.Or(cmp.Compare(a.GetSeconds(), b.GetSeconds()), cmp.Compare(a.GetNanos(), b.GetNanos()))
}

// tieBreak makes the order total, so that two observations that nothing tells apart still merge alike in any order.
func tieBreak(a, b proto.Message) int {
	if a == b {
		return 0
	}
	deterministic := proto.MarshalOptions{Deterministic: true}
	x, errX := deterministic.Marshal(a)
	y, errY := deterministic.Marshal(b)
	if errX != nil || errY != nil {
		return 0
	}
	return bytes.Compare(x, y)
}

// instant is a time as views show it; what is not known, or is no time that JSON can tell, is the zero time.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	at := t.AsTime()
	if y := at.Year(); y < 1 || y > 9999 || at.Unix() <= 0 {
		return time.Time{}
	}
	return at
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}
