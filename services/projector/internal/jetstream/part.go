package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/projector/internal/projection"
)

// errReplaced says that the log is not the one that was read before.
var errReplaced = errors.New("the log was made anew, or does not go back far enough")

// placeKey is where the facts bucket holds the place in the log that the facts go up to.
const placeKey = "place"

// place is where a part goes on after a stop.
type place struct {
	Made     time.Time `json:"made"`
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time,omitzero"`
	// Seen is when nothing was left to read, to the hour while nothing comes.
	Seen time.Time `json:"seen"`
	// Untold says that the log lacks what the facts are from: the observer has to tell everything again.
	Untold bool `json:"untold,omitempty"`
}

// part is the work on one Environment, or on System.
type part struct {
	p     *Projector
	env   string
	sp    *spine.Spine
	state *projection.State
	facts *bucket
	views *bucket
	shown map[string]uint64 // hashes of what the views bucket holds, by key
	seed  maphash.Seed
	wide  map[projection.Ref]bool // views that wait for the next tick

	stored place // as the facts bucket has it
	now    place // as it is
	target uint64
	fresh  bool   // whether there were no views when the work began, so that none can go back
	caught bool   // whether the views follow the facts; not while the log is read up
	number int    // of the request to tell everything again
	first  uint64 // of the log, when it was last looked at
	lag    uint64

	aside     *aside
	silence   *silence // nil but for System
	inspected time.Time
}

func (pt *part) scope() string {
	if pt.env == spine.System {
		return ""
	}
	return pt.env
}

// once works on a part until something goes wrong. It tells whether it got as far as to show what it knows.
func (p *Projector) once(ctx context.Context, env string, careful bool) (progress bool, err error) {
	if err := p.holds(ctx, env); err != nil {
		return false, err
	}
	sp, err := p.accounts.Of(ctx, env)
	if err != nil {
		return false, err
	}
	pt := &part{p: p, env: env, sp: sp, shown: map[string]uint64{}, seed: maphash.MakeSeed(), wide: map[projection.Ref]bool{}}
	if err := pt.load(ctx, careful); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches, reader := make(chan spine.Batch), make(chan struct{})
	go func() {
		defer close(reader)
		cancel(sp.Read(ctx, spine.Reading{Subjects: []string{spine.Environment(env)}, After: spine.Position{Made: pt.now.Made, Sequence: pt.now.Sequence, Time: pt.now.Time}},
			func(ctx context.Context, b spine.Batch) error {
				select {
				case batches <- b:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}))
	}()
	err = pt.work(ctx, batches)
	cancel(err)
	<-reader
	return pt.caught, err
}

// work handles what is read until ctx ends, and then writes down how far it got.
func (pt *part) work(ctx context.Context, batches <-chan spine.Batch) error {
	tick := time.NewTicker(pt.p.pace.checkpoint)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return pt.end(ctx)
		case b := <-batches:
			err = pt.take(ctx, b)
		case <-tick.C:
			err = pt.tick(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// end writes down how far the work got when it is stopped, or when the log is gone.
func (pt *part) end(ctx context.Context) error {
	because := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin/2)
	defer cancel()
	switch {
	case errors.Is(because, spine.ErrReplaced):
		// What is known stays, and everything is told again.
		pt.state.Renumber()
		pt.now = place{Untold: true}
		pt.report(0)
		if err := pt.checkpoint(ctx); err != nil {
			return err
		}
		return errReplaced
	case errors.Is(because, context.Canceled):
		return errors.Join(pt.showWide(ctx), pt.checkpoint(ctx))
	}
	return because
}

// take puts a batch into the state and shows what it touched.
func (pt *part) take(ctx context.Context, b spine.Batch) error {
	scope := pt.scope()
	for i := range b.Events {
		e := &b.Events[i]
		if err := projection.Check(scope, e.Data); err != nil {
			pt.aside.refuse(spine.Refused{Subject: e.Subject, Sequence: e.Sequence, Time: e.Stored, Reason: err.Error()})
			continue
		}
		pt.state.Put(e.Data, e.Sequence)
		if pt.silence != nil {
			pt.silence.hear(e.Data)
		}
	}
	for _, r := range b.SetAside {
		pt.aside.refuse(r)
	}
	pt.now.Made, pt.now.Sequence, pt.now.Time = b.End.Made, b.End.Sequence, b.End.Time
	switch {
	case pt.caught:
		if err := pt.show(ctx); err != nil {
			return err
		}
	case b.Pending == 0 || b.End.Sequence >= pt.target:
		if err := pt.catchUp(ctx); err != nil {
			return err
		}
	case pt.fresh:
		if err := pt.showNew(ctx); err != nil {
			return err
		}
	}
	pt.report(b.Pending)
	return nil
}

// catchUp brings all views up to the facts, when the facts have come up to the log. Until then the views stay as whoever
// worked on the part before left them, so that nobody sees them go back.
func (pt *part) catchUp(ctx context.Context) error {
	pt.state.TouchAll()
	if err := errors.Join(pt.show(ctx), pt.views.drain(ctx)); err != nil {
		return err
	}
	pt.caught, pt.facts.careful, pt.views.careful = true, false, false
	return nil
}

func (pt *part) report(lag uint64) {
	pt.lag = lag
	pt.p.report(pt.env, func(s *status) {
		s.lag, s.caught, s.told = lag, pt.caught, !pt.now.Untold
		if pt.caught {
			s.err = nil
		}
	})
}

// show brings the views that were touched to what the facts say. Those that are as wide as the Environment wait for the
// next tick.
func (pt *part) show(ctx context.Context) error {
	touched := pt.state.Touched()
	if len(touched) == 0 {
		return nil
	}
	if pt.p.hold != nil {
		pt.p.hold(pt.env)
	}
	environments := false
	for _, r := range touched {
		if r.Kind == view.KindBlueprintUse && pt.caught {
			pt.wide[r] = true
			continue
		}
		environments = environments || r.Kind == view.KindEnvironment
		if err := pt.showOne(ctx, r); err != nil {
			return err
		}
	}
	if environments {
		pt.p.environments(pt.state.Environments())
	}
	return pt.views.flush(ctx)
}

func (pt *part) showWide(ctx context.Context) error {
	for r := range pt.wide {
		if err := pt.showOne(ctx, r); err != nil {
			return err
		}
	}
	clear(pt.wide)
	return pt.views.drain(ctx)
}

// showNew shows what nobody has seen yet, while the log is read up.
func (pt *part) showNew(ctx context.Context) error {
	for _, r := range pt.state.Touched() {
		if _, there := pt.shown[spine.Key(string(r.Kind), r.Name)]; there || r.Kind == view.KindBlueprintUse {
			continue
		}
		if err := pt.showOne(ctx, r); err != nil {
			return err
		}
	}
	return pt.views.flush(ctx)
}

// showOne writes nothing where the bucket says already what the facts say.
func (pt *part) showOne(ctx context.Context, r projection.Ref) error {
	b, err := pt.state.View(r)
	if err != nil {
		return fmt.Errorf("view %s/%s: %w", r.Kind, r.Name, err)
	}
	key := spine.Key(string(r.Kind), r.Name)
	before, there := pt.shown[key]
	if b == nil {
		if !there {
			return nil
		}
		delete(pt.shown, key)
		return pt.views.put(ctx, key, nil)
	}
	hash := maphash.Bytes(pt.seed, b)
	if there && hash == before {
		return nil
	}
	pt.shown[key] = hash
	return pt.views.put(ctx, key, b)
}

// tick does what is done from time to time.
func (pt *part) tick(ctx context.Context) error {
	if err := pt.showWide(ctx); err != nil {
		return err
	}
	pt.aside.publish(ctx)
	if pt.now.Untold && pt.caught && pt.p.tell.answered(pt.number) {
		if pt.env == spine.System {
			if err := pt.aside.again(ctx, pt.state.SetAside()); err != nil {
				return err
			}
		}
		pt.now.Untold = false
		pt.p.report(pt.env, func(s *status) { s.told = true })
	}
	if pt.caught && pt.env == spine.System {
		pt.silence.look(ctx, pt.state)
	}
	if err := pt.checkpoint(ctx); err != nil {
		return err
	}
	if time.Since(pt.inspected) < pt.p.pace.inspect {
		return nil
	}
	pt.inspected = time.Now()
	return pt.inspect(ctx)
}

// inspect finds out whether buckets and log are what they were, and forgets what the log has forgotten.
func (pt *part) inspect(ctx context.Context) error {
	if err := pt.facts.verify(ctx); errors.Is(err, errGone) {
		if err := pt.renew(ctx); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := pt.views.verify(ctx); err != nil {
		return err
	}
	info, err := pt.log(ctx)
	if err != nil || !pt.caught || !info.Created.Equal(pt.now.Made) {
		return err
	}
	if first := info.State.FirstSeq; first > pt.first {
		pt.first = first
		pt.state.Expire(first, time.Now().Add(time.Hour-spine.KeptFor))
		return pt.show(ctx)
	}
	return nil
}

// renew makes the bucket of the facts again when it was deleted. What it held is known still.
func (pt *part) renew(ctx context.Context) (err error) {
	pt.p.log.Info("projector: the facts were deleted; they are written again", "part", pt.env)
	if pt.facts, err = openBucket(ctx, pt.sp, spine.Facts(pt.env)); err != nil {
		return err
	}
	pt.state.ChangeAll()
	return pt.write(ctx, pt.now)
}

// log is what is known of the log.
func (pt *part) log(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := pt.sp.JetStream().Stream(ctx, spine.Stream)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", spine.Stream, err)
	}
	return s.CachedInfo(), nil
}

// checkpoint stores the facts that changed, and the place that they go up to.
func (pt *part) checkpoint(ctx context.Context) error {
	now := pt.now
	if first, waits := pt.aside.first(); waits && first <= now.Sequence {
		now.Sequence, now.Time = first-1, time.Time{} // what was set aside and not told yet is read again after a stop
	}
	now.Seen = pt.stored.Seen
	if now == pt.stored && !pt.state.Changed() && (!pt.caught || time.Since(now.Seen) < time.Hour) {
		return nil
	}
	if pt.caught && pt.lag == 0 {
		now.Seen = time.Now().UTC().Round(0)
	}
	if pt.p.hold != nil {
		pt.p.hold(pt.env)
	}
	err := pt.write(ctx, now)
	if err != nil && errors.Is(pt.facts.verify(ctx), errGone) {
		return pt.renew(ctx)
	}
	return err
}

// write stores the facts that changed, and last their place. Because a write is taken only if all before it were, a
// place that is stored stands for facts that are.
func (pt *part) write(ctx context.Context, now place) error {
	changes, err := pt.state.Changes()
	if err != nil {
		return err
	}
	var gone []string
	for _, c := range changes {
		if err := pt.facts.put(ctx, c.Key, c.Value); err != nil {
			return err
		}
		if c.Value == nil {
			gone = append(gone, c.Key)
		}
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := errors.Join(pt.facts.put(ctx, placeKey, b), pt.facts.drain(ctx)); err != nil {
		return err
	}
	pt.stored = now
	for _, key := range gone {
		if err := pt.facts.forget(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
