package policy

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const replayed = `  - {kind: pr-required, approvers: [team-a, team-b], minApprovals: 2, minApprovalsByTeam: {team-b: 1}}
  - {kind: soak, sourceEnvironment: acme-stg, duration: 3h}
  - {kind: change-window, cron: 0 8 * * *, duration: 10h}
  - {kind: required-checks, checks: [ci]}
`

var replayTeams = map[string]string{"ada": "team-a", "max": "team-a", "lin": "team-b", "noor": "team-b", "eve": "none"}

// story is what happens to one promotion: the log as it happened, and the facts as they were recorded on the way, by a
// clock that somebody moves.
type story struct {
	now   time.Time
	facts Facts
	next  int64

	// what the log says, by the order of events and not by their times
	approved map[string]string // by whom, which commit
	objected map[string]bool
	ci       string // commit of which the last check was a success
}

const half = 30 * time.Minute

func (s *story) review(who string, state ReviewState) {
	s.next++
	s.facts.Approvals = append(s.facts.Approvals, Approval{ID: s.next, Reviewer: who, Teams: []string{replayTeams[who]}, Commit: s.facts.Head, State: state, At: s.now})
	if state == Approved {
		s.approved[who] = s.facts.Head
		delete(s.objected, who)
	} else {
		delete(s.approved, who)
		s.objected[who] = true
	}
}

func (s *story) dismiss(i int) {
	a := &s.facts.Approvals[i]
	a.Dismissed = true
	for _, later := range s.facts.Approvals[i+1:] {
		if later.Reviewer == a.Reviewer {
			return // it was no longer the last word
		}
	}
	delete(s.approved, a.Reviewer)
	delete(s.objected, a.Reviewer)
}

// runs records what runs in the source Environment from now on.
func (s *story) runs(commit string, health Health) {
	if n := len(s.facts.History); n > 0 {
		s.facts.History[n-1].Until = s.now
	}
	s.facts.History = append(s.facts.History, Interval{Environment: "acme-stg", Commit: commit, Health: health, From: s.now})
}

// stopped says why the policy, replayed over the log and the recorded times, would have stopped the merge.
func (s *story) stopped() string {
	count, security := 0, 0
	for who, commit := range s.approved {
		if commit != s.facts.Head || who == s.facts.Author || who == s.facts.LastPusher || replayTeams[who] == "none" {
			continue
		}
		count++
		if replayTeams[who] == "team-b" {
			security++
		}
	}
	for who := range s.objected {
		if replayTeams[who] != "none" {
			return who + " objects"
		}
	}
	switch {
	case count < 2 || security < 1:
		return fmt.Sprintf("%d approvals, %d of team-b", count, security)
	case s.now.Hour() < 8 || s.now.Hour() >= 18:
		return "the window is closed"
	case s.ci != s.facts.Head:
		return "the check did not pass on the head"
	case !s.soaked():
		return "it has not soaked"
	}
	return ""
}

// soaked walks through the recorded time by half hours.
func (s *story) soaked() bool {
	if len(s.facts.History) == 0 {
		return false
	}
	start := s.facts.History[0].From
	for _, h := range s.facts.History {
		if h.From.Before(start) {
			start = h.From
		}
	}
	run, done := 0, false
	for at := start; !at.After(s.now); at = at.Add(half) {
		done = done || run >= int(3*time.Hour/half)
		healthy, bad, worse := false, false, false
		for _, h := range s.facts.History {
			end := h.Until
			if end.IsZero() {
				end = s.now.Add(1000 * half)
			}
			in := !at.Before(h.From) && at.Before(end)
			if h.Commit == s.facts.Head && h.Health == Healthy {
				healthy = healthy || in
				continue
			}
			touches := in || at.Equal(h.From)
			bad = bad || touches
			worse = worse || touches && h.Commit == s.facts.Head && h.Health == Unhealthy
			if at.Equal(h.From) && !in { // it lasted no time: what was before is over, and this half hour may be good
				run, bad = 0, bad && !touches
			}
		}
		if worse {
			done = false
		}
		if healthy && !bad {
			run++
		} else {
			run = 0
		}
	}
	return done
}

// No sequence of pushes, approvals, objections, dismissals, rollbacks, moved clocks and restarts lets a commit through
// that the policy, replayed over the facts afterwards, would have stopped.
func TestNothingGetsThroughThatAReplayWouldStop(t *testing.T) {
	merged := 0
	rapid.Check(t, func(t *rapid.T) {
		policy := mustParse(t, withRules("p", replayed))
		s := &story{now: time.Date(2026, 3, 27, 5, 0, 0, 0, time.UTC), approved: map[string]string{}, objected: map[string]bool{}}
		s.facts = Facts{ID: "1", Environment: "acme-prod", Head: "c0", Author: "noor", LastPusher: "noor", PullRequest: 1}
		pushes := 0
		people := []string{"ada", "max", "lin", "noor", "eve", "ada", "lin"}
		for range rapid.IntRange(10, 80).Draw(t, "events") {
			switch rapid.SampledFrom([]string{"wait", "wait", "wait", "approve", "approve", "approve", "approve", "object", "dismiss", "push", "check", "check", "run", "run", "other", "sick", "unseen", "clock", "restart"}).Draw(t, "event") {
			case "wait":
				s.now = s.now.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "for")) * half)
			case "clock":
				s.now = s.now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "step")) * half)
			case "approve":
				s.review(rapid.SampledFrom(people).Draw(t, "who"), Approved)
			case "object":
				s.review(rapid.SampledFrom(people).Draw(t, "who"), ChangesRequested)
			case "dismiss":
				if n := len(s.facts.Approvals); n > 0 {
					s.dismiss(rapid.IntRange(0, n-1).Draw(t, "which"))
				}
			case "push":
				pushes++
				s.facts.Head, s.facts.LastPusher = fmt.Sprint("c", pushes), rapid.SampledFrom(people).Draw(t, "who")
			case "check":
				s.next++
				state := rapid.SampledFrom([]CheckState{CheckSuccess, CheckSuccess, CheckFailure}).Draw(t, "state")
				s.facts.Checks = append(s.facts.Checks, Check{ID: s.next, Name: "ci", Commit: s.facts.Head, State: state, At: s.now})
				s.ci = ""
				if state == CheckSuccess {
					s.ci = s.facts.Head
				}
			case "run":
				s.runs(s.facts.Head, Healthy)
			case "other":
				s.runs("other", Healthy)
			case "sick":
				s.runs(s.facts.Head, Unhealthy)
			case "unseen":
				s.runs(s.facts.Head, Unknown)
			case "restart": // everything is read again from what was written down
				policy = mustParse(t, withRules("p", replayed))
				b, err := json.Marshal(s.facts)
				if err != nil {
					t.Fatal(err)
				}
				s.facts = Facts{}
				if err := json.Unmarshal(b, &s.facts); err != nil {
					t.Fatal(err)
				}
			}
			if d := Evaluate([]Policy{policy}, s.facts, s.now); d.Allowed {
				merged++
				if why := s.stopped(); why != "" {
					t.Fatalf("merged %s at %s, and %s:\n%+v\n%s", s.facts.Head, s.now, why, d, encoded(t, s.facts))
				}
			}
		}
	})
	if merged == 0 {
		t.Error("nothing was ever merged: the test shows nothing")
	}
}
