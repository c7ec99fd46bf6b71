package policy

import (
	"fmt"
	"strings"
	"time"
)

// cover is a time that comes once, or again and again.
type cover struct {
	name, reason string
	span         Span     // once
	schedule     schedule // again and again, for a length
	length       time.Duration
	spelled      string // how the schedule is written
}

// end of the occurrence that holds the instant; a zero end is one that is not known. Occurrences hold their first
// instant and not their last.
func (c *cover) end(at time.Time) (end time.Time, in bool) {
	if c.schedule.cron == nil {
		in = !at.Before(c.span.From) && (c.span.Until.IsZero() || at.Before(c.span.Until))
		return c.span.Until, in
	}
	start, ok := c.schedule.last(at)
	if !ok {
		return time.Time{}, false
	}
	end = start.Add(c.length)
	return end, at.Before(end)
}

// start of the next occurrence after the instant.
func (c *cover) start(at time.Time) (time.Time, bool) {
	if c.schedule.cron != nil {
		return c.schedule.next(at)
	}
	empty := !c.span.Until.IsZero() && !c.span.Until.After(c.span.From)
	return c.span.From, c.span.From.After(at) && !empty
}

// covered finds the occurrence that holds the instant and ends last.
func covered(covers []cover, at time.Time) (by *cover, end time.Time) {
	for i := range covers {
		c := &covers[i]
		until, in := c.end(at)
		if in && (by == nil || !end.IsZero() && (until.IsZero() || until.After(end))) {
			by, end = c, until
		}
	}
	return by, end
}

// starts finds the first occurrence that begins after the instant.
func starts(covers []cover, at time.Time) (by *cover, start time.Time) {
	for i := range covers {
		if s, ok := covers[i].start(at); ok && (by == nil || s.Before(start)) {
			by, start = &covers[i], s
		}
	}
	return by, start
}

// calendar is the windows and freezes of one rule. Without a window it is open whenever nothing is frozen.
type calendar struct {
	windows []cover
	freezes []cover
	zone    *time.Location // that people are told times in
}

// steps is how many occurrences ahead the calendar is searched in one evaluation. What is further away is looked at
// again when that instant has come.
const steps = 50

func (c *calendar) verdict(now time.Time) verdict {
	if freeze, _ := covered(c.freezes, now); freeze != nil {
		v := c.closed(now)
		v.reason = "Frozen" + freeze.words() + v.reason
		v.facts = []string{"freeze" + freeze.words()}
		if v.state == Closed {
			v.needs = []string{"an end of the freeze" + freeze.words()}
		}
		return v
	}
	window, end := covered(c.windows, now)
	if window == nil && len(c.windows) > 0 {
		v := c.closed(now)
		v.reason = "Outside of every change window" + v.reason
		if v.state == Closed {
			v.needs = []string{"a policy with a window that is still to come"}
		}
		return v
	}
	v := verdict{state: Open, reason: "Nothing is frozen"}
	if window != nil {
		v.reason = "In the change window" + window.words()
		v.facts = []string{"window" + window.words()}
		v.closesAt, v.look = c.lasts(now, end)
	}
	if freeze, at := starts(c.freezes, now); freeze != nil {
		if due := firstOf(v.closesAt, v.look); due.IsZero() || !at.After(due) {
			v.closesAt, v.look = at, time.Time{}
			v.reason += "; frozen" + freeze.words() + " from then on"
		}
	}
	if v.closesAt.IsZero() {
		v.reason += "."
	} else {
		v.reason += fmt.Sprintf("; closes %s.", clock(v.closesAt, c.zone))
	}
	return v
}

// lasts says when the windows that follow each other without a gap end, or how far that was looked at.
func (c *calendar) lasts(now, end time.Time) (closes, look time.Time) {
	for range steps {
		_, further := covered(c.windows, end)
		if further.IsZero() {
			return end, time.Time{}
		}
		end = further
	}
	return time.Time{}, end
}

// closed says when a calendar that is not open opens.
func (c *calendar) closed(now time.Time) verdict {
	at, look := now, time.Time{}
	for range steps {
		if at.After(now) {
			look = firstOf(look, at)
		}
		if freeze, end := covered(c.freezes, at); freeze != nil {
			if end.IsZero() {
				return verdict{state: Closed, reason: "; no end of it is known."}
			}
			at = end
			continue
		}
		if len(c.windows) > 0 {
			if window, _ := covered(c.windows, at); window == nil {
				next, start := starts(c.windows, at)
				if next == nil {
					return verdict{state: Closed, reason: "; no window comes any more."}
				}
				at = start
				continue
			}
		}
		return verdict{state: Pending, reason: fmt.Sprintf("; opens %s.", clock(at, c.zone)), opensAt: at}
	}
	return verdict{state: Pending, reason: fmt.Sprintf("; does not open before %s.", clock(at, c.zone)), look: look}
}

// words name a window or a freeze in a sentence.
func (c *cover) words() string {
	var parts []string
	if c.name != "" {
		parts = append(parts, c.name)
	}
	if c.spelled != "" {
		parts = append(parts, c.spelled)
	}
	out := ""
	if len(parts) > 0 {
		out = " (" + strings.Join(parts, ": ") + ")"
	}
	if c.reason != "" {
		out += ", because " + strings.TrimRight(c.reason, ". ")
	}
	return out
}

func clock(at time.Time, zone *time.Location) string {
	layout := "Mon 2 Jan 2006 15:04"
	if at.Second() != 0 {
		layout = "Mon 2 Jan 2006 15:04:05"
	}
	if zone == nil || zone == time.UTC {
		return at.UTC().Format(layout) + " UTC"
	}
	return fmt.Sprintf("%s (%s)", at.In(zone).Format(layout), zone)
}

// firstOf is the earliest of some instants that are known.
func firstOf(instants ...time.Time) time.Time {
	var first time.Time
	for _, t := range instants {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// freezeVerdict is the gate of the freezes that were declared outside of the policies.
func freezeVerdict(f *Facts, now time.Time) verdict {
	c := calendar{zone: time.UTC}
	for _, s := range f.Freezes {
		c.freezes = append(c.freezes, cover{name: s.Name, reason: s.Reason, span: s})
	}
	return c.verdict(now)
}
