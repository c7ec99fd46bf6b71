package policy

import (
	"testing"
	"time"
)

// What a change window says of itself, to the second, and that it keeps it.
func TestChangeWindows(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		out, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const (
		afternoon = "  - {kind: change-window, cron: '0 14 * * 2,4', duration: 2h}\n"
		berlin    = "  - {kind: change-window, cron: 30 2 * * *, duration: 2h, timeZone: Europe/Berlin}\n"
		glass     = "  breakGlass: {roles: [security-officer], maxDuration: 8h}\n"
	)
	grant := func(from, until string) Grant {
		return Grant{ID: "g", By: "sam", Role: "security-officer", Commit: head, Reason: "r", Ticket: "t", At: at(from), Until: at(until)}
	}
	for _, c := range []struct {
		reason, rules, now, opens, closes string
		state                             State
		grant                             Grant
	}{
		{reason: "before", rules: afternoon, now: "2026-11-24T13:59:59Z", state: Pending, opens: "2026-11-24T14:00:00Z"},
		{reason: "its first instant", rules: afternoon, now: "2026-11-24T14:00:00Z", state: Open, closes: "2026-11-24T16:00:00Z"},
		{reason: "its last second", rules: afternoon, now: "2026-11-24T15:59:59Z", state: Open, closes: "2026-11-24T16:00:00Z"},
		{reason: "its end", rules: afternoon, now: "2026-11-24T16:00:00Z", state: Pending, opens: "2026-11-26T14:00:00Z"},
		{reason: "the reserve", rules: "  - {kind: change-window, cron: '0 14 * * 2,4', duration: 2h, reserve: 30m}\n", now: "2026-11-24T15:30:00Z", state: Pending, opens: "2026-11-26T14:00:00Z"},
		{reason: "windows that meet", rules: "  - {kind: change-window, windows: [{cron: 0 14 * * 2, duration: 2h}, {cron: 0 16 * * 2, duration: 1h}, {cron: 30 15 * * 2, duration: 3h}]}\n", now: "2026-11-24T14:00:00Z", state: Open, closes: "2026-11-24T18:30:00Z"},
		{reason: "always", rules: "  - {kind: change-window, cron: '* * * * *', duration: 1m}\n", now: "2026-11-24T14:00:30Z", state: Open},
		{reason: "a freeze begins in the window", rules: "  - {kind: change-window, cron: 0 14 * * 2, duration: 2h, freezes: [{from: '2026-11-24T15:00:00Z', until: '2026-11-24T15:30:00Z'}]}\n", now: "2026-11-24T14:10:00Z", state: Open, closes: "2026-11-24T15:00:00Z"},
		{reason: "a freeze in the window", rules: "  - {kind: change-window, cron: 0 14 * * 2, duration: 2h, freezes: [{from: '2026-11-24T15:00:00Z', until: '2026-11-24T15:30:00Z'}]}\n", now: "2026-11-24T15:00:00Z", state: Pending, opens: "2026-11-24T15:30:00Z"},
		{reason: "frozen when the window opens", rules: "  - {kind: change-window, cron: '0 14 * * 2,4', duration: 2h, freezes: [{from: 2026-11-24, until: 2026-11-25}]}\n", now: "2026-11-23T15:00:00Z", state: Pending, opens: "2026-11-26T14:00:00Z"},
		{reason: "frozen for good", rules: "  - {kind: change-window, freezes: [{from: 2026-11-24}]}\n", now: "2026-11-25T15:00:00Z", state: Closed},
		{reason: "frozen for good, from tomorrow", rules: "  - {kind: change-window, freezes: [{from: 2026-11-24}]}\n", now: "2026-11-23T15:00:00Z", state: Open, closes: "2026-11-24T00:00:00Z"},
		{reason: "a month's end again and again", rules: "  - {kind: change-window, freezes: [{cron: 0 0 L * *, duration: 2d}]}\n", now: "2028-02-29T15:00:00Z", state: Pending, opens: "2028-03-02T00:00:00Z"},
		{reason: "a time that the clock skips", rules: berlin, now: "2026-03-29T00:00:00Z", state: Pending, opens: "2026-03-29T01:00:00Z"},
		{reason: "and lasts as long as it says", rules: berlin, now: "2026-03-29T01:00:00Z", state: Open, closes: "2026-03-29T03:00:00Z"},
		{reason: "a time that the clock shows twice", rules: berlin, now: "2026-10-25T00:00:00Z", state: Pending, opens: "2026-10-25T00:30:00Z"},
		{reason: "comes once", rules: berlin, now: "2026-10-25T02:30:00Z", state: Pending, opens: "2026-10-26T01:30:00Z"},
		{reason: "broken glass", rules: afternoon + glass, now: "2026-11-24T12:00:00Z", state: Open, closes: "2026-11-24T13:00:00Z", grant: grant("2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z")},
		{reason: "broken glass until the window opens", rules: afternoon + glass, now: "2026-11-24T12:00:00Z", state: Open, grant: grant("2026-11-24T11:00:00Z", "2026-11-24T14:00:00Z")},
		{reason: "broken glass over the end of the window", rules: afternoon + glass, now: "2026-11-24T15:00:00Z", state: Open, grant: grant("2026-11-24T11:00:00Z", "2026-11-24T17:00:00Z")},
		{reason: "broken glass that begins later", rules: afternoon + glass, now: "2026-11-24T10:00:00Z", state: Pending, opens: "2026-11-24T11:00:00Z", grant: grant("2026-11-24T11:00:00Z", "2026-11-24T17:00:00Z")},
	} {
		p, f := mustParse(t, withRules("p", c.rules)), fine()
		f.Grants = []Grant{c.grant}
		d := Evaluate([]Policy{p}, f, at(c.now))
		g := d.Gates[0]
		if g.State != c.state || !g.OpensAt.Equal(at(c.opens)) || !g.ClosesAt.Equal(at(c.closes)) {
			t.Errorf("%s: %s, opens %s, closes %s: %s", c.reason, g.State, g.OpensAt, g.ClosesAt, g.Reason)
		}
		for _, change := range []time.Time{g.OpensAt, g.ClosesAt} {
			if change.IsZero() {
				continue
			}
			if before, then := Evaluate([]Policy{p}, f, change.Add(-1)), Evaluate([]Policy{p}, f, change); before.Allowed != d.Allowed || then.Allowed == d.Allowed {
				t.Errorf("%s: before %s %v, then %v", c.reason, change, before.Allowed, then.Allowed)
			}
		}
		if d.NextLook.IsZero() && c.state != Closed {
			t.Errorf("%s: never looked at again", c.reason)
		}
	}
}
