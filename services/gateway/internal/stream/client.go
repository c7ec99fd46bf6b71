package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// client is one stream.
type client struct {
	hub   *Hub
	group *group
	shard *shard
	login *login
	at    readmodel.Cursor // everything up to it has been sent, or is on its way in rest
	index int              // in the shard, if it is there; guarded by it
	live  bool

	ended atomic.Bool
	// One of them is set: conn of a client that the shards write to, the others of one that has a goroutine.
	conn *direct
	box  chan *batch
	stop context.CancelCauseFunc
}

var (
	errExpired = errors.New("the sign-in has expired")
	errRights  = errors.New("what the person may see has changed")
	errForeign = errors.New("this id was given out for other rights or another filter")
)

// Receiver takes in what the stream tells, event by event.
type Receiver interface {
	// Put and Delete tell of a view. In a snapshot at is the zero value.
	Put(v *readmodel.View, at readmodel.Cursor) error
	Delete(v *readmodel.View, at readmodel.Cursor) error
	// Synced says that all up to a place has been told, Resync that everything is told anew.
	Synced(at readmodel.Cursor) error
	Resync(reason string) error
	// Flush is called when nothing follows at once.
	Flush() error
}

// buffers are lent to those who write.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, chunk+chunk/4); return &b }}

// text is a Receiver that writes events. It holds a buffer only between its first event and Flush.
type text struct {
	client *client
	to     wire
	lent   *[]byte
}

func newText(c *client, to wire) *text { return &text{client: c, to: to} }

func (t *text) add(add func(b []byte) []byte) error {
	if t.lent == nil {
		t.lent = buffers.Get().(*[]byte) //nolint:forcetypeassert // see New
	}
	if *t.lent = add(*t.lent); len(*t.lent) < chunk {
		return nil
	}
	return t.Flush()
}

func (t *text) change(v *readmodel.View, at readmodel.Cursor) error {
	return t.add(func(b []byte) []byte {
		return t.client.group.appendChange(b, readmodel.Change{View: v, At: at}, at != readmodel.Cursor{})
	})
}

func (t *text) Put(v *readmodel.View, at readmodel.Cursor) error    { return t.change(v, at) }
func (t *text) Delete(v *readmodel.View, at readmodel.Cursor) error { return t.change(v, at) }

func (t *text) Synced(at readmodel.Cursor) error {
	return t.add(func(b []byte) []byte {
		b = append(t.client.group.appendID(append(b, "id: "...), at), '\n')
		return appendEvent(b, "synced", []byte("{}"))
	})
}

func (t *text) Resync(reason string) error {
	data, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return err
	}
	return t.add(func(b []byte) []byte { return appendEvent(b, "resync", data) })
}

// Flush writes what has gathered. A client that does not take it in time is cut off.
func (t *text) Flush() error {
	if t.lent == nil {
		return nil
	}
	err := t.send(*t.lent)
	if cap(*t.lent) <= 4*chunk { // one long view must not stay in memory
		*t.lent = (*t.lent)[:0]
		buffers.Put(t.lent)
	}
	t.lent = nil
	return err
}

func (t *text) send(b []byte) error {
	if t.client.ended.Load() {
		return errCut
	}
	return t.to.write(b)
}

// parse reads an event id of this group.
func (c *client) parse(id string) (readmodel.Cursor, error) {
	seq, ok := strings.CutPrefix(id, c.group.prefix)
	if !ok {
		return readmodel.Cursor{}, errForeign
	}
	epoch, _, _ := strings.Cut(c.group.prefix, ".")
	return readmodel.ParseCursor(epoch + "-" + seq)
}

// begin resumes after the last event that the client has, or sends a snapshot.
func (c *client) begin(to Receiver, last string) error {
	if last == "" {
		return c.snapshot(to, "")
	}
	at, err := c.parse(last)
	if err != nil {
		return c.snapshot(to, err.Error())
	}
	c.at = at
	if err := c.changes(to, true); errors.Is(err, readmodel.ErrGap) {
		return c.snapshot(to, err.Error())
	} else if err != nil {
		return err
	}
	if err := to.Synced(c.at); err != nil {
		return err
	}
	return to.Flush()
}

// snapshot sends everything, and what has changed since that was taken.
func (c *client) snapshot(to Receiver, resync string) error {
	for fresh := false; ; fresh = true {
		views, at := c.group.snapshot(c.hub.store, fresh)
		if resync != "" {
			if err := to.Resync(resync); err != nil {
				return err
			}
		}
		for _, v := range views {
			if err := to.Put(v, readmodel.Cursor{}); err != nil {
				return err
			}
		}
		c.at = at
		err := c.changes(to, false)
		if errors.Is(err, readmodel.ErrGap) {
			resync = err.Error() // it took so long that the snapshot cannot be continued
			continue
		}
		if err != nil {
			return err
		}
		if err := to.Synced(c.at); err != nil {
			return err
		}
		return to.Flush()
	}
}

// changes sends what has changed since the client was last told.
func (c *client) changes(to Receiver, ids bool) error {
	changes, end, err := c.hub.store.After(c.at, c.group.pass)
	if err != nil {
		return err
	}
	if err := tell(to, changes, c.at.Seq(), ids); err != nil {
		return err
	}
	c.at = end
	return nil
}

func tell(to Receiver, changes []readmodel.Change, after uint64, ids bool) error {
	for _, ch := range changes {
		if ch.At.Seq() <= after {
			continue
		}
		var at readmodel.Cursor
		if ids {
			at = ch.At
		}
		f := to.Put
		if ch.Object == nil {
			f = to.Delete
		}
		if err := f(ch.View, at); err != nil {
			return err
		}
	}
	return nil
}

// catchUp sends what has changed until the client stands where its shard stands, and puts it there.
func (c *client) catchUp(to Receiver) error {
	for !c.shard.join(c) {
		if c.ended.Load() {
			return errCut
		}
		err := c.changes(to, true)
		if errors.Is(err, readmodel.ErrGap) {
			err = c.snapshot(to, err.Error())
		}
		if err == nil {
			err = to.Flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow tells a receiver everything, in the goroutine of its caller, until ctx ends.
func (c *client) follow(ctx context.Context, to Receiver, last string) error {
	if err := c.begin(to, last); err != nil {
		return err
	}
	if err := c.catchUp(to); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b := <-c.box:
			if err := c.take(to, b); err != nil {
				return err
			}
		}
	}
}

func (c *client) take(to Receiver, b *batch) error {
	if b.gap || b.since.Seq() > c.at.Seq() { // a batch before it did not fit into the box
		err := c.changes(to, true)
		if errors.Is(err, readmodel.ErrGap) {
			err = c.snapshot(to, err.Error())
		}
		return errors.Join(err, to.Flush())
	}
	rest := b.after(c.at.Seq())
	if t, ok := to.(*text); ok {
		if c.at = later(c.at, b.to); len(rest) == 0 {
			return nil
		}
		return t.send(rest)
	}
	if err := tell(to, b.changes, c.at.Seq(), true); err != nil {
		return err
	}
	c.at = later(c.at, b.to)
	return to.Flush()
}

func later(a, b readmodel.Cursor) readmodel.Cursor {
	if a.Seq() > b.Seq() {
		return a
	}
	return b
}
