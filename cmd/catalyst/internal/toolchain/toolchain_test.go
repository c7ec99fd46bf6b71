package toolchain

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

func TestCounter(t *testing.T) {
	var done float64
	var detail string
	c := &counter{programs: 1, progress: func(d float64, s string) { done, detail = d, s }}
	for _, tc := range []struct {
		line, want string
	}{
		{"go: downloading k8s.io/api v0.36.4", "1 modules downloaded"},
		{"k8s.io/api/core/v1", "1 packages compiled"},
		{"# a/package", "1 packages compiled"},
		{"file.go:1:2: wrong", "1 packages compiled"},
	} {
		c.line(tc.line)
		if detail != tc.want {
			t.Errorf("after %q: %q, want %q", tc.line, detail, tc.want)
		}
	}
	c.total(3)
	if done <= 0 || done >= 0.5 || detail != "1 of 4 packages compiled" {
		t.Errorf("got %v, %q", done, detail)
	}
	c.line("a")
	c.line("b")
	if done != 0.97 || detail != "3 packages compiled, linking" {
		t.Errorf("got %v, %q", done, detail)
	}
}

func TestExplain(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, tc := range []struct {
		reason string
		err    error
		lines  []string
		want   string
		hint   string
	}{
		{"a full disk is named", exit, []string{"write /tmp/x: no space left on device"}, "the disk is full", "go clean -cache"},
		{"a missing tool is named", &exec.Error{Name: "npm", Err: exec.ErrNotFound}, nil, "npm is not installed", "install npm"},
		{"no network", exit, []string{"dial tcp: lookup proxy.golang.org: no such host"}, "dial tcp", "network"},
		{"anything else shows its end", exit, []string{"x.go:1: undefined: y"}, "undefined: y", "/log"},
	} {
		err := explain("x", "/log", "npm", tc.err, tc.lines)
		if !strings.Contains(err.Error(), tc.want) || !strings.Contains(step.Hint(err), tc.hint) {
			t.Errorf("%s: %v / %s", tc.reason, err, step.Hint(err))
		}
	}
}

func TestFailedToolShowsItsEnd(t *testing.T) {
	log := filepath.Join(t.TempDir(), "tool.log")
	tools := &Toolchain{Spawner: process.NewSpawner(), Log: func(string) string { return log }}
	err := tools.Tool(t.Context(), "tool", "sh", "-c", "for i in $(seq 40); do echo line $i; done; echo broken here >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "broken here") || strings.Contains(err.Error(), "line 7\n") {
		t.Errorf("got %v", err)
	}
	if b, rerr := os.ReadFile(log); rerr != nil || !strings.Contains(string(b), "line 7\n") {
		t.Errorf("the log holds %q (%v)", b, rerr)
	}
}

func TestTail(t *testing.T) {
	var l tail
	for _, s := range []string{"npm error code EUSAGE", "npm error", "npm error the reason", "npm error a", "npm error b", "npm error c", "npm error d", "npm error usage"} {
		l.add(s)
	}
	if got := strings.Join(l.lines(), "|"); got != "code EUSAGE|the reason|a|b|c|d" {
		t.Error(got)
	}
}

func stackRepo(t *testing.T) sovereign.Settings {
	t.Helper()
	s := sovereign.Settings{Repo: t.TempDir(), Cache: t.TempDir()}
	for f, content := range map[string]string{"go.mod": "module x", "go.sum": "", "cmd/kubestack/main.go": "package main"} {
		if err := sovereign.WriteFile(s.Source("deploy", "local", "stack", f), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestStackFolder(t *testing.T) {
	s := stackRepo(t)
	folder := func(b Stack) string {
		f, err := b.Folder(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := folder(Gitea)
	if folder(Gitea) != first || folder(Cluster) == first {
		t.Error("a build's folder is its own and stays")
	}
	if Gitea.Complete(s) {
		t.Error("nothing was built")
	}
	if err := sovereign.WriteFile(filepath.Join(first, "gitea"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if Gitea.Complete(s) {
		t.Error("an interrupted build is taken for done")
	}
	if err := sovereign.WriteFile(filepath.Join(first, complete), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !Gitea.Complete(s) {
		t.Error("a build that is done is not seen")
	}
	if err := sovereign.WriteFile(s.Source("deploy", "local", "stack", "go.mod"), []byte("module y"), 0o644); err != nil {
		t.Fatal(err)
	}
	if folder(Gitea) == first || Gitea.Complete(s) {
		t.Error("other sources are not seen")
	}
}

func TestHashTree(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := sovereign.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hash := func() string {
		h, err := hashTree(dir, "node_modules")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	write("src/a.ts", "a")
	first := hash()
	write("node_modules/x", "x")
	write(".cache", "x")
	if hash() != first {
		t.Error("what does not count counts")
	}
	write("src/a.ts", "b")
	if hash() == first {
		t.Error("a change is not seen")
	}
}

func TestJoinStages(t *testing.T) {
	dir := t.TempDir()
	for f, content := range map[string]string{"stages/2.yaml": "second", "stages/1.yaml": "first"} {
		if err := sovereign.WriteFile(filepath.Join(dir, f), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := joinStages(dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "stages.yaml")); err != nil || string(b) != "first\n---\nsecond" {
		t.Errorf("got %q (%v)", b, err)
	}
}

func TestForget(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"old", "used"} {
		if err := sovereign.WriteFile(filepath.Join(dir, name, complete), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * keepUnused)
	for _, name := range []string{"old", "used"} {
		if err := os.Chtimes(filepath.Join(dir, name, complete), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := used(filepath.Join(dir, "used")); err != nil {
		t.Fatal(err)
	}
	if err := forget(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(dir, "old")) || !exists(filepath.Join(dir, "used")) {
		t.Error("the wrong one was forgotten")
	}
}
