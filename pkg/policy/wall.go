package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the time zones are there on every machine

	"github.com/netresearch/go-cron"
)

// A schedule is searched on the wall, as times in UTC, where no clock is ever changed; firstShown and lastShown are the
// only places that know of daylight saving. A time that a clock skips counts at the instant of the skip, and a time
// that it shows twice counts the first time.

// jump is more than any zone ever moved its clocks, plus the largest offset.
const jump = 52 * time.Hour

// firstShown is the first instant at which a clock in the zone shows the time, or has jumped past it.
func firstShown(wall time.Time, zone *time.Location) time.Time {
	at := wall.Add(-jump)
	for {
		start, end, offset := period(at, zone)
		instant := wall.Add(-offset)
		switch {
		case !end.IsZero() && !instant.Before(end):
			at = end
		case instant.Before(start):
			return start.UTC()
		default:
			return instant.UTC()
		}
	}
}

// lastShown is the greatest time, in whole seconds, that a clock in the zone has shown or jumped past at an instant.
func lastShown(instant time.Time, zone *time.Location) time.Time {
	start, _, offset := period(instant, zone)
	shown := instant.UTC().Add(offset).Truncate(time.Second)
	for !start.IsZero() && !start.Before(instant.Add(-jump)) {
		end := start
		start, _, offset = period(end.Add(-1), zone)
		if before := end.UTC().Add(offset - time.Second); before.After(shown) {
			shown = before
		}
	}
	return shown
}

// period is a time around the instant in which the clock is not changed; zero is for ever. It may be shorter than it
// could be, but it always holds the instant: time.ZoneBounds ends too early on the last day of a leap year.
func period(at time.Time, zone *time.Location) (start, end time.Time, offset time.Duration) {
	local := at.In(zone)
	_, seconds := local.Zone()
	start, end = local.ZoneBounds()
	if start.After(at) {
		start = at
	}
	if !end.IsZero() && !end.After(at) {
		end = at.Add(time.Hour)
	}
	return start, end, time.Duration(seconds) * time.Second
}

// schedule is a cron expression on the wall clock of a zone.
type schedule struct {
	cron cron.ScheduleWithPrev
	zone *time.Location
}

// years is how far a schedule is searched: a 29th of February that is a Monday can be that far away.
const years = 40

func parseSchedule(expression string, zone *time.Location) (schedule, error) {
	if len(expression) > 120 || strings.ContainsFunc(expression, func(r rune) bool {
		return r > 'z' || !strings.ContainsRune("*/,-#? ", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return schedule{}, errors.New("must be a cron expression of five fields, such as 0 14 * * 2,4")
	}
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		return schedule{}, fmt.Errorf("must have five fields (minute, hour, day of the month, month, day of the week), not %d", len(fields))
	}
	for _, field := range fields {
		if slices.Contains(strings.Split(field, ","), "") {
			return schedule{}, fmt.Errorf("has nothing beside a comma in %q", field)
		}
	}
	// With DowOrDom a day of the month and a day of the week are read as cron always did: either is enough.
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Extended)
	if err != nil {
		return schedule{}, err
	}
	parsed, err := parser.WithMaxSearchYears(years).Parse(strings.ToLower(strings.Join(fields, " "))) // in capitals it takes the H of THU for a hash
	if err != nil {
		return schedule{}, fmt.Errorf("is not a cron expression: %w", err)
	}
	both, ok := parsed.(cron.ScheduleWithPrev)
	if !ok {
		return schedule{}, errors.New("is a cron expression that cannot be searched backwards")
	}
	s := schedule{cron: both, zone: zone}
	if both.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return schedule{}, errors.New("never comes: there is no such day")
	}
	return s, nil
}

// last time that the schedule came, at the instant or before it.
func (s schedule) last(instant time.Time) (time.Time, bool) {
	wall := s.cron.Prev(lastShown(instant, s.zone).Add(time.Second))
	if wall.IsZero() {
		return time.Time{}, false
	}
	return firstShown(wall, s.zone), true
}

// next time that the schedule comes, after the instant.
func (s schedule) next(instant time.Time) (time.Time, bool) {
	wall := s.cron.Next(lastShown(instant, s.zone))
	if wall.IsZero() {
		return time.Time{}, false
	}
	return firstShown(wall, s.zone), true
}

// parseZone reads the name of an IANA time zone; none is UTC.
func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if name == "Local" || len(name) > 60 {
		return nil, errors.New("must be the name of a time zone, such as Europe/Berlin")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New("is not a time zone that is known; it must be a name such as Europe/Berlin")
	}
	return zone, nil
}
