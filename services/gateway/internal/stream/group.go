package stream

import (
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

const (
	// shardSize is how many clients are written to one after the other.
	shardSize = 256
	// snapshotLife is how long a snapshot is handed out again, with what has changed since.
	snapshotLife = time.Second
)

// group is the clients that may see the same and want the same.
type group struct {
	key    string
	may    readmodel.Filter // what a client may see, by Organization and Environment
	want   readmodel.Filter // what it wants of that; nil for all of it
	prefix string           // of every event id
	shards []*shard
	size   int // clients; guarded by the hub, as are the shards

	mu    sync.Mutex
	made  *batch           // of the newest round
	told  readmodel.Cursor // the end of the newest batch in which there was something
	views []*readmodel.View
	at    readmodel.Cursor
	taken time.Time
}

// newGroup makes a group. The fingerprint of what its clients asked for and may see is a part of every event id: an id
// that was given out for another view of the world cannot be continued in this one, so a client whose rights grew
// learns what it can see now.
func newGroup(key, epoch string, may, want readmodel.Filter) *group {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return &group{key: key, may: may, want: want, prefix: epoch + "." + strconv.FormatUint(h.Sum64(), 36) + "-"}
}

func (g *group) pass(h view.Header) bool { return g.may(h) && (g.want == nil || g.want(h)) }

// appendID appends a place in the order of changes, as this group sees it: <epoch>.<fingerprint>-<seq>.
func (g *group) appendID(b []byte, at readmodel.Cursor) []byte {
	return strconv.AppendUint(append(b, g.prefix...), at.Seq(), 10)
}

// snapshot returns what the group may see, as it is or was a moment ago: many clients that come at once share one.
func (g *group) snapshot(store *readmodel.Store, fresh bool) ([]*readmodel.View, readmodel.Cursor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if fresh || g.views == nil || time.Since(g.taken) > snapshotLife {
		g.views, g.at = store.SnapshotOf(g.may, g.want)
		g.taken = time.Now()
	}
	return g.views, g.at
}

// forget lets go of a snapshot that nobody asked for lately.
func (g *group) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.taken) > snapshotLife {
		g.views = nil
	}
}

// round is what has changed between two ticks, for everybody.
type round struct {
	from, to readmodel.Cursor
	changes  []readmodel.Change
	beat     bool // it ends with a heartbeat
	gap      bool // more has changed than is kept
}

// batch is a round as one group sees it, encoded once. Nobody changes it.
type batch struct {
	*round
	// since is where the batch before it ended: who has been told less has missed something.
	since   readmodel.Cursor
	changes []readmodel.Change
	text    []byte
	marks   []mark
	beatAt  int // where the heartbeat begins in text
}

// mark is where a change begins in the text of a batch.
type mark struct {
	seq uint64
	at  int
}

func (g *group) batch(r *round) *batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made != nil && g.made.round == r {
		return g.made
	}
	b := &batch{round: r, since: g.told}
	size := 0
	for _, ch := range r.changes {
		if g.pass(ch.Header) {
			b.changes = append(b.changes, ch)
			size += len(ch.Frame()) + 64
		}
	}
	if r.beat {
		size += 64
	}
	b.text, b.marks = make([]byte, 0, size), make([]mark, 0, len(b.changes))
	for _, ch := range b.changes {
		b.marks = append(b.marks, mark{ch.At.Seq(), len(b.text)})
		b.text = g.appendChange(b.text, ch, true)
	}
	if b.beatAt = len(b.text); r.beat {
		b.text = g.appendBeat(b.text, r.to)
	}
	if len(b.text) > 0 || r.gap {
		g.told = r.to
	}
	g.made = b
	return b
}

// after returns the part of the text that a client needs which has had everything up to seq.
func (b *batch) after(seq uint64) []byte {
	switch {
	case seq <= b.from.Seq():
		return b.text
	case seq > b.to.Seq():
		return nil
	}
	for _, m := range b.marks {
		if m.seq > seq {
			return b.text[m.at:]
		}
	}
	return b.text[b.beatAt:]
}

func (g *group) appendChange(b []byte, ch readmodel.Change, id bool) []byte {
	if id {
		b = append(g.appendID(append(b, "id: "...), ch.At), '\n')
	}
	if ch.Object == nil {
		return appendEvent(b, "delete", ch.Frame())
	}
	return appendEvent(b, "put", ch.Frame())
}

// appendBeat appends a heartbeat. Its id moves a client on past changes that it may not see, so that a quiet stream can
// be resumed as well.
func (g *group) appendBeat(b []byte, at readmodel.Cursor) []byte {
	return append(g.appendID(append(b, ": heartbeat\nid: "...), at), "\n\n"...)
}

func appendEvent(b []byte, name string, data []byte) []byte {
	b = append(append(b, "event: "...), name...)
	b = append(append(b, "\ndata: "...), data...)
	return append(b, "\n\n"...)
}
