package observation

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"catalyst.openova.io/pkg/spine"
	"pgregory.net/rapid"
)

// Whatever the spine refuses and for how long, in the end it has the newest event of each subject.
func TestTheNewestOfEachSubjectArrives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		puts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 30).Draw(rt, "puts")
		refuse := rapid.SliceOfN(rapid.Bool(), 0, 60).Draw(rt, "refuse")
		synctest.Test(t, func(t *testing.T) {
			q := NewQueue(slog.New(slog.DiscardHandler))
			got := map[string]string{}
			n := 0
			ctx, cancel := context.WithCancel(t.Context())
			go q.Run(ctx, func(_ context.Context, e spine.Event) error {
				n++
				if n <= len(refuse) && refuse[n-1] {
					return errors.New("refused")
				}
				got[e.Subject] = e.ID
				return nil
			})
			want := map[string]string{}
			for i, subject := range puts {
				want[subject] = string(rune('0' + i))
				q.Put(spine.Event{Subject: subject, ID: want[subject]})
			}
			for range len(refuse) + 1 {
				timeAfterBackoff()
				synctest.Wait()
			}
			cancel()
			synctest.Wait()
			for subject, id := range want {
				if got[subject] != id {
					t.Errorf("%s: the spine has %q, the newest is %q", subject, got[subject], id)
				}
			}
		})
	})
}
