// Package renderer renders in a process of its own that has no more than it needs: no files, no network, no other
// programs, and little time and memory. What a Blueprint's author wrote can end that process and nothing else.
package renderer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// Program is what the program is called that lies beside the service's own.
const Program = "renderer"

// patience is how long a Session may live. Its processor time is bounded by itself.
const patience = 8 * time.Second

// maxAnswers bounds what is read of one Session, and with it the memory that this service needs for it.
const maxAnswers = 8 << 20

// Renderer starts the program for each Session.
type Renderer struct {
	path string
	// running bounds how many there are at once, and with them the memory.
	running chan struct{}
}

var _ manifest.Renderer = (*Renderer)(nil)

// New makes a Renderer. Without a path the program is beside the one that runs.
func New(path string) (*Renderer, error) {
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(filepath.Dir(self), Program)
	}
	return &Renderer{path: path, running: make(chan struct{}, max(1, min(runtime.NumCPU(), 4)))}, nil
}

// job is what the process is asked, answer what it says.
type job struct {
	Tree    *manifest.Tree    `json:",omitempty"`
	Release *manifest.Release `json:",omitempty"`
}

type answer struct {
	Rendering manifest.Rendering
	Error     string
}

// session is one process.
type session struct {
	cancel context.CancelFunc
	cmd    *exec.Cmd
	in     io.WriteCloser
	answer *json.Decoder
	said   bytes.Buffer
	done   func()
}

// Open implements manifest.Renderer. It waits while as many as allowed are running.
func (r *Renderer) Open(ctx context.Context) (manifest.Session, error) {
	select {
	case r.running <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := r.start(ctx)
	if err != nil {
		<-r.running
		return nil, fmt.Errorf("start %s: %w", r.path, err)
	}
	s.done = sync.OnceFunc(func() { <-r.running })
	return s, nil
}

func (r *Renderer) start(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	s := &session{cancel: cancel}
	s.cmd = exec.CommandContext(ctx, r.path) //nolint:gosec // the configuration names it
	s.cmd.Env = environment
	s.cmd.Dir = "/"
	s.cmd.Stderr = &tail{into: &s.said}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	s.in, s.answer = in, json.NewDecoder(io.LimitReader(out, maxAnswers))
	s.answer.UseNumber()
	return s, nil
}

// Tree implements manifest.Engine.
func (s *session) Tree(t manifest.Tree) (manifest.Rendering, error) { return s.ask(job{Tree: &t}) }

// Release implements manifest.Engine.
func (s *session) Release(r manifest.Release) (manifest.Rendering, error) {
	return s.ask(job{Release: &r})
}

func (s *session) ask(j job) (manifest.Rendering, error) {
	wrote := json.NewEncoder(s.in).Encode(j)
	var a answer
	if err := s.answer.Decode(&a); err != nil || wrote != nil {
		return manifest.Rendering{}, s.ended()
	}
	if a.Error != "" {
		return manifest.Rendering{}, errors.New(a.Error)
	}
	return a.Rendering, nil
}

// ended says why the process did.
func (s *session) ended() error {
	s.cancel()
	_ = s.in.Close() // it has ended
	_ = s.cmd.Wait() // it was ended
	said := s.said.String()
	if strings.Contains(said, "cannot allocate memory") || strings.Contains(said, "out of memory") {
		return fmt.Errorf("rendering it takes more than %d MiB of memory, so it was stopped", memory>>20)
	}
	return fmt.Errorf("rendering it takes more than %d s or prints too much, so it was stopped", seconds)
}

// Close implements manifest.Session.
func (s *session) Close() {
	_ = s.in.Close() // the process ends by it
	s.cancel()
	_ = s.cmd.Wait() // it was told to end
	s.done()
}

// tail keeps the beginning of what a process says when it fails; Go says first why.
type tail struct{ into *bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if left := 4096 - t.into.Len(); left > 0 {
		t.into.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}
