package sovereign

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

// Operations are what a client of the stream knows of Operations.
type Operations struct {
	mu   sync.Mutex
	seen map[string]*Progress
	news chan struct{} // closed and made anew when something was told
}

// Progress is what was told of one Operation.
type Progress struct {
	view.Operation
	// Waited is what it said when it waited last.
	Waited string
	// Told is when its end was told.
	Told time.Time
}

// Final is true when nothing more will happen.
func (p Progress) Final() bool {
	return p.State == view.OperationSucceeded || p.State == view.OperationFailed || p.State == view.OperationCancelled
}

func (o *Operations) note(f Frame) {
	if f.Kind != view.KindOperation {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var now view.Operation
	if json.Unmarshal(f.Object, &now) != nil {
		return
	}
	p := o.seen[now.Name]
	if p == nil {
		p = &Progress{}
		o.seen[now.Name] = p
	}
	ended := p.Final()
	p.Operation = now
	if now.State == view.OperationWaiting {
		p.Waited = now.Message
	}
	if p.Final() && !ended {
		p.Told = f.At
	}
	close(o.news)
	o.news = make(chan struct{})
}

// Await returns an Operation as soon as it is as it should be.
func (o *Operations) Await(ctx context.Context, id string, ok func(Progress) bool) (Progress, error) {
	for {
		o.mu.Lock()
		p, news := o.seen[id], o.news
		var now Progress
		if p != nil {
			now = *p
		}
		o.mu.Unlock()
		if p != nil && ok(now) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("Operation %s: %w; last: %s: %s", id, ctx.Err(), now.State, now.Message)
		case <-news:
		}
	}
}

// Succeed waits until an Operation has ended well.
func (o *Operations) Succeed(t testing.TB, id string, limit time.Duration) Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	p, err := o.Await(ctx, id, Progress.Final)
	if err != nil {
		t.Fatal(err)
	}
	if p.State != view.OperationSucceeded {
		t.Fatalf("Operation %s: %s: %s", id, p.State, p.Message)
	}
	return p
}

// Open lists the Operations of which the client does not know that they have ended.
func (o *Operations) Open() (open []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, p := range o.seen {
		if !p.Final() {
			open = append(open, fmt.Sprintf("%s of %s: %s: %s", id, p.Application, p.State, p.Message))
		}
	}
	return open
}
