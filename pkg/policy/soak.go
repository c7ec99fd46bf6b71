package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// soaking judges soak: the commit, or the tree that it brings, was healthy in the source Environment for the duration
// without a break. Another commit, any other health, and a time of which nothing is known are breaks. A soak that was
// completed stands, whatever runs there now, until this commit is seen unhealthy.
func soaking(rule *Rule, f *Facts) verdict {
	source := rule.SourceEnvironment
	if source == "" {
		source = f.Organization + "-" + rule.SourceEnvType
	}
	length := time.Duration(rule.Duration)
	runs, last := soakRuns(source, f)
	v := verdict{state: Closed, needs: []string{fmt.Sprintf("%s healthy in %s for %s", short(f.Head), source, rule.Duration)}}
	for _, r := range runs {
		done := r.From.Add(length)
		if !r.Until.IsZero() && r.Until.Before(done) {
			continue
		}
		v.needs, v.opensAt = nil, done
		v.facts = []string{fmt.Sprintf("healthy in %s since %s", source, clock(r.From, nil))}
		since := "has been healthy in " + source + " since " + clock(r.From, nil)
		if !r.Until.IsZero() {
			since = "was healthy in " + source + " from " + clock(r.From, nil) + " until " + clock(r.Until, nil)
		}
		v.reason = fmt.Sprintf("%s %s; %s were full %s.", short(f.Head), since, rule.Duration, clock(done, nil))
		return v
	}
	switch {
	case last == nil:
		v.reason = fmt.Sprintf("%s has not run in %s.", short(f.Head), source)
	case f.carries(last) && last.Health == Healthy:
		v.reason = fmt.Sprintf("%s was healthy in %s for less than %s, until %s.", short(f.Head), source, rule.Duration, clock(last.Until, nil))
	case f.carries(last):
		v.reason = fmt.Sprintf("%s is %s in %s since %s, which starts its %s anew.", short(f.Head), last.Health, source, clock(last.From, nil), rule.Duration)
	default:
		v.reason = fmt.Sprintf("%s runs %s since %s, before %s was healthy there for %s.", source, short(last.Commit), clock(last.From, nil), short(f.Head), rule.Duration)
	}
	if last != nil {
		v.facts = []string{fmt.Sprintf("%s %s in %s since %s", short(last.Commit), last.Health, source, clock(last.From, nil))}
	}
	return v
}

// carries is true for an interval in which what is promoted ran.
func (f *Facts) carries(i *Interval) bool {
	return i.Commit == f.Head || f.Tree != "" && i.Tree == f.Tree
}

// soakRuns are the times in which what is promoted was healthy in the source Environment without a break, after it was
// last seen unhealthy, the first one first. It also returns what was last seen there.
func soakRuns(source string, f *Facts) (runs []Span, last *Interval) {
	var breaks []Span
	var since time.Time // no run before it counts
	spoiled := false    // and none after it
	for i := range f.History {
		h := &f.History[i]
		if h.Environment != source {
			continue
		}
		if last == nil || h.From.After(last.From) || h.From.Equal(last.From) && before(h, last) {
			last = h
		}
		span := Span{From: h.From, Until: h.Until}
		if f.carries(h) && h.Health == Healthy {
			runs = append(runs, span)
			continue
		}
		breaks = append(breaks, span)
		switch {
		case !f.carries(h) || h.Health == Unknown:
		case h.Until.IsZero():
			spoiled = true
		case h.From.After(since) || h.Until.After(since):
			since = latest(h.From, h.Until)
		}
	}
	if spoiled {
		return nil, last
	}
	runs = joined(runs)
	for _, b := range breaks {
		runs = cut(runs, b)
	}
	runs = slices.DeleteFunc(runs, func(r Span) bool { return r.From.Before(since) })
	return runs, last
}

// before orders two intervals that began at once, so that the outcome does not depend on the order of the facts.
func before(a, b *Interval) bool {
	if a.Commit != b.Commit {
		return a.Commit < b.Commit
	}
	if a.Health != b.Health {
		return a.Health > b.Health
	}
	return a.Until.Before(b.Until)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// joined makes one of spans that touch, in the order of time.
func joined(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	for _, s := range spans {
		if !s.Until.IsZero() && s.Until.Before(s.From) {
			continue
		}
		if n := len(out); n > 0 && (out[n-1].Until.IsZero() || !s.From.After(out[n-1].Until)) {
			if !out[n-1].Until.IsZero() && (s.Until.IsZero() || s.Until.After(out[n-1].Until)) {
				out[n-1].Until = s.Until
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// cut takes a break out of spans. One that lasted no time at all still cuts.
func cut(spans []Span, gap Span) []Span {
	var out []Span
	for _, s := range spans {
		if s.Until.IsZero() || s.Until.After(gap.From) {
			left := Span{From: s.From, Until: gap.From}
			if left.From.Before(left.Until) {
				out = append(out, left)
			}
			if gap.Until.IsZero() {
				continue
			}
			right := Span{From: latest(s.From, latest(gap.From, gap.Until)), Until: s.Until}
			if right.Until.IsZero() || right.From.Before(right.Until) {
				out = append(out, right)
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

func soak(rule Rule) func(*Facts, time.Time) verdict {
	return func(f *Facts, now time.Time) verdict {
		v := soaking(&rule, f)
		switch {
		case v.opensAt.IsZero():
		case v.opensAt.After(now):
			v.state = Pending
			v.reason = strings.Replace(v.reason, "were full", "are full", 1) + " Another commit there, any other health, or a time of which nothing is known starts it anew."
		default:
			v.state, v.opensAt = Open, time.Time{}
		}
		return v
	}
}
