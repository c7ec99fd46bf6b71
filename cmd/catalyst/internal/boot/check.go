package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"catalyst.openova.io/cmd/catalyst/internal/proc"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
	"catalyst.openova.io/cmd/catalyst/internal/toolchain"
)

func (b *Bootstrap) check(ctx context.Context, r *step.Report) error {
	s := b.Settings
	for _, tool := range []string{"go", "node", "npm", "git", "gcc"} {
		if tool == "gcc" && toolchain.Gitea.Complete(s) {
			continue
		}
		if _, err := exec.LookPath(tool); err != nil {
			return step.WithHint(fmt.Errorf("%s is not installed", tool), "Catalyst is built here from Go, Node, git, make and gcc: install %s", tool)
		}
	}
	if err := os.MkdirAll(s.Cache, 0o755); err != nil {
		return err
	}
	if err := checkDisk(ctx, s); err != nil {
		return err
	}
	if !s.Simulated() {
		if err := b.CheckExisting(ctx); err != nil {
			return err
		}
	}
	var open []sovereign.Port
	for _, p := range s.Ports() {
		// The control port is ours by now: CheckPort has looked at it before.
		if p.Component != "supervisor" {
			open = append(open, p)
		}
	}
	return CheckPorts(open, s.PortOffset)
}

// CheckPorts tells which of the ports are taken, and by whom.
func CheckPorts(list []sovereign.Port, offset int) error {
	var errs []error
	for _, p := range list {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Number)))
		if err == nil {
			ln.Close() //nolint:errcheck // nobody connected
			continue
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			errs = append(errs, err)
			continue
		}
		who := "another process"
		if o, ok := proc.Listener(p.Number); ok {
			who = fmt.Sprintf("process %d (%s)", o.PID, o.Command)
		}
		errs = append(errs, fmt.Errorf("port %d, for %s, is taken by %s", p.Number, p.Name, who))
	}
	if len(errs) == 0 {
		return nil
	}
	return step.WithHint(errors.Join(errs...), "end what listens there, or take other ports: make up CATALYST_PORT_OFFSET=%d", offset+1000)
}

const gigabyte = 1 << 30

// checkDisk refuses to begin what would fill the disk.
func checkDisk(ctx context.Context, s sovereign.Settings) error {
	if err := enough(s.Home, gigabyte/2, "the state"); err != nil {
		return err
	}
	if toolchain.Gitea.Complete(s) && toolchain.Cluster.Complete(s) {
		return enough(s.Cache, gigabyte/2, "the builds")
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) != 2 {
		return nil
	}
	need := map[string]int64{s.Cache: gigabyte}
	if _, err := os.Stat(filepath.Join(dirs[0], "k8s.io", "kubernetes@v1.36.4")); errors.Is(err, fs.ErrNotExist) {
		need[dirs[0]] += 4 * gigabyte
	}
	need[dirs[1]] += 4 * gigabyte
	return enoughTogether(need)
}

// enoughTogether adds up what lies on the same file system.
func enoughTogether(need map[string]int64) error {
	sum := map[uint64]int64{}
	dir := map[uint64]string{}
	for d, n := range need {
		var st syscall.Stat_t
		e := existing(d)
		if err := syscall.Stat(e, &st); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		sum[st.Dev] += n
		dir[st.Dev] = e
	}
	for dev, n := range sum {
		if err := enough(dir[dev], n, "the first build"); err != nil {
			return err
		}
	}
	return nil
}

func enough(dir string, need int64, what string) error {
	dir = existing(dir)
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	free := int64(st.Bavail) * st.Bsize
	if free >= need {
		return nil
	}
	return step.WithHint(
		fmt.Errorf("the disk is full: %s needs %.1f GB and %s has %.1f GB free", what, float64(need)/gigabyte, dir, float64(free)/gigabyte),
		"free some space, or put the builds elsewhere with XDG_CACHE_HOME, GOCACHE and GOMODCACHE and the state with CATALYST_HOME")
}

// existing is the nearest folder above dir that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
