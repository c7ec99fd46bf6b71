package stream

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// Hub tells every client what it may and wants to see. It is the handler of GET /api/v1/stream. Authenticate turns a
// request away with a Problem.
type Hub struct {
	store        *readmodel.Store
	authenticate func(*http.Request) (Reader, *server.Problem)
	pace         Pace

	looks int

	mu      sync.Mutex
	at      readmodel.Cursor // everybody has been told up to here
	groups  map[string]*group
	logins  map[string]*login
	clients map[*client]struct{}
	over    bool
}

// New makes a Hub; Run makes it work.
func New(store *readmodel.Store, authenticate func(*http.Request) (Reader, *server.Problem), pace Pace) *Hub {
	return &Hub{store: store, authenticate: authenticate, pace: pace.orDefault(), at: store.Now(),
		groups: map[string]*group{}, logins: map[string]*login{}, clients: map[*client]struct{}{}}
}

// Run tells what changes, until ctx ends; then it ends every stream.
func (h *Hub) Run(ctx context.Context) {
	defer h.close()
	beat, look := time.NewTicker(h.pace.Heartbeat), time.NewTicker(max(h.pace.Recheck/8, time.Millisecond))
	defer beat.Stop()
	defer look.Stop()
	burst := time.NewTimer(0)
	defer burst.Stop()
	<-burst.C
	for {
		changed := h.store.Changed()
		h.tell(false)
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			h.tell(true)
		case now := <-look.C:
			h.look(ctx, now)
		case <-changed:
			// The rest of a burst comes along in the same write.
			burst.Reset(tick)
			select {
			case <-ctx.Done():
				return
			case <-burst.C:
			}
		}
	}
}

// tell gives out what has changed since the last time.
func (h *Hub) tell(beat bool) {
	changes, to, err := h.store.After(h.at, everything)
	if len(changes) == 0 && err == nil && !beat {
		return
	}
	r := &round{from: h.at, to: to, changes: changes, beat: beat, gap: err != nil}
	shards := h.advance(to)
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(shards) {
				return
			}
			for _, c := range shards[i].tell(h, r) {
				h.end(c, nil)
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(shards))
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// advance returns the shards that have to be told up to a place. Those that are made from now on begin there.
func (h *Hub) advance(to readmodel.Cursor) []*shard {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = to
	var out []*shard
	for _, g := range h.groups {
		out = append(out, g.shards...)
	}
	return out
}

// register takes a client in. It belongs to a shard, and is not in it before it has caught up.
func (h *Hub) register(reader Reader, scope Scope, stop context.CancelCauseFunc, conn *direct) *client {
	key := scope.key() + reader.Sight.Key
	c := &client{hub: h, conn: conn, stop: stop}
	if conn == nil {
		c.box = make(chan *batch, 2)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	g, ok := h.groups[key]
	if !ok {
		g = newGroup(key, h.at.Epoch(), scope.may(reader.Sight.May), scope.want())
		h.groups[key] = g
	}
	g.size++
	i := slices.IndexFunc(g.shards, func(s *shard) bool { return s.size < shardSize })
	if i < 0 {
		i = len(g.shards)
		g.shards = append(g.shards, &shard{group: g, at: h.at})
	}
	c.group, c.shard = g, g.shards[i]
	c.shard.size++
	c.login = h.login(reader)
	c.login.clients++
	h.clients[c] = struct{}{}
	c.ended.Store(h.over)
	return c
}

// end ends a stream, whoever noticed that it has to.
func (h *Hub) end(c *client, why error) {
	c.ended.Store(true)
	h.mu.Lock()
	if _, ok := h.clients[c]; !ok {
		h.mu.Unlock()
		return
	}
	delete(h.clients, c)
	c.shard.size--
	if c.group.size--; c.group.size == 0 {
		delete(h.groups, c.group.key)
	}
	if c.login.clients--; c.login.clients == 0 {
		delete(h.logins, c.login.key)
	}
	h.mu.Unlock()
	c.shard.leave(c)
	if c.conn != nil {
		c.conn.cut()
	} else {
		c.stop(why)
	}
}

func (h *Hub) close() {
	h.mu.Lock()
	h.over = true
	all := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		all = append(all, c)
	}
	h.mu.Unlock()
	for _, c := range all {
		h.end(c, context.Canceled)
	}
}

// resumed stands where the last event id of a client stands, for one that goes on where it is.
const resumed = "\x00"

// recover lets a client of its own connection catch up: it sends the rest of a write that the client did not take at
// once, and all that has changed since, and waits for it, which nobody else does. Then the client is in its shard again,
// and needs no goroutine.
func (h *Hub) recover(c *client, rest []byte, last string) {
	out := newText(c, c.conn)
	err := func() error {
		if len(rest) > 0 {
			if err := out.send(rest); err != nil {
				return err
			}
		}
		if last != resumed {
			if err := c.begin(out, last); err != nil {
				return err
			}
		}
		return c.catchUp(out)
	}()
	if err != nil {
		h.end(c, err)
	}
}
