package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/projector/internal/projection"
)

// settleWithin is how long what people see may take to become what the log says, while both go on.
var settleWithin = 15 * time.Second

// Report is what a rebuild found.
type Report struct {
	Parts []PartReport
	// Note says what the comparison had to do without, if anything.
	Note string
	// Written says that what differs was replaced.
	Written bool
}

// PartReport is what a rebuild found in one Environment, or in System.
type PartReport struct {
	Environment string
	Events      uint64
	Views       int
	// Live and Rebuilt are digests of all views: as people see them, and as they follow from the log.
	Live, Rebuilt string
	// Differ names the views that are not the same.
	Differ []string
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	if r.Note != "" {
		fmt.Fprintln(w, r.Note)
	}
	for _, p := range r.Parts {
		verdict := "the same"
		if len(p.Differ) > 0 {
			verdict = fmt.Sprintf("%d differ", len(p.Differ))
		}
		fmt.Fprintf(w, "%s: %d views from %d events, %s\n  live    %s\n  rebuilt %s\n", p.Environment, p.Views, p.Events, verdict, p.Live, p.Rebuilt)
		for _, key := range p.Differ {
			fmt.Fprintln(w, "  differs:", key)
		}
	}
	if r.Written {
		fmt.Fprintln(w, "What differs was replaced by what follows from the log.")
	}
}

// Err is nil if everything is the same, or is so now.
func (r *Report) Err() error {
	n := 0
	for _, p := range r.Parts {
		n += len(p.Differ)
	}
	if n == 0 || r.Written {
		return nil
	}
	return fmt.Errorf("%d views are not what the log and the sources say; `projector rebuild -write` replaces them", n)
}

// Rebuild makes all views anew from the log, after the sources have told everything again, and compares them with those
// that people see; if write is set, it replaces what differs. It works beside replicas that go on.
func Rebuild(ctx context.Context, accounts *spine.Accounts, write bool, log *slog.Logger) (*Report, error) {
	r := &Report{}
	if err := accounts.Sovereign().EnsureStream(ctx); err != nil {
		return nil, err
	}
	switch err := tellAgain(ctx, accounts); {
	case errors.Is(err, nats.ErrNoResponders):
		r.Note = fmt.Sprintf("Somebody who knows does not run, so that what the log lacks may differ: %v.", err)
	case err != nil:
		return nil, err
	}
	system, err := fold(ctx, accounts, spine.System)
	if err != nil {
		return nil, err
	}
	parts := []*folded{system}
	environments := system.state.Environments()
	for _, env := range slices.Sorted(maps.Keys(environments)) {
		if !environments[env] {
			continue
		}
		f, err := fold(ctx, accounts, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", env, err)
		}
		parts = append(parts, f)
	}
	for _, f := range parts {
		p, err := f.compare(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.env, err)
		}
		r.Parts = append(r.Parts, p)
		if write && len(p.Differ) > 0 {
			log.Info("projector: replacing what differs", "part", f.env, "views", len(p.Differ))
			if err := f.replace(ctx, p.Differ); err != nil {
				return nil, fmt.Errorf("%s: %w", f.env, err)
			}
			r.Written = true
		}
	}
	return r, nil
}

// folded is what the log says of one Environment.
type folded struct {
	env    string
	sp     *spine.Spine
	state  *projection.State
	end    spine.Position
	events uint64
	views  map[string][]byte
}

// fold reads the log of an Environment from its beginning.
func fold(ctx context.Context, accounts *spine.Accounts, env string) (*folded, error) {
	sp, err := accounts.Of(ctx, env)
	if err != nil {
		return nil, err
	}
	f := &folded{env: env, sp: sp, views: map[string][]byte{}}
	scope := env
	if env == spine.System {
		scope = ""
	}
	f.state = projection.NewState(scope)
	return f, f.read(ctx)
}

var errEnd = errors.New("the end of the log")

// read goes on to where the log ends.
func (f *folded) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := f.sp.JetStream().Stream(ctx, spine.Stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", spine.Stream, err)
	}
	target := s.CachedInfo().State.LastSeq
	err = f.sp.Read(ctx, spine.Reading{Subjects: []string{spine.Environment(f.env)}, After: f.end}, func(_ context.Context, b spine.Batch) error {
		for i := range b.Events {
			if projection.Check(f.state.Environment, b.Events[i].Data) == nil {
				f.state.Put(b.Events[i].Data, b.Events[i].Sequence)
			}
		}
		f.events += uint64(len(b.Events))
		f.end = b.End
		if b.Pending == 0 || b.End.Sequence >= target {
			return errEnd
		}
		return nil
	})
	if !errors.Is(err, errEnd) {
		return err
	}
	for _, r := range f.state.Touched() {
		b, err := f.state.View(r)
		if err != nil {
			return err
		}
		if key := spine.Key(string(r.Kind), r.Name); b == nil {
			delete(f.views, key)
		} else {
			f.views[key] = b
		}
	}
	return nil
}

// compare holds the views beside those that people see. Both go on meanwhile: a view that is the same once is the same.
func (f *folded) compare(ctx context.Context) (PartReport, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin+time.Minute)
	defer cancel()
	agreed := map[string][]byte{}
	var live map[string][]byte
	for deadline := time.Now().Add(settleWithin); ; {
		var err error
		if live, err = f.live(ctx); err != nil {
			return PartReport{}, err
		}
		for key, b := range f.views {
			if bytes.Equal(live[key], b) {
				agreed[key] = b
			}
		}
		if len(f.differ(live, agreed)) == 0 || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return PartReport{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if err := f.read(ctx); err != nil {
			return PartReport{}, err
		}
	}
	differ := f.differ(live, agreed)
	return PartReport{
		Environment: f.env, Events: f.events, Views: len(f.views), Live: digest(live, agreed), Rebuilt: digest(f.views, agreed), Differ: differ,
	}, nil
}

func (f *folded) live(ctx context.Context) (map[string][]byte, error) {
	kv, err := f.sp.Views(ctx, f.env)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	err = each(ctx, kv, func(entry jetstream.KeyValueEntry) error {
		out[entry.Key()] = entry.Value()
		return nil
	})
	return out, err
}

// differ names the views that are not the same, and never were since the comparison began.
func (f *folded) differ(live, agreed map[string][]byte) []string {
	var out []string
	for key, b := range f.views {
		if agreed[key] == nil && !bytes.Equal(live[key], b) {
			out = append(out, key)
		}
	}
	for key := range live {
		if agreed[key] == nil && f.views[key] == nil {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// digest is the SHA-256 of all views in the order of their keys. A view that was the same on both sides when it was
// looked at counts as it was then.
func digest(views, agreed map[string][]byte) string {
	h := sha256.New()
	all := maps.Clone(views)
	maps.Copy(all, agreed)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		for _, b := range [][]byte{[]byte(key), all[key]} {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// replace makes the facts those that the log tells, and writes the views that differ. A replica that works on the part
// notices, and goes on from these facts.
func (f *folded) replace(ctx context.Context, differ []string) error {
	for attempt := 0; ; attempt++ {
		err := f.replaceOnce(ctx, differ)
		if err == nil || !errors.Is(err, errOther) || attempt == 10 {
			return err
		}
	}
}

func (f *folded) replaceOnce(ctx context.Context, differ []string) error {
	facts, err := openBucket(ctx, f.sp, spine.Facts(f.env))
	if err != nil {
		return err
	}
	views, err := openBucket(ctx, f.sp, spine.Bucket(f.env))
	if err != nil {
		return err
	}
	f.state.ChangeAll()
	changes, err := f.state.Changes()
	if err != nil {
		return err
	}
	known := map[string]bool{placeKey: true}
	for _, c := range changes {
		if c.Value == nil {
			continue
		}
		known[c.Key] = true
		if err := facts.put(ctx, c.Key, c.Value); err != nil {
			return err
		}
	}
	if err := each(ctx, facts.kv, func(entry jetstream.KeyValueEntry) error {
		if known[entry.Key()] {
			return nil
		}
		return facts.put(ctx, entry.Key(), nil)
	}); err != nil {
		return err
	}
	b, err := json.Marshal(place{Made: f.end.Made, Sequence: f.end.Sequence, Time: f.end.Time, Seen: time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := errors.Join(facts.put(ctx, placeKey, b), facts.drain(ctx)); err != nil {
		return err
	}
	for _, key := range differ {
		if err := views.put(ctx, key, f.views[key]); err != nil {
			return err
		}
	}
	return views.drain(ctx)
}
