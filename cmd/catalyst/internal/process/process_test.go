package process

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// The test's own program plays the processes that are supervised.
func TestMain(m *testing.M) {
	switch os.Getenv("PLAY") {
	case "":
		os.Exit(m.Run())
	case "server": // answers on ADDR
		http.ListenAndServe(os.Getenv("ADDR"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck,gosec // it plays
			fmt.Fprint(w, os.Getpid())
		}))
		os.Exit(1)
	case "stubborn": // ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		http.ListenAndServe(os.Getenv("ADDR"), http.NotFoundHandler()) //nolint:errcheck,gosec // it plays
	case "child": // lives until it is killed
		fmt.Println("child", os.Getpid())
		select {}
	case "supervisor": // starts a child that shares its output, and lives until it is killed
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PLAY=child")
		cmd.Stdout = os.Stdout
		if err := NewSpawner().Start(cmd); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		select {}
	}
}

var quick = Timing{
	ProbeStarting: 5 * time.Millisecond, ProbeRunning: 20 * time.Millisecond, BackoffMin: time.Millisecond, BackoffMax: 50 * time.Millisecond,
	Settled: time.Minute, Hung: time.Minute, Grace: 50 * time.Millisecond,
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // only its number is wanted
	return ln.Addr().String()
}

func play(t *testing.T, name, role string, after ...string) sovereign.Component {
	t.Helper()
	addr := freeAddr(t)
	return sovereign.Component{
		Name: name, Title: name, Binary: os.Args[0], After: after, Ready: sovereign.Probe{URL: "http://" + addr},
		Env: map[string]string{"PLAY": role, "ADDR": addr},
	}
}

func newTestSupervisor(t *testing.T) (*Supervisor, *step.Board) {
	t.Helper()
	board := step.NewBoard("", true, time.Now)
	dir := t.TempDir()
	s := NewSupervisor(NewSpawner(), board, func(n string) string { return filepath.Join(dir, n+".log") }, quick)
	t.Cleanup(s.Stop)
	return s, board
}

// await waits for a state of the board, for as long as the test may take.
func await(t *testing.T, board *step.Board, name string, ok func(step.Component) bool) step.Component {
	t.Helper()
	for {
		snap, changed := board.Snapshot()
		for _, c := range snap.Components {
			if c.Name == name && ok(c) {
				return c
			}
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("%s did not get there: %+v", name, snap.Components)
		}
	}
}

func up(c step.Component) bool { return c.State == step.Up && c.PID != 0 }

func TestKilledProcessStartsAgain(t *testing.T) {
	s, board := newTestSupervisor(t)
	s.Declare(play(t, "web", "server"))
	s.Start("web")
	first := await(t, board, "web", up)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := await(t, board, "web", func(c step.Component) bool { return up(c) && c.Restarts == 1 })
	if second.PID == first.PID {
		t.Error("it is the same process")
	}
	if err := s.Wait(t.Context(), "web"); err != nil {
		t.Error(err)
	}
}

func TestStartsAfterOthers(t *testing.T) {
	s, board := newTestSupervisor(t)
	s.Declare(play(t, "second", "server", "first"))
	s.Declare(play(t, "first", "server"))
	s.Start("second")
	await(t, board, "second", func(c step.Component) bool { return c.State == step.Waiting && c.Detail == "waits for first" })
	s.Start("first")
	await(t, board, "second", up)
}

func TestStopEndsEvenTheStubborn(t *testing.T) {
	s, board := newTestSupervisor(t)
	s.Declare(play(t, "stubborn", "stubborn"))
	s.Start("stubborn")
	c := await(t, board, "stubborn", func(c step.Component) bool { return strings.Contains(c.Detail, "404") })
	s.Stop()
	if err := syscall.Kill(c.PID, 0); err == nil {
		t.Error("it still lives")
	}
	await(t, board, "stubborn", func(c step.Component) bool { return c.State == step.Stopped && c.PID == 0 })
}

func TestLevels(t *testing.T) {
	units := map[string]*unit{}
	for name, after := range map[string][]string{"etcd": nil, "api": {"etcd"}, "flux": {"api"}, "a": {"b"}, "b": {"a"}} {
		units[name] = &unit{name: name, spec: sovereign.Component{Name: name, After: after}}
	}
	at := map[string]int{}
	for i, l := range levels(units) {
		for _, u := range l {
			at[u.name] = i
		}
	}
	if at["etcd"] != 0 || at["api"] != 1 || at["flux"] != 2 || len(at) != 5 {
		t.Errorf("got %v", at)
	}
}

func TestWaitSaysWhy(t *testing.T) {
	s, board := newTestSupervisor(t)
	c := play(t, "absent", "server")
	c.Binary = "/does/not/exist"
	s.Declare(c)
	s.Start("absent")
	await(t, board, "absent", func(c step.Component) bool { return c.Restarts > 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Wait(ctx, "absent")
	if err == nil || !strings.Contains(err.Error(), "no such file") || !strings.Contains(step.Hint(err), "absent.log") {
		t.Errorf("got %v with hint %q", err, step.Hint(err))
	}
}

func TestNothingOutlivesTheSupervisor(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAY=supervisor")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "child ") {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The child holds the other end of the pipe: only its death ends the reading.
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // it was killed
}

func TestLogIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "a.log")
	l, err := OpenLog(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"12345678", "abcdefgh", "ABCDEFGH"} {
		if _, err := l.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path + ".1")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now, []byte("ABCDEFGH")) || !bytes.Equal(before, []byte("abcdefgh")) {
		t.Errorf("got %q after %q", now, before)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("KUBECONFIG", "/mine")
	t.Setenv("GIT_DIR", "/elsewhere")
	t.Setenv("CATALYST_HOME", "/home")
	t.Setenv("KEPT", "yes")
	env := strings.Join(Environment(map[string]string{"KEPT": "told", "CATALYST_LISTEN": "x"}), "\n")
	for _, bad := range []string{"KUBECONFIG=", "GIT_DIR=", "CATALYST_HOME=", "KEPT=yes"} {
		if strings.Contains(env, bad) {
			t.Errorf("%s is passed on", bad)
		}
	}
	for _, good := range []string{"KEPT=told", "CATALYST_LISTEN=x", "PATH="} {
		if !strings.Contains(env, good) {
			t.Errorf("%s is not passed on", good)
		}
	}
}

func TestWhy(t *testing.T) {
	if got := why(503, []byte(`{"waitingFor":{"nats":"not connected","gitea":"refused"}}`)); got != "waits for gitea: refused; nats: not connected" {
		t.Error(got)
	}
	if got := why(500, []byte("oops")); got != "it answers 500" {
		t.Error(got)
	}
}
