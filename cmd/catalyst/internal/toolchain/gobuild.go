// Package toolchain turns sources into programs with go and npm, and tells how far it is.
package toolchain

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// Progress is told how much is done, from 0 to 1, and what.
type Progress func(done float64, detail string)

// Toolchain runs compilers; they die with this process.
type Toolchain struct {
	Spawner *process.Spawner
	// Log names the file that a build's output goes to.
	Log func(build string) string
}

// GoBuild is one call of go build.
type GoBuild struct {
	Name string
	// Dir of the module, or of the workspace if Workspace is set.
	Dir       string
	Workspace bool
	// Out is the folder for the programs.
	Out           string
	Packages      []string
	Tags, Ldflags string
}

// flags leave out what only a debugger reads, which is stripped in the end and takes a seventh of the time to make.
func (b GoBuild) flags() []string {
	flags := []string{"-buildvcs=false", "-gcflags=all=-dwarf=false"}
	if b.Tags != "" {
		flags = append(flags, "-tags", b.Tags)
	}
	return flags
}

func (b GoBuild) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", append([]string{verb}, args...)...)
	cmd.Dir = b.Dir
	work := "off"
	if b.Workspace {
		work = filepath.Join(b.Dir, "go.work")
	}
	// Without gcc's -g -O2 SQLite takes a third of its time to compile. The flags are the same for every build, because
	// net is compiled with them, and all that stands on it.
	env := map[string]string{"GOWORK": work, "GOTOOLCHAIN": "local", "CGO_CFLAGS": "-O1"}
	if os.Getenv("GOGC") == "" {
		// The compiler spends a quarter of its time on collecting garbage, of which each process has little: it may have
		// more, up to a bound. Two of them run at a time on two cores.
		env["GOGC"], env["GOMEMLIMIT"] = "1000", "1500MiB"
	}
	cmd.Env = process.Environment(env)
	return cmd
}

// Go builds programs.
func (t *Toolchain) Go(ctx context.Context, b GoBuild, progress Progress) error {
	count := &counter{progress: progress, programs: len(b.Packages)}
	args := append([]string{"-v", "-o", b.Out + "/"}, b.flags()...)
	if b.Ldflags != "" {
		args = append(args, "-ldflags", b.Ldflags)
	}
	counting, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { t.countStale(counting, b, count) })
	err := t.run(ctx, b.Name, b.command(ctx, "build", append(args, b.Packages...)...), count.line)
	cancel()
	wg.Wait()
	return err
}

// Fetch downloads the modules that a build needs.
func (t *Toolchain) Fetch(ctx context.Context, b GoBuild) error {
	args := append([]string{"-deps", "-f", "{{with .Error}}{{.}}{{end}}"}, b.flags()...)
	return t.run(ctx, b.Name+"-modules", b.command(ctx, "list", append(args, b.Packages...)...), func(string) {})
}

// countStale finds out how much there is to build, if the build is not over soon.
func (t *Toolchain) countStale(ctx context.Context, b GoBuild, count *counter) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(2 * time.Second):
	}
	args := append([]string{"-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, b.flags()...)
	cmd := b.command(ctx, "list", append(args, b.Packages...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := t.Spawner.Run(cmd); err != nil {
		return // the build itself will say what is wrong
	}
	count.total(bytes.Count(out.Bytes(), []byte("\n")))
}

// counter turns the lines of go build -v into progress.
type counter struct {
	mu                       sync.Mutex
	progress                 Progress
	programs                 int
	built, downloaded, stale int
}

func (c *counter) total(stale int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = c.built + stale
	c.tell()
}

func (c *counter) line(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasPrefix(s, "go: downloading "):
		c.downloaded++
	case s == "" || strings.ContainsAny(s, " :#"):
		return
	default:
		c.built++
	}
	c.tell()
}

func (c *counter) tell() {
	switch {
	case c.stale > 0 && c.built >= c.stale-c.programs:
		c.progress(0.97, fmt.Sprintf("%d packages compiled, linking", c.built))
	case c.stale > 0:
		c.progress(0.97*float64(c.built)/float64(c.stale), fmt.Sprintf("%d of %d packages compiled", c.built, c.stale))
	case c.built > 0:
		c.progress(0, fmt.Sprintf("%d packages compiled", c.built))
	default:
		c.progress(0, fmt.Sprintf("%d modules downloaded", c.downloaded))
	}
}

// tail keeps the lines that are worth showing: npm says first what is wrong and then how it is used, compilers end with
// what is wrong.
type tail struct {
	mu          sync.Mutex
	first, last []string
}

func (t *tail) add(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, npm := strings.CutPrefix(s, "npm error")
	switch text = strings.TrimSpace(text); {
	case text == "":
	case npm && len(t.first) < 6:
		t.first = append(t.first, text)
	case !npm:
		if t.last = append(t.last, s); len(t.last) > 12 {
			t.last = t.last[1:]
		}
	}
}

func (t *tail) lines() []string { return append(t.last, t.first...) }

// run runs a tool, hands each line of its output to line, keeps all in a log and shows the end of it if it fails.
func (t *Toolchain) run(ctx context.Context, name string, cmd *exec.Cmd, line func(string)) error {
	path := t.Log("build-" + name)
	log, err := process.OpenLog(path, process.MaxLog)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // nothing is buffered
	var last tail
	r, w := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() {
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			last.add(sc.Text())
			line(sc.Text())
		}
		io.Copy(io.Discard, r) //nolint:errcheck // a line was too long: the tool must not block
	})
	cmd.Stdout = io.MultiWriter(process.Lossy(log), w)
	cmd.Stderr = cmd.Stdout
	fmt.Fprintf(process.Lossy(log), "+ %s\n", strings.Join(cmd.Args, " "))
	err = t.Spawner.Run(cmd)
	w.Close() //nolint:errcheck // it never fails
	reading.Wait()
	if err == nil || ctx.Err() != nil {
		return err
	}
	return explain(name, path, cmd.Args[0], err, last.lines())
}

func explain(name, path, tool string, err error, lines []string) error {
	text := strings.Join(lines, "\n")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return step.WithHint(fmt.Errorf("%s is not installed", tool), "install %s and run `make up` again", tool)
	case strings.Contains(text, "no space left on device"):
		return step.WithHint(fmt.Errorf("the disk is full: building %s stopped", name), "free some space (go clean -cache frees what Go keeps) and run `make up` again; what is built stays built")
	case strings.Contains(text, "dial tcp") || strings.Contains(text, "i/o timeout") || strings.Contains(text, "ENOTFOUND"):
		return step.WithHint(fmt.Errorf("%s failed: %w\n%s", "build of "+name, err, text), "the network was not reachable; run `make up` again, what was downloaded is kept. The whole output is in %s", path)
	}
	return step.WithHint(fmt.Errorf("%s failed: %w\n%s", "build of "+name, err, text), "the whole output is in %s", path)
}

// Tool runs another program that ends by itself.
func (t *Toolchain) Tool(ctx context.Context, name, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = process.Environment(nil)
	return t.run(ctx, name, cmd, func(string) {})
}
