package projection

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// Stored is a fact as it is kept between two lives of a process. The value of one that holds no more is nil.
type Stored struct {
	Key   string
	Value []byte
}

// StoreKey is a key of fixed length that stands for a fact's own, however long the names in that are.
func StoreKey(key string) string {
	kind, _, _ := strings.Cut(key, "\x00")
	sum := sha256.Sum256([]byte(key))
	return kind + "/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// The types of facts, by the first byte of what is stored.
const (
	storedObject byte = iota + 1
	storedBranch
	storedOperation
	storedSource
	storedCluster
	storedHeartbeat
	storedAside
	storedCheck
)

func typeOf(m proto.Message) byte {
	switch m.(type) {
	case *spinev1.ObjectObserved:
		return storedObject
	case *spinev1.BranchObserved:
		return storedBranch
	case *spinev1.OperationProgressed:
		return storedOperation
	case *spinev1.SourceObserved:
		return storedSource
	case *spinev1.ClusterObserved:
		return storedCluster
	case *spinev1.Heartbeat:
		return storedHeartbeat
	case *spinev1.EventSetAside:
		return storedAside
	case *spinev1.BranchChecked:
		return storedCheck
	}
	return 0
}

func newOf(t byte) proto.Message {
	switch t {
	case storedObject:
		return &spinev1.ObjectObserved{}
	case storedBranch:
		return &spinev1.BranchObserved{}
	case storedOperation:
		return &spinev1.OperationProgressed{}
	case storedSource:
		return &spinev1.SourceObserved{}
	case storedCluster:
		return &spinev1.ClusterObserved{}
	case storedHeartbeat:
		return &spinev1.Heartbeat{}
	case storedAside:
		return &spinev1.EventSetAside{}
	case storedCheck:
		return &spinev1.BranchChecked{}
	}
	return nil
}

func encode(f *fact) ([]byte, error) {
	out := make([]byte, 0, 1+binary.MaxVarintLen64+proto.Size(f.data))
	out = binary.AppendUvarint(append(out, typeOf(f.data)), f.sequence)
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(out, f.data)
}

// Load takes in a fact that was stored.
func (s *State) Load(value []byte) error {
	if len(value) < 2 {
		return fmt.Errorf("a stored fact of %d bytes is none", len(value))
	}
	m := newOf(value[0])
	sequence, n := binary.Uvarint(value[1:])
	if m == nil || n <= 0 {
		return fmt.Errorf("a stored fact begins with %x, which is no type of fact", value[0])
	}
	if err := proto.Unmarshal(value[1+n:], m); err != nil {
		return fmt.Errorf("a stored fact: %w", err)
	}
	if err := Check(s.Environment, m); err != nil {
		return fmt.Errorf("a stored fact: %w", err)
	}
	s.Put(m, sequence)
	delete(s.changed, Key(m))
	return nil
}

// Changes returns the facts that changed since it was last called, as they are to be stored.
func (s *State) Changes() ([]Stored, error) {
	out := make([]Stored, 0, len(s.changed))
	for key := range s.changed {
		f := s.facts[key]
		if f == nil {
			out = append(out, Stored{Key: StoreKey(key)})
			continue
		}
		value, err := encode(f)
		if err != nil {
			return nil, fmt.Errorf("fact %q: %w", key, err)
		}
		out = append(out, Stored{Key: StoreKey(key), Value: value})
	}
	clear(s.changed)
	return out, nil
}

// Changed tells whether Changes would return any.
func (s *State) Changed() bool { return len(s.changed) > 0 }

// ChangeAll makes Changes return every fact the next time.
func (s *State) ChangeAll() {
	for key := range s.facts {
		s.changed[key] = struct{}{}
	}
}
