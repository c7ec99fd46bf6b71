package policy

import (
	"fmt"
	"strings"
	"time"
)

// State is how a gate stands.
type State string

// An open gate lets the change pass. A pending one opens by itself, at a time or when something that runs is done. A
// closed one needs somebody to act. A broken one cannot be judged, and stays closed until it can.
const (
	Open    State = "open"
	Pending State = "pending"
	Closed  State = "closed"
	Broken  State = "broken"
)

// verdict is what one rule says of the facts at one instant.
type verdict struct {
	state    State
	reason   string // a sentence or two
	needs    []string
	facts    []string  // that it was reached by
	opensAt  time.Time // the first instant at which it opens, if nothing happens
	closesAt time.Time // the first instant at which it is no longer open, if nothing happens
	look     time.Time // when to evaluate again, if neither is known
}

var numbers = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}

// number writes how many of something, in words where they are few.
func number(n int) string {
	if n >= 0 && n < len(numbers) {
		return numbers[n]
	}
	return fmt.Sprint(n)
}

// listed joins names as a sentence does.
func listed(names []string, last string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}

// short is a commit as people name one.
func short(sha string) string {
	if len(sha) > 10 {
		return sha[:10]
	}
	return sha
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
