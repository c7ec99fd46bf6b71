// Package proc reads what Linux tells about processes under /proc.
package proc

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// AnonymousMemory is the anonymous resident memory of a process in bytes; 0 if it is gone.
func AnonymousMemory(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // only read
	return parseRSSAnon(f)
}

func parseRSSAnon(r io.Reader) int64 {
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		if rest, ok := strings.CutPrefix(sc.Text(), "RssAnon:"); ok {
			fields := strings.Fields(rest)
			if len(fields) == 0 {
				return 0
			}
			n, err := strconv.ParseInt(fields[0], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// Owner is a process that listens on a port.
type Owner struct {
	PID int
	// Command is its command line, shortened.
	Command string
}

// Listener finds who listens on a TCP port; ok is false if that cannot be told, such as for another user's process.
func Listener(port int) (owner Owner, ok bool) {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for _, inode := range listening(f, port) {
			inodes["socket:["+inode+"]"] = true
		}
		f.Close() //nolint:errcheck // only read
	}
	if len(inodes) == 0 {
		return Owner{}, false
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Owner{}, false
	}
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || !inodes[target] {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
		if err != nil {
			continue
		}
		return Owner{PID: pid, Command: command(pid)}, true
	}
	return Owner{}, false
}

// listening returns the inodes of sockets that listen on port, from a table as in /proc/net/tcp.
func listening(r io.Reader, port int) []string {
	var inodes []string
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 10 || f[3] != "0A" { // 0A is LISTEN
			continue
		}
		_, hexPort, ok := strings.Cut(f[1], ":")
		if !ok {
			continue
		}
		b, err := hex.DecodeString(hexPort)
		if err != nil || len(b) != 2 || int(b[0])<<8|int(b[1]) != port {
			continue
		}
		inodes = append(inodes, f[9])
	}
	return inodes
}

func command(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	c := strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
	if len(c) > 100 {
		c = c[:100] + "…"
	}
	return c
}
