// Package terminal shows a Sovereign on a terminal: the steps of its bootstrap, redrawn in place on a screen and line
// by line in a file or pipe.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// Progress shows the steps of a bootstrap as they change.
type Progress struct {
	out io.Writer
	// screen tells that what was written can be written over.
	screen bool
	width  int

	drawn int
	told  map[string]step.State
	last  map[string]time.Time
	open  bool
}

// NewProgress writes to out; width is that of the screen, or 0 if it is none.
func NewProgress(out io.Writer, width int) *Progress {
	return &Progress{out: out, screen: width > 0, width: width, told: map[string]step.State{}, last: map[string]time.Time{}}
}

// Show brings what is shown up to date.
func (p *Progress) Show(s step.Snapshot, now time.Time) {
	if p.screen {
		p.redraw(s, now)
	} else {
		p.lines(s, now)
	}
	if s.ConsoleReachableAt != nil && !p.open && !p.screen {
		p.open = true
		fmt.Fprintf(p.out, "[%s] the console is open: %s\n", clock(s.ConsoleReachableAt.Sub(s.StartedAt)), s.ConsoleURL)
	}
}

func (p *Progress) redraw(s step.Snapshot, now time.Time) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	p.drawn = 0
	line := func(format string, args ...any) {
		text := []rune(fmt.Sprintf(format, args...))
		if len(text) >= p.width {
			text = append(text[:p.width-2], '…')
		}
		b.WriteString("\x1b[2K" + string(text) + "\n")
		p.drawn++
	}
	for _, st := range s.Steps {
		line(" %s %-58s %6s  %s", glyph(st.State), st.Title, elapsed(st, now), progress(st))
	}
	if s.ConsoleReachableAt != nil {
		line("   The console is open: %s", s.ConsoleURL)
	} else {
		line("   The console opens soon at %s", s.ConsoleURL)
	}
	fmt.Fprint(p.out, b.String())
}

func glyph(s step.State) string {
	switch s {
	case step.Done:
		return "✓"
	case step.Running:
		return "▸"
	case step.Failed:
		return "✗"
	case step.Pending:
	}
	return "·"
}

func elapsed(s step.Step, now time.Time) string {
	if s.StartedAt == nil {
		return ""
	}
	end := now
	if s.EndedAt != nil {
		end = *s.EndedAt
	}
	return clock(end.Sub(*s.StartedAt))
}

func clock(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

func progress(s step.Step) string {
	if s.State != step.Running {
		return s.Detail
	}
	if s.Progress > 0 {
		const cells = 20
		full := int(s.Progress * cells)
		return fmt.Sprintf("%s%s %3.0f%%  %s", strings.Repeat("█", full), strings.Repeat("░", cells-full), s.Progress*100, s.Detail)
	}
	return s.Detail
}

// lines tells each change of state once, and every ten seconds what is still going on.
func (p *Progress) lines(s step.Snapshot, now time.Time) {
	at := clock(now.Sub(s.StartedAt))
	for _, st := range s.Steps {
		if p.told[st.ID] != st.State {
			p.told[st.ID] = st.State
			p.last[st.ID] = now
			switch st.State {
			case step.Running:
				fmt.Fprintf(p.out, "[%s] %s …\n", at, st.Title)
			case step.Done:
				fmt.Fprintf(p.out, "[%s] %s: done in %s%s\n", at, st.Title, elapsed(st, now), bracket(st.Detail))
			case step.Failed:
				fmt.Fprintf(p.out, "[%s] %s: failed\n", at, st.Title)
			case step.Pending:
			}
			continue
		}
		if st.State == step.Running && now.Sub(p.last[st.ID]) >= 10*time.Second {
			p.last[st.ID] = now
			percent := ""
			if st.Progress > 0 {
				percent = fmt.Sprintf(" %.0f%%", st.Progress*100)
			}
			fmt.Fprintf(p.out, "[%s] %s:%s%s\n", at, st.Title, percent, bracket(st.Detail))
		}
	}
}

func bracket(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
