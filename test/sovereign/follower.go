package sovereign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

// Follower is a client as it should be: it keeps what the stream tells, and when the stream ends it comes back with the
// last id that it has.
type Follower struct {
	mu      sync.Mutex
	objects map[string]json.RawMessage
	resyncs int
	resumes int
	// behind notes an Application of a load whose number went back.
	behind error
	load   *Load

	// Operations that it was told of.
	Operations *Operations
}

// Follow follows an Organization until the test ends. The load may be nil.
func (p *Person) Follow(t testing.TB, org string, l *Load) *Follower {
	return p.FollowFor(t, org, l, 0)
}

// FollowFor is Follow for a client whose connection breaks again and again, after such a time.
func (p *Person) FollowFor(t testing.TB, org string, l *Load, life time.Duration) *Follower {
	t.Helper()
	f := &Follower{objects: map[string]json.RawMessage{}, load: l, Operations: &Operations{seen: map[string]*Progress{}, news: make(chan struct{})}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		last := ""
		for ctx.Err() == nil {
			last = f.once(ctx, p, org, last, life)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return f
}

// once follows until the stream ends, or its time is over, and returns the last id.
func (f *Follower) once(ctx context.Context, p *Person, org, last string, life time.Duration) string {
	if life > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, life)
		defer end()
	}
	frames, err := p.open(ctx, org, last)
	if err != nil {
		return last
	}
	f.mu.Lock()
	if last != "" {
		f.resumes++
	}
	f.mu.Unlock()
	var fresh map[string]bool // what a snapshot has told, until it is whole
	if last == "" {
		fresh = map[string]bool{}
	}
	for frame := range frames {
		f.mu.Lock()
		switch frame.Event {
		case "resync":
			f.resyncs++
			fresh = map[string]bool{}
		case "synced":
			for key := range f.objects {
				if fresh != nil && !fresh[key] {
					delete(f.objects, key)
				}
			}
			fresh = nil
		case "put":
			f.check(frame)
			f.Operations.note(frame)
			f.objects[frame.Key] = bytes.Clone(frame.Object)
			if fresh != nil {
				fresh[frame.Key] = true
			}
		case "delete":
			delete(f.objects, frame.Key)
		}
		f.mu.Unlock()
		if frame.ID != "" {
			last = frame.ID
		}
	}
	return last
}

// check notes a card that shows an older change after a newer one.
func (f *Follower) check(frame Frame) {
	if f.load == nil || !f.load.Mine(frame) {
		return
	}
	var before, now view.Application
	if json.Unmarshal(frame.Object, &now) != nil || f.objects[frame.Key] == nil || json.Unmarshal(f.objects[frame.Key], &before) != nil {
		return
	}
	was, _ := f.load.Find(now.Name, Port(before))
	is, _ := f.load.Find(now.Name, Port(now))
	if is > 0 && is < was {
		f.behind = fmt.Errorf("%s went from change %d back to %d", now.Name, was, is)
	}
}

// Object is what the client has under a key.
func (f *Follower) Object(key string) json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[key]
}

// Applications is how many cards of the load the client has.
func (f *Follower) Applications() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, o := range f.objects {
		if f.load.Mine(Frame{Frame: view.Frame{Key: key, Kind: view.KindApplication, Object: o}}) {
			n++
		}
	}
	return n
}

// Caught tells why the client does not show the last change of every object of the load yet; nil if it does, and never
// showed an older one after a newer.
func (f *Follower) Caught() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind != nil {
		return f.behind
	}
	shown := map[string]int{}
	for key, object := range f.objects {
		var a view.Application
		if f.load.Mine(Frame{Frame: view.Frame{Key: key, Kind: view.KindApplication}}) && json.Unmarshal(object, &a) == nil {
			shown[a.Name], _ = f.load.Find(a.Name, Port(a))
		}
	}
	for name, n := range f.load.Last() {
		if shown[name] != n {
			return fmt.Errorf("%s shows change %d, the last one is %d (%d resumes, %d resyncs)", name, shown[name], n, f.resumes, f.resyncs)
		}
	}
	return nil
}

// Counts tells how often the client came back, and how often it had to start anew.
func (f *Follower) Counts() (resumes, resyncs int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resumes, f.resyncs
}
