package sovereign

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Clone is a working copy of an Application repo, of a demo person.
type Clone struct {
	Dir string
	t   testing.TB
}

// Clone clones {org}/{app} at a branch with the person's own password, as a person would on a laptop. Without a branch it
// clones a repository that may be empty.
func (s *Sovereign) Clone(t testing.TB, username, org, app, branch string) *Clone {
	t.Helper()
	u, err := url.Parse(s.Gitea)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(username, Password)
	u.Path = "/" + org + "/" + app + ".git"
	c := &Clone{Dir: filepath.Join(t.TempDir(), app), t: t}
	at := []string{"--branch", branch}
	if branch == "" {
		at = nil
	}
	run(t, "", append(append([]string{"clone", "--quiet"}, at...), u.String(), c.Dir)...)
	c.Git("config", "user.name", username)
	c.Git("config", "user.email", username+"@acme.example")
	return c
}

// Git runs one git command in the clone.
func (c *Clone) Git(args ...string) string { c.t.Helper(); return run(c.t, c.Dir, args...) }

// Edit rewrites one file of the clone.
func (c *Clone) Edit(path string, edit func(string) string) {
	c.t.Helper()
	file := filepath.Join(c.Dir, filepath.FromSlash(path))
	b, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(edit(string(b))), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// Push commits everything, pushes, and returns the new head.
func (c *Clone) Push(message string) string {
	c.t.Helper()
	c.Git("commit", "--quiet", "--all", "--message", message)
	c.Git("push", "--quiet")
	return c.Git("rev-parse", "HEAD")
}

func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, strings.ReplaceAll(string(out), Password, "…"))
	}
	return strings.TrimSpace(string(out))
}

// RepoFiles lists the files of a branch, by git itself.
func (s *Sovereign) RepoFiles(t testing.TB, username, org, app, branch string) (files []string, commits int) {
	t.Helper()
	c := s.Clone(t, username, org, app, branch)
	files = strings.Fields(c.Git("ls-tree", "-r", "--name-only", "HEAD"))
	if _, err := fmt.Sscan(c.Git("rev-list", "--count", "HEAD"), &commits); err != nil {
		t.Fatal(err)
	}
	return files, commits
}
