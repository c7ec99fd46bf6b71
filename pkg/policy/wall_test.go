package policy

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// zones are all IANA time zones.
func zones(t testing.TB) []*time.Location {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var out []*time.Location
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		zone, err := time.LoadLocation(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, zone)
	}
	if len(out) < 500 {
		t.Fatalf("only %d zones", len(out))
	}
	return out
}

// transitions of a zone's clock from one year to another.
func transitions(zone *time.Location, from, until int) []time.Time {
	var out []time.Time
	at := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
	for {
		_, end, before := period(at, zone)
		if end.IsZero() || end.Year() >= until {
			return out
		}
		if _, _, after := period(end, zone); after != before {
			out = append(out, end)
		}
		at = end
	}
}

// plan is a cron expression of which the meaning is known without a parser.
type plan struct {
	minutes, hours, weekdays, mdays []int // none: any
}

func (p plan) comes(wall time.Time) bool {
	in := func(list []int, v int) bool {
		for _, l := range list {
			if l == v {
				return true
			}
		}
		return len(list) == 0
	}
	day := in(p.weekdays, int(wall.Weekday())) && in(p.mdays, wall.Day())
	if len(p.weekdays) > 0 && len(p.mdays) > 0 {
		day = in(p.weekdays, int(wall.Weekday())) || in(p.mdays, wall.Day())
	}
	return in(p.minutes, wall.Minute()) && in(p.hours, wall.Hour()) && day
}

func (p plan) spell() string {
	field := func(list []int) string {
		if len(list) == 0 {
			return "*"
		}
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")
	}
	return fmt.Sprintf("%s %s %s * %s", field(p.minutes), field(p.hours), field(p.mdays), field(p.weekdays))
}

// scan finds every instant in a time at which the plan comes, by walking through it minute by minute.
func (p plan) scan(from, until time.Time, zone *time.Location) []time.Time {
	var out []time.Time
	var shown time.Time
	for at := from.Add(-jump).Truncate(time.Minute); at.Before(until); at = at.Add(time.Minute) {
		_, offset := at.In(zone).Zone()
		wall := at.UTC().Add(time.Duration(offset) * time.Second).Truncate(time.Minute)
		if shown.IsZero() {
			shown = wall
		}
		if wall.Sub(shown) > 24*time.Hour { // a clock that skipped a day, as in Samoa
			shown = wall.Add(-25 * time.Hour)
		}
		came := false
		for m := shown.Add(time.Minute); !m.After(wall); m = m.Add(time.Minute) {
			came = came || p.comes(m)
			shown = m
		}
		if came && !at.Before(from) {
			out = append(out, at)
		}
	}
	return out
}

// The schedule comes when a walk through every minute says it does, at each change of the clock of every time zone.
func TestSchedulesAtEveryChangeOfTheClock(t *testing.T) {
	plans := []plan{
		{minutes: []int{30}, hours: []int{2}},
		{minutes: []int{0}, hours: []int{0, 1, 2, 3}},
		{minutes: []int{15, 45}},
		{minutes: []int{0}, hours: []int{1}, weekdays: []int{0}, mdays: []int{26}},
	}
	changes := 0
	for z, zone := range zones(t) {
		for i, change := range transitions(zone, 2023, 2031) {
			changes++
			p := plans[(z+i)%len(plans)]
			s, err := parseSchedule(p.spell(), zone)
			if err != nil {
				t.Fatal(err)
			}
			from, until := change.Add(-8*time.Hour), change.Add(28*time.Hour)
			want := p.scan(from, until, zone)
			at := from.Add(-1)
			for _, w := range want {
				next, ok := s.next(at)
				if !ok || !next.Equal(w) {
					t.Fatalf("%s in %s: after %s comes %s, not %s", p.spell(), zone, at, next.In(zone), w.In(zone))
				}
				if last, ok := s.last(w); !ok || !last.Equal(w) {
					t.Fatalf("%s in %s: at %s it came last %s", p.spell(), zone, w.In(zone), last.In(zone))
				}
				if last, ok := s.last(w.Add(-1)); ok && !last.Before(w) {
					t.Fatalf("%s in %s: just before %s it came last %s", p.spell(), zone, w.In(zone), last.In(zone))
				}
				at = w
			}
			if next, ok := s.next(at); ok && next.Before(until.Truncate(time.Minute)) {
				t.Fatalf("%s in %s: comes at %s too", p.spell(), zone, next.In(zone))
			}
		}
	}
	if changes < 1000 {
		t.Fatalf("only %d changes of clocks", changes)
	}
}

// And so it does on any day of half a century, leap days and skipped days included.
func TestSchedulesOverTheYears(t *testing.T) {
	all := zones(t)
	some := func(t *rapid.T, what string, from, to, most int) []int {
		return rapid.SliceOfNDistinct(rapid.IntRange(from, to), 0, most, rapid.ID[int]).Draw(t, what)
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(all).Draw(t, "zone")
		p := plan{minutes: some(t, "minutes", 0, 59, 3), hours: some(t, "hours", 0, 23, 4), weekdays: some(t, "weekdays", 0, 6, 3), mdays: some(t, "days", 1, 31, 3)}
		from := time.Unix(int64(rapid.IntRange(160_000_000, 2_500_000_000).Draw(t, "from")), 0).Truncate(time.Minute)
		if near := rapid.SampledFrom(append(transitions(zone, 1976, 2048), from)).Draw(t, "near"); rapid.Bool().Draw(t, "at a change") {
			from = near.Add(-time.Duration(rapid.IntRange(0, 3000).Draw(t, "before")) * time.Minute)
		}
		until := from.Add(50 * time.Hour)
		s, err := parseSchedule(p.spell(), zone)
		if err != nil {
			t.Fatal(err)
		}
		at := from.Add(-1)
		for _, w := range p.scan(from, until, zone) {
			next, _ := s.next(at)
			last, _ := s.last(w.Add(time.Duration(rapid.IntRange(0, 59).Draw(t, "seconds")) * time.Second))
			if !next.Equal(w) || !last.Equal(w) {
				t.Fatalf("%s in %s: after %s comes %s, came last %s, want %s", p.spell(), zone, at, next.In(zone), last.In(zone), w.In(zone))
			}
			at = w
		}
		if next, ok := s.next(at); ok && next.Before(until) {
			t.Fatalf("%s in %s: comes at %s too", p.spell(), zone, next.In(zone))
		}
	})
}

func TestWordsOfCron(t *testing.T) {
	for expression, want := range map[string]string{
		"0 14 * * 2,4":     "2026-11-26T14:00:00Z", // noon is a Tuesday, and 14:00 of it has passed at 15:00
		"0 14 * * TUE#1":   "2026-12-01T14:00:00Z",
		"0 14 * * FRI#L":   "2026-11-27T14:00:00Z",
		"0 14 L * *":       "2026-11-30T14:00:00Z",
		"0 14 LW 1 *":      "2027-01-29T14:00:00Z",
		"0 14 13 * FRI":    "2026-11-27T14:00:00Z", // either day is enough
		"0 0 29 2 *":       "2028-02-29T00:00:00Z",
		"*/20 16-17 * * *": "2026-11-24T16:00:00Z",
		"0 9 * MAR thu":    "2027-03-04T09:00:00Z",
	} {
		s, err := parseSchedule(expression, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if next, _ := s.next(noon.Add(3 * time.Hour)); next.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, want %s", expression, next.Format(time.RFC3339), want)
		}
	}
}

func TestFreezesReadAsPeopleMeanThem(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		end  bool
		want string
	}{
		{"2026-12-20", false, "2026-12-19T23:00:00Z"},
		{"2027-01-03", true, "2027-01-03T23:00:00Z"},        // with the day
		{"2026-10-25T02:30", false, "2026-10-25T00:30:00Z"}, // the clock shows it twice: the first time begins
		{"2026-10-25T02:30", true, "2026-10-25T01:30:00Z"},  // and the second one ends
		{"2026-03-29 02:30", true, "2026-03-29T01:00:00Z"},  // the clock skips it
		{"2026-12-20T18:00:00+05:30", true, "2026-12-20T12:30:00Z"},
	} {
		at, err := parseInstant(c.text, berlin, c.end)
		if err != nil || at.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.text, at.UTC().Format(time.RFC3339), err, c.want)
		}
	}
}
