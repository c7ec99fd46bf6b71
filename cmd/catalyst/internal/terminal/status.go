package terminal

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// Status writes the components as a table, with the sums that matter.
func Status(out io.Writer, s step.Snapshot, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tSTATE\tPID\tPORT\tRESTARTS\tMEMORY\tSINCE\t")
	var own, rest int64
	for _, c := range s.Components {
		since := ""
		if c.Since != nil {
			since = ago(now.Sub(*c.Since))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", c.Name, c.State, number(c.PID), c.Port, c.Restarts, megabytes(c.MemoryBytes), since, c.Detail)
		if c.Own {
			own += c.MemoryBytes
		} else {
			rest += c.MemoryBytes
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	state := "starting"
	switch {
	case s.Error != "":
		state = "failed: " + s.Error
	case s.Ready:
		state = "ready"
	}
	nodes := "simulated nodes: no container really runs"
	if !s.Simulated {
		nodes = "an existing cluster"
	}
	_, err := fmt.Fprintf(out, "\nThe Sovereign is %s, with %s.\nConsole   %s\nMemory    Catalyst's own services %s, the servers beneath %s, together %s (anonymous)\n",
		state, nodes, s.ConsoleURL, megabytes(own), megabytes(rest), megabytes(own+rest))
	return err
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func megabytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d MB", n>>20)
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
