package renderer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// What one process may take. Memory is what it can write to: Go reserves much more than it uses.
const (
	seconds = 2
	memory  = 384 << 20
)

// environment keeps Go's collector well below the limit of memory, on as many processors as help.
var environment = []string{"GOMEMLIMIT=192MiB", "GOMAXPROCS=2", "GOTRACEBACK=none"}

// Serve answers jobs until there are no more. It is what the program does.
func Serve(in io.Reader, out io.Writer, engine manifest.Engine) error {
	if err := confine(); err != nil {
		return fmt.Errorf("give up what rendering does not need: %w", err)
	}
	jobs, answers := json.NewDecoder(in), json.NewEncoder(out)
	jobs.UseNumber()
	for {
		var j job
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		var err error
		switch {
		case j.Tree != nil:
			a.Rendering, err = engine.Tree(*j.Tree)
		case j.Release != nil:
			a.Rendering, err = engine.Release(*j.Release)
		}
		if err != nil {
			a = answer{Error: short(err.Error())}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// short bounds a message: an author may have written it.
func short(s string) string {
	const most = 1000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// confine gives up, for good, what rendering does not need. Without a free file descriptor there is no file, no socket
// and no other program.
func confine() error {
	time.NewTimer(0).Stop() // Go's own descriptors have to be open by now
	for resource, limit := range map[int]uint64{
		syscall.RLIMIT_CPU: seconds, syscall.RLIMIT_DATA: memory, syscall.RLIMIT_FSIZE: 0, syscall.RLIMIT_CORE: 0, syscall.RLIMIT_NOFILE: 0,
	} {
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	return nil
}
