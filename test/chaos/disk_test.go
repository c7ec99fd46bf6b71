//go:build integration && linux

package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"catalyst.openova.io/test/sovereign"
)

// TestAcceptedIsOnTheDisk looks at what the server of intents has not written to the disk yet when requests were accepted:
// nothing, so a power cut takes none of them back. Then both servers of the spine are killed.
func TestAcceptedIsOnTheDisk(t *testing.T) {
	w := enter(t)
	store := filepath.Join(w.s.Home, "intents", "store")
	tells := keepsUnwritten(t, w.s.Home)
	var all []*wish
	for i := range 5 {
		all = append(all, w.accepted(t, fmt.Sprintf("disk-%d", i)))
		// Who goes on writing is stopped, so that what remains is what was acknowledged.
		w.s.Signal(t, "provisioning", syscall.SIGSTOP)
		if tells {
			sovereign.Eventually(t, time.Second, func() error { return unwritten(store) })
		}
		w.s.Crash(t, "intents", "nats", "provisioning")
	}
	for _, one := range all {
		w.installed(t, one)
	}
	w.exactly(t, all)
}

// keepsUnwritten tells whether this folder is on a file system that keeps what was written in memory for a while, and
// says so. One that lives in memory has no disk to write to.
func keepsUnwritten(t *testing.T, folder string) bool {
	t.Helper()
	dir, err := os.MkdirTemp(folder, "unwritten-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "some.blk"), make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	if unwritten(dir) == nil {
		t.Logf("%s does not tell what is not on the disk yet: only the kills are tested", folder)
		return false
	}
	return true
}

// unwritten names a file with messages of which the disk does not have everything.
func unwritten(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasSuffix(path, ".blk") {
			return nil // the server renames and deletes files while we look
		}
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		var state unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &state, 0); err != nil {
			return nil //nolint:nilerr // an older kernel does not tell
		}
		if state.Dirty+state.Writeback > 0 {
			return fmt.Errorf("%s: %d pages are not on the disk", path, state.Dirty+state.Writeback)
		}
		return nil
	})
}
