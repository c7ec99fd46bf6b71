package stream

import (
	"context"
	"time"

	"catalyst.openova.io/pkg/view"
)

// login is a credential with what it lets see, however many clients showed it.
type login struct {
	key      string
	reader   Reader
	clients  int
	due      time.Time
	checking bool
}

// login returns that of a reader. The lock is held.
func (h *Hub) login(reader Reader) *login {
	key := reader.Credential + "\x00" + reader.Sight.Key
	l, ok := h.logins[key]
	if !ok {
		l = &login{key: key, due: time.Now().Add(h.pace.Recheck)}
		h.logins[key] = l
	}
	l.reader = reader
	return l
}

// look finds clients that have gone, and asks again about those that are due.
func (h *Hub) look(ctx context.Context, now time.Time) {
	over := map[*login]error{}
	h.looks++
	h.mu.Lock()
	for _, l := range h.logins {
		switch {
		case now.After(l.reader.Until):
			over[l] = errExpired
		case !l.checking && !now.Before(l.due):
			l.checking = true
			go h.check(ctx, l, l.reader)
		}
	}
	for _, g := range h.groups {
		g.forget()
	}
	var gone []*client
	for c := range h.clients {
		if over[c.login] != nil || h.looks%4 == 0 && c.conn != nil && !c.conn.alive() {
			gone = append(gone, c)
		}
	}
	h.mu.Unlock()
	for _, c := range gone {
		h.end(c, over[c.login])
	}
}

// check asks again who somebody is.
func (h *Hub) check(ctx context.Context, l *login, before Reader) {
	fresh, err := before.Again(ctx)
	if err == nil && fresh.Sight.Key != before.Sight.Key {
		err = errRights // the client comes back, and is told to start anew
	}
	h.mu.Lock()
	l.checking = false
	var over []*client
	if err == nil {
		l.reader, l.due = fresh, time.Now().Add(h.pace.Recheck)
	} else {
		for c := range h.clients {
			if c.login == l {
				over = append(over, c)
			}
		}
	}
	h.mu.Unlock()
	for _, c := range over {
		h.end(c, err)
	}
}

func everything(view.Header) bool { return true }
