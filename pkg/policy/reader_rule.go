package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.yaml.in/yaml/v3"
)

// rule reads one rule and makes the function that judges it. When something of it is wrong, the function is not used.
func (r *reader) rule(n *yaml.Node, at string) (Rule, func(*Facts, time.Time) verdict) {
	rule := Rule{Severity: Blocking}
	kind := child(n, "kind")
	switch {
	case n.Kind != yaml.MappingNode:
		r.add(n, at, "must be a mapping of fields")
		return rule, nil
	case kind == nil:
		r.add(n, at+"/kind", "is required")
		return rule, nil
	}
	rule.Kind = oneOf(r, kind, at+"/kind", Kinds)
	if rule.Kind == "" {
		return rule, nil
	}
	known := fields{
		"kind": func(*yaml.Node, string) {},
		"name": func(n *yaml.Node, at string) {
			if rule.Name = r.text(n, at); rule.Name != "" && !ruleName.MatchString(rule.Name) {
				r.add(n, at, "must be a name of lower-case letters, digits and dashes")
			}
		},
		"severity": func(n *yaml.Node, at string) {
			rule.Severity = cmp.Or(oneOf(r, n, at, []Severity{Blocking, Warning, Audit}), Blocking)
		},
		"except": func(n *yaml.Node, at string) { rule.Except = words(r, n, at, []Change{Hotfix, Rollback}) },
	}
	read := map[Kind]func(*yaml.Node, string, *Rule, fields) func(*Facts, time.Time) verdict{
		PRRequired: r.prRequired, Soak: r.soak, ChangeWindow: r.changeWindow, ScoreGate: r.scoreGate, RequiredChecks: r.requiredChecks,
		Signature: r.signature, DependencyOrder: r.dependencyOrder, MaxParallel: r.maxParallel,
	}[rule.Kind]
	check := read(n, at, &rule, known)
	return rule, check
}

// fill reads the fields of a rule and asks for those that it cannot do without.
func (r *reader) fill(n *yaml.Node, at string, rule *Rule, known, own fields, required ...string) {
	maps.Copy(known, own)
	r.mapping(n, at, string(rule.Kind), known)
	for _, name := range required {
		if child(n, name) == nil {
			r.add(n, at+"/"+name, "is required by %s", rule.Kind)
		}
	}
}

func (r *reader) prRequired(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{
		"approvers":    func(n *yaml.Node, at string) { rule.Approvers = unique(r.texts(n, at)) },
		"minApprovals": func(n *yaml.Node, at string) { rule.MinApprovals = r.integer(n, at, 0, 20) },
		"minApprovalsByTeam": func(n *yaml.Node, at string) {
			rule.MinApprovalsByTeam = map[string]int{}
			if n.Kind != yaml.MappingNode || len(n.Content) == 0 || len(n.Content) > 2*maxList {
				r.add(n, at, "must be a mapping of teams to numbers")
				return
			}
			for i := 0; i+1 < len(n.Content); i += 2 {
				at := at + "/" + pointer(n.Content[i].Value)
				if team, least := r.text(n.Content[i], at), r.integer(n.Content[i+1], at, 1, 20); team != "" && least != nil {
					rule.MinApprovalsByTeam[team] = *least
				}
			}
		},
	})
	if rule.minApprovals() > 0 && child(n, "approvers") == nil && child(n, "minApprovalsByTeam") == nil {
		r.add(n, at+"/approvers", "is required by pr-required: it names the teams whose approvals count")
	}
	return prRequired(*rule)
}

func (r *reader) soak(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{
		"sourceEnvironment": func(n *yaml.Node, at string) { rule.SourceEnvironment = r.text(n, at) },
		"sourceEnvType":     func(n *yaml.Node, at string) { rule.SourceEnvType = oneOf(r, n, at, envTypes) },
		"duration":          func(n *yaml.Node, at string) { rule.Duration = r.duration(n, at) },
	}, "duration")
	if (child(n, "sourceEnvironment") == nil) == (child(n, "sourceEnvType") == nil) {
		r.add(n, at+"/sourceEnvironment", "is required by soak, or sourceEnvType in its place")
	}
	return soak(*rule)
}

func (r *reader) scoreGate(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{
		"minScore": func(n *yaml.Node, at string) { rule.MinScore = r.integer(n, at, 0, 100) },
		"maxAge":   func(n *yaml.Node, at string) { rule.MaxAge = r.duration(n, at) },
	}, "minScore")
	return scoreGate(*rule)
}

func (r *reader) requiredChecks(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{
		"checks":    func(n *yaml.Node, at string) { rule.Checks = unique(r.texts(n, at)) },
		"reporters": func(n *yaml.Node, at string) { rule.Reporters = unique(r.texts(n, at)) },
	}, "checks")
	return requiredChecks(*rule)
}

func (r *reader) signature(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{"signers": func(n *yaml.Node, at string) { rule.Signers = unique(r.texts(n, at)) }})
	return signature(*rule)
}

func (r *reader) dependencyOrder(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, nil)
	return dependencyOrder
}

func (r *reader) maxParallel(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	r.fill(n, at, rule, known, fields{"max": func(n *yaml.Node, at string) { rule.Max = r.integer(n, at, 1, 1000) }}, "max")
	return maxParallel(*rule)
}

// changeWindow reads the windows and freezes into a calendar. The short form is one window.
func (r *reader) changeWindow(n *yaml.Node, at string, rule *Rule, known fields) func(*Facts, time.Time) verdict {
	zone := time.UTC
	if tz := child(n, "timeZone"); tz != nil { // before the windows, which may do without one of their own
		zone = r.zone(tz, at+"/timeZone", zone)
	}
	var reserve Duration
	if res := child(n, "reserve"); res != nil {
		reserve = r.duration(res, at+"/reserve")
	}
	c := &calendar{zone: zone}
	r.fill(n, at, rule, known, fields{
		"timeZone": func(n *yaml.Node, _ string) { rule.TimeZone = n.Value },
		"reserve":  func(*yaml.Node, string) { rule.Reserve = reserve },
		"cron":     func(n *yaml.Node, at string) { rule.Cron = r.text(n, at) },
		"duration": func(n *yaml.Node, at string) { rule.Duration = r.duration(n, at) },
		"windows": func(n *yaml.Node, at string) {
			r.list(n, at, func(n *yaml.Node, at string) {
				w := r.window(n, at, zone, reserve, c)
				rule.Windows = append(rule.Windows, w)
			})
		},
		"freezes": func(n *yaml.Node, at string) {
			r.list(n, at, func(n *yaml.Node, at string) { rule.Freezes = append(rule.Freezes, r.freeze(n, at, zone, c)) })
		},
	})
	cron, duration := child(n, "cron"), child(n, "duration")
	switch {
	case len(c.windows) > maxCovers || len(c.freezes) > maxCovers:
		r.add(n, at+"/windows", "and freezes must be at most %d each", maxCovers)
	case (cron != nil || duration != nil) && child(n, "windows") != nil:
		r.add(n, at+"/windows", "stands in place of cron and duration; write one or the other")
	case (cron == nil) != (duration == nil):
		r.add(n, at+"/duration", "and cron make a window together; one of them is missing")
	case cron != nil:
		r.recurring(n, at, cover{}, Window{Cron: rule.Cron, Duration: rule.Duration}, reserve, zone, &c.windows)
	case child(n, "windows") == nil && child(n, "freezes") == nil:
		r.add(n, at+"/windows", "is required by change-window, or cron and duration, or freezes")
	}
	return func(_ *Facts, now time.Time) verdict { return c.verdict(now) }
}

func (r *reader) zone(n *yaml.Node, at string, otherwise *time.Location) *time.Location {
	zone, err := parseZone(r.text(n, at))
	if err != nil {
		r.add(n, at, "%s", err)
		return otherwise
	}
	return zone
}

func (r *reader) window(n *yaml.Node, at string, zone *time.Location, reserve Duration, c *calendar) Window {
	var w Window
	r.mapping(n, at, "a window", fields{
		"name":     func(n *yaml.Node, at string) { w.Name = r.text(n, at) },
		"cron":     func(n *yaml.Node, at string) { w.Cron = r.text(n, at) },
		"duration": func(n *yaml.Node, at string) { w.Duration = r.duration(n, at) },
		"timeZone": func(n *yaml.Node, at string) { w.TimeZone, zone = n.Value, r.zone(n, at, zone) },
	})
	for _, name := range []string{"cron", "duration"} {
		if child(n, name) == nil {
			r.add(n, at+"/"+name, "is required by a window")
		}
	}
	r.recurring(n, at, cover{name: w.Name}, w, reserve, zone, &c.windows)
	return w
}

// recurring adds a window or a freeze that comes again and again.
func (r *reader) recurring(n *yaml.Node, at string, c cover, w Window, reserve Duration, zone *time.Location, into *[]cover) {
	if w.Cron == "" || w.Duration == 0 { // which was said already
		return
	}
	s, err := parseSchedule(w.Cron, zone)
	if err != nil {
		r.add(cmp.Or(child(n, "cron"), n), at+"/cron", "%s", err)
		return
	}
	if reserve >= w.Duration {
		r.add(cmp.Or(child(n, "duration"), n), at+"/duration", "must be longer than the reserve of %s, or the window never takes a change", reserve)
		return
	}
	c.schedule, c.length = s, time.Duration(w.Duration-reserve)
	c.spelled = fmt.Sprintf("%s for %s", w.Cron, w.Duration)
	if reserve > 0 {
		c.spelled += fmt.Sprintf(" less %s", reserve)
	}
	if zone != time.UTC {
		c.spelled += ", " + zone.String()
	}
	*into = append(*into, c)
}

func (r *reader) freeze(n *yaml.Node, at string, zone *time.Location, c *calendar) Freeze {
	var f Freeze
	r.mapping(n, at, "a freeze", fields{
		"name":     func(n *yaml.Node, at string) { f.Name = r.text(n, at) },
		"reason":   func(n *yaml.Node, at string) { f.Reason = r.text(n, at) },
		"from":     func(n *yaml.Node, at string) { f.From = r.text(n, at) },
		"until":    func(n *yaml.Node, at string) { f.Until = r.text(n, at) },
		"cron":     func(n *yaml.Node, at string) { f.Cron = r.text(n, at) },
		"duration": func(n *yaml.Node, at string) { f.Duration = r.duration(n, at) },
		"timeZone": func(n *yaml.Node, at string) { f.TimeZone, zone = n.Value, r.zone(n, at, zone) },
	})
	has := func(name string) bool { return child(n, name) != nil }
	frozen := cover{name: f.Name, reason: f.Reason}
	switch {
	case has("cron") && has("duration") && !has("from") && !has("until"):
		r.recurring(n, at, frozen, Window{Cron: f.Cron, Duration: f.Duration}, 0, zone, &c.freezes)
	case has("from") && !has("cron") && !has("duration"):
		from, err := parseInstant(f.From, zone, false)
		if err != nil && f.From != "" {
			r.add(child(n, "from"), at+"/from", "%s", err)
		}
		frozen.span.From = from
		if f.Until != "" {
			until, err := parseInstant(f.Until, zone, true)
			if err != nil {
				r.add(child(n, "until"), at+"/until", "%s", err)
			} else if !until.After(from) {
				r.add(child(n, "until"), at+"/until", "must be after from")
			}
			frozen.span.Until = until
		}
		c.freezes = append(c.freezes, frozen)
	default:
		r.add(n, at, "must have from, and until if it ends, or cron and duration")
	}
	return f
}

// parseInstant reads a time with an offset, or one on the wall clock of the zone. As an end, a date is the end of the
// day, and a time that the clock shows twice is the second one: a freeze is never shorter than it reads.
func parseInstant(s string, zone *time.Location, end bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		wall, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if end && layout == time.DateOnly {
			wall = wall.AddDate(0, 0, 1)
		}
		at := firstShown(wall, zone)
		if end {
			at = lastInstant(wall, at, zone)
		}
		return at, nil
	}
	return time.Time{}, errors.New("must be a time such as 2026-12-20, 2026-12-20T18:00 or 2026-12-20T18:00:00Z")
}

// lastInstant at which the clock shows the time, of which the first one is known.
func lastInstant(wall, first time.Time, zone *time.Location) time.Time {
	last := first
	for at := first; ; {
		_, end, offset := period(at, zone)
		if again := wall.Add(-offset); !again.Before(at) && (end.IsZero() || again.Before(end)) {
			last = again
		}
		if end.IsZero() || end.After(first.Add(jump)) {
			return last
		}
		at = end
	}
}
