package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"catalyst.openova.io/pkg/spine"
)

// tellWithin is how long the observer and provisioning may take to tell everything again.
const tellWithin = 5 * time.Minute

// teller asks the observer and provisioning, once at a time for everybody who wants it.
type teller struct {
	accounts *spine.Accounts
	log      *slog.Logger

	mu      sync.Mutex
	asked   int // requests that were begun
	done    int // the last of those that was answered
	wanted  int
	running bool
}

func newTeller(accounts *spine.Accounts, log *slog.Logger) *teller {
	return &teller{accounts: accounts, log: log}
}

// ask has them asked until they answer. It returns the number of a request that begins after this call, for answered.
func (t *teller) ask() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = t.asked + 1
	if !t.running {
		t.running = true
		go t.run()
	}
	return t.wanted
}

func (t *teller) answered(number int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done >= number
}

func (t *teller) run() {
	for {
		t.mu.Lock()
		if t.done >= t.wanted {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.asked++
		number := t.asked
		t.mu.Unlock()
		err := tellAgain(context.Background(), t.accounts)
		if errors.Is(err, spine.ErrClosed) {
			return
		}
		if err != nil {
			t.log.Debug("projector: not everything is told again yet", "error", err)
			time.Sleep(time.Second)
			t.mu.Lock()
			t.asked--
			t.mu.Unlock()
			continue
		}
		t.mu.Lock()
		t.done = number
		t.mu.Unlock()
	}
}

// tellAgain asks those who know to tell everything again and returns when they have.
func tellAgain(ctx context.Context, accounts *spine.Accounts) error {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := accounts.Sovereign().AskToTell(ctx); err != nil {
		return fmt.Errorf("to be told everything again: %w", err)
	}
	return nil
}
