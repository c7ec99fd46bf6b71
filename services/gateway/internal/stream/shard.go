package stream

import (
	"bytes"
	"sync"

	"catalyst.openova.io/services/gateway/internal/readmodel"
)

// shard is some clients of a group that have been told the same. Those that lag behind are not in it.
type shard struct {
	group *group
	size  int // clients that belong to it, in it or not; guarded by the hub

	mu      sync.Mutex
	at      readmodel.Cursor
	clients []*client
}

// join puts a client in if it has been told as much as the shard.
func (s *shard) join(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended.Load() || c.at.Seq() < s.at.Seq() {
		return false
	}
	c.index, c.live = len(s.clients), true
	s.clients = append(s.clients, c)
	return true
}

func (s *shard) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
}

// drop takes a client out. The lock is held.
func (s *shard) drop(c *client) {
	if !c.live {
		return
	}
	last := len(s.clients) - 1
	s.clients[c.index] = s.clients[last]
	s.clients[c.index].index = c.index
	s.clients[last] = nil
	s.clients, c.live = s.clients[:last], false
}

// tell gives a round to every client, and returns those that are gone.
func (s *shard) tell(h *Hub, r *round) (gone []*client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at = r.to; len(s.clients) == 0 {
		return nil
	}
	b := s.group.batch(r)
	if len(b.text) == 0 && !b.gap {
		return nil
	}
	for i := len(s.clients) - 1; i >= 0; i-- { // from the end, because a client that drops out is replaced by the last
		c := s.clients[i]
		if c.conn == nil {
			select {
			case c.box <- b:
			default: // it will see that it missed this one
			}
			continue
		}
		if b.gap {
			s.drop(c)
			go h.recover(c, nil, resumed)
			continue
		}
		// A batch in which there was nothing to see has moved nobody on, so that what was told may lie behind from.
		text := b.after(c.at.Seq())
		if c.at = later(c.at, b.to); len(text) == 0 {
			continue
		}
		n, err := c.conn.try(text)
		switch {
		case err != nil:
			s.drop(c)
			gone = append(gone, c)
		case n < len(text):
			s.drop(c)
			go h.recover(c, bytes.Clone(text[n:]), resumed)
		}
	}
	return gone
}
