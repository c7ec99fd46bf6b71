// Package queue holds work by key, newest wins: what waits under a key is replaced by what comes after it, so that the
// queue never holds more than one item a key, however long its worker is held up. One key is never worked on twice at
// the same time.
package queue

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Queue is a set of keys with a value each that waits to be worked on. The zero value is not usable; see New.
type Queue[V any] struct {
	mu      sync.Mutex
	waiting map[string]*item[V] // by key, also while it is being worked on
	ready   []string            // keys to take, oldest first
	wake    chan struct{}
}

type item[V any] struct {
	value   V
	fresh   bool // a value that nobody has taken
	taken   bool // somebody works on the key
	retries int
}

// New makes an empty queue.
func New[V any]() *Queue[V] {
	return &Queue[V]{waiting: map[string]*item[V]{}, wake: make(chan struct{}, 1)}
}

// Put gives the key a value. A value that waits under the same key is dropped.
func (q *Queue[V]) Put(key string, v V) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.waiting[key]
	if it == nil {
		it = &item[V]{}
		q.waiting[key] = it
	}
	queued := it.fresh
	it.value, it.fresh, it.retries = v, true, 0
	if !it.taken && !queued {
		q.push(key)
	}
}

// Len is the number of keys with work to do or in work.
func (q *Queue[V]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Work takes one item after the other until ctx ends. An item whose work fails comes again after a pause that grows to
// at most five seconds, unless a newer value has taken its place. Several workers may share a queue.
func (q *Queue[V]) Work(ctx context.Context, do func(ctx context.Context, key string, v V) error) {
	for {
		key, v, ok := q.take(ctx)
		if !ok {
			return
		}
		q.done(ctx, key, v, do(ctx, key, v))
	}
}

func (q *Queue[V]) take(ctx context.Context) (key string, v V, ok bool) {
	for {
		q.mu.Lock()
		if len(q.ready) > 0 {
			key = q.ready[0]
			q.ready = q.ready[1:]
			it := q.waiting[key]
			it.fresh, it.taken = false, true
			v = it.value
			if len(q.ready) > 0 {
				q.signal()
			}
			q.mu.Unlock()
			return key, v, true
		}
		q.ready = nil
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", v, false
		case <-q.wake:
		}
	}
}

func (q *Queue[V]) done(ctx context.Context, key string, v V, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.waiting[key]
	it.taken = false
	switch {
	case it.fresh:
		q.push(key)
	case err == nil || ctx.Err() != nil:
		delete(q.waiting, key)
	default:
		retries := it.retries + 1
		it.fresh, it.value, it.retries, it.taken = false, v, retries, true
		time.AfterFunc(pause(retries), func() { q.again(key, v, retries) })
	}
}

// again puts back what failed, unless something newer came.
func (q *Queue[V]) again(key string, v V, retries int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.waiting[key]
	it.taken = false
	if !it.fresh {
		it.value, it.fresh, it.retries = v, true, retries
	}
	q.push(key)
}

func pause(retries int) time.Duration {
	d := min(50*time.Millisecond<<min(retries-1, 10), 5*time.Second)
	return d - time.Duration(rand.Int64N(int64(d)/4))
}

func (q *Queue[V]) push(key string) {
	q.ready = append(q.ready, key)
	q.signal()
}

func (q *Queue[V]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
