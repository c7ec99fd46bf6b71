package terminal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/step"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds int) *time.Time {
	t := t0.Add(time.Duration(seconds) * time.Second)
	return &t
}

func TestLines(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, 0)
	s := step.Snapshot{StartedAt: t0, ConsoleURL: "http://console", Steps: []step.Step{{ID: "a", Title: "Build", State: step.Running, StartedAt: at(0)}}}
	p.Show(s, *at(0))
	p.Show(s, *at(5))
	s.Steps[0].Progress, s.Steps[0].Detail = 0.5, "half"
	p.Show(s, *at(11))
	s.Steps[0].State, s.Steps[0].EndedAt, s.Steps[0].Detail, s.ConsoleReachableAt = step.Done, at(75), "all", at(70)
	p.Show(s, *at(75))
	p.Show(s, *at(80))
	want := "[0.0s] Build …\n[11.0s] Build: 50% (half)\n[1m15s] Build: done in 1m15s (all)\n[1m10s] the console is open: http://console\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestScreenFitsItsWidth(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, 40)
	s := step.Snapshot{StartedAt: t0, Steps: []step.Step{
		{ID: "a", Title: strings.Repeat("long ", 20), State: step.Running, Progress: 0.4, StartedAt: at(0)},
		{ID: "b", Title: "Waiting", State: step.Pending},
	}}
	p.Show(s, *at(1))
	p.Show(s, *at(2))
	text := out.String()
	if strings.Count(text, "\x1b[3A") != 1 {
		t.Errorf("it is not drawn over itself: %q", text)
	}
	for line := range strings.Lines(strings.NewReplacer("\x1b[2K", "", "\x1b[3A", "").Replace(text)) {
		if n := len([]rune(line)); n > 40 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestStatus(t *testing.T) {
	var out strings.Builder
	err := Status(&out, step.Snapshot{Ready: true, Simulated: true, ConsoleURL: "http://console", Components: []step.Component{
		{Name: "gateway", Own: true, State: step.Up, PID: 12, Port: 7080, MemoryBytes: 20 << 20, Since: at(0)},
		{Name: "etcd", State: step.Restarting, Restarts: 3, Detail: "exit status 1", MemoryBytes: 30 << 20},
	}}, *at(4000))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"gateway", "1h06m", "exit status 1", "own services 20 MB", "together 50 MB", "simulated nodes", "is ready"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(path, []byte("1\n2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Logs(t.Context(), &out, []LogFile{{path, "a: "}, {path + ".none", ""}}, 2, false); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a: 2\na: 3\n" {
		t.Errorf("got %q", out.String())
	}
	out.Reset()
	f := LogFile{path, ""}
	if at := more(&out, f, 4); at != 6 || out.String() != "3\n" {
		t.Errorf("got %q up to %d", out.String(), at)
	}
	if err := os.WriteFile(path, []byte("new\nhalf"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if at := more(&out, f, 100); at != 4 || out.String() != "new\n" {
		t.Errorf("got %q up to %d", out.String(), at)
	}
}
