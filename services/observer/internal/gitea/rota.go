package gitea

import (
	"context"
	"maps"
	"sync"

	"catalyst.openova.io/pkg/forge"
)

// rota decides which repository is looked at next: each one once, however often that was asked for, never two looks at
// one at a time, and those that somebody pushed to before those that are looked at for completeness.
type rota struct {
	mu      sync.Mutex
	changed *sync.Cond
	urgent  []forge.Repo
	routine []forge.Repo
	turns   map[forge.Repo]*turn // that wait
	looking map[forge.Repo]bool
}

// turn is what is to be done with a repository.
type turn struct {
	repo     forge.Repo
	urgent   bool
	branches map[string]bool // that were pushed to
	again    bool            // tell of it whether or not it changed
	done     []func(error)
}

func newRota() *rota {
	r := &rota{turns: map[forge.Repo]*turn{}, looking: map[forge.Repo]bool{}}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// ask adds a turn, to the one that waits if there is one.
func (r *rota) ask(t turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits, ok := r.turns[t.repo]
	if !ok {
		waits = &turn{repo: t.repo, branches: map[string]bool{}}
		r.turns[t.repo] = waits
	}
	if t.urgent && !waits.urgent {
		waits.urgent = true
		r.urgent = append(r.urgent, t.repo)
	} else if !ok {
		r.routine = append(r.routine, t.repo)
	}
	for branch := range t.branches {
		waits.branches[branch] = true
	}
	waits.again = waits.again || t.again
	waits.done = append(waits.done, t.done...)
	r.changed.Signal()
}

// next waits for a turn; it returns nil when ctx has ended. Call finish after it.
func (r *rota) next(ctx context.Context) *turn {
	defer context.AfterFunc(ctx, r.changed.Broadcast)()
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil {
		for _, line := range []*[]forge.Repo{&r.urgent, &r.routine} {
			if t := r.pick(line); t != nil {
				return t
			}
		}
		r.changed.Wait()
	}
	return nil
}

// pick takes the first turn of a line whose repository nobody looks at.
func (r *rota) pick(line *[]forge.Repo) *turn {
	for i := 0; i < len(*line); {
		repo := (*line)[i]
		t, waits := r.turns[repo]
		if waits && r.looking[repo] {
			i++
			continue
		}
		*line = append((*line)[:i], (*line)[i+1:]...)
		if waits { // otherwise the other line had it first
			delete(r.turns, repo)
			r.looking[repo] = true
			return t
		}
	}
	return nil
}

// finish ends a turn.
func (r *rota) finish(t *turn, err error) {
	r.mu.Lock()
	delete(r.looking, t.repo)
	r.changed.Broadcast()
	r.mu.Unlock()
	for _, done := range t.done {
		done(err)
	}
}

// settle waits until every turn that was asked for before has ended, and returns the error of one that failed.
func (r *rota) settle(ctx context.Context) error {
	r.mu.Lock()
	repos := make(map[forge.Repo]bool, len(r.turns)+len(r.looking))
	for repo := range r.turns {
		repos[repo] = true
	}
	maps.Copy(repos, r.looking)
	r.mu.Unlock()
	ended := make(chan error, len(repos))
	for repo := range repos {
		r.ask(turn{repo: repo, done: []func(error){func(err error) { ended <- err }}})
	}
	var failure error
	for range repos {
		select {
		case err := <-ended:
			if err != nil {
				failure = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failure
}
