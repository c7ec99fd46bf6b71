// Package giteatest starts a real Gitea for a test.
package giteatest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Environment variables that say where Gitea is.
const (
	// BinaryEnv names the gitea binary.
	BinaryEnv = "CATALYST_GITEA_BIN"
	// StaticEnv names the folder with its templates; without it they come from the module that builds Gitea.
	StaticEnv = "CATALYST_GITEA_STATIC"
)

var tokenLine = regexp.MustCompile(`(?m)^[0-9a-f]{40}$`)

// Server is a Gitea of this test alone, with its data in a folder that the test removes.
type Server struct {
	URL string
	// AdminToken belongs to a site admin.
	AdminToken string

	binary, config string
	env            []string
	process        *exec.Cmd
	ended          chan struct{}
}

// Start runs Gitea until the test ends. Where it is missing the test fails.
func Start(t testing.TB) *Server {
	t.Helper()
	binary := os.Getenv(BinaryEnv)
	if binary == "" {
		t.Fatalf("this test needs a Gitea: set %s to the path of the binary", BinaryEnv)
	}
	work := t.TempDir()
	s := &Server{binary: binary, config: filepath.Join(work, "app.ini"), env: append(os.Environ(), "GITEA_WORK_DIR="+work, "HOME="+work)}
	static := staticRoot(t)
	t.Cleanup(func() { s.Stop(t) })
	for try := range 10 {
		address := freeAddress(t, try)
		s.URL = "http://" + address
		if err := os.WriteFile(s.config, []byte(config(t, work, address, static)), 0o600); err != nil {
			t.Fatal(err)
		}
		if try == 0 {
			s.run(t, "migrate")
			s.AdminToken = s.User(t, "root-of-all", "--admin")
		}
		if s.start(t) {
			return s
		}
	}
	t.Fatalf("gitea does not start:\n%s", s.log())
	return nil
}

// User makes a user and returns a token with all scopes.
func (s *Server) User(t testing.TB, name string, flags ...string) string {
	t.Helper()
	s.run(t, append([]string{"admin", "user", "create", "--username", name, "--password", "catalyst-test",
		"--email", name + "@test.example", "--must-change-password=false"}, flags...)...)
	// The log goes to the same place, before or after it.
	out := s.run(t, "admin", "user", "generate-access-token", "--username", name, "--scopes", "all", "--raw")
	token := tokenLine.FindString(out)
	if token == "" {
		t.Fatalf("gitea gave no token for %s:\n%s", name, out)
	}
	return token
}

// Organization makes an organization, owned by the admin, with a team of writers who may create repositories.
func (s *Server) Organization(t testing.TB, name string, writers ...string) {
	t.Helper()
	s.Call(t, http.MethodPost, "/orgs", map[string]any{"username": name, "visibility": "private"}, nil)
	var team struct {
		ID int64 `json:"id"`
	}
	s.Call(t, http.MethodPost, "/orgs/"+name+"/teams", map[string]any{"name": "catalyst", "permission": "write",
		"can_create_org_repo": true, "includes_all_repositories": true, "units": []string{"repo.code"}}, &team)
	for _, w := range writers {
		s.Call(t, http.MethodPut, fmt.Sprintf("/teams/%d/members/%s", team.ID, w), nil, nil)
	}
}

// Call does one request of the REST API as the admin, and reads the answer into v.
func (s *Server) Call(t testing.TB, method, path string, body, v any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.URL+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+s.AdminToken)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, answer.String())
	}
	if v != nil {
		if err := json.Unmarshal(answer.Bytes(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// Stop kills the server and its hooks; Restart brings it back with the same data.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	// The group: a push that is cut off leaves hooks behind.
	if err := syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL); err != nil {
		t.Logf("stop gitea: %v", err)
	}
	<-s.ended
	s.process = nil
}

// Restart starts the server again, and waits until it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	if !s.start(t) {
		t.Fatalf("gitea does not start again:\n%s", s.log())
	}
}

// start returns false if the server ends at once, as when another took its port in the meantime.
func (s *Server) start(t testing.TB) bool {
	t.Helper()
	log, err := os.Create(s.config + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.Background(), s.binary, "--config", s.config, "web") //nolint:gosec // the test names the binary
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process, s.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // it is killed, or says why in its log
		close(ended)
	}(s.ended)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(2 * time.Minute)
	for !s.answers() {
		select {
		case <-s.ended:
			s.process = nil
			return false
		case <-timeout:
			t.Fatalf("gitea does not answer:\n%s", s.log())
		case <-tick.C:
		}
	}
	return true
}

// answers is true when the server on the port is this one: no other knows the token.
func (s *Server) answers() bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/api/v1/user", nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "token "+s.AdminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func (s *Server) log() string {
	b, err := os.ReadFile(s.config + ".log")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s *Server) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), s.binary, append([]string{"--config", s.config}, args...)...) //nolint:gosec // as above
	cmd.Env = s.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gitea %s: %v\n%s\n%s", args[0], err, out, stderr.String())
	}
	return string(out)
}

func freeAddress(t testing.TB, try int) string {
	t.Helper()
	for port := 18000 + (os.Getpid()+97*try)%900; port < 19000; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if ln, err := net.Listen("tcp", address); err == nil { //nolint:noctx // closed at once
			_ = ln.Close()
			return address
		}
	}
	t.Fatal("no free port between 18000 and 18999")
	return ""
}

// staticRoot is where Gitea's templates are: in its module, which the stack's module names.
func staticRoot(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(StaticEnv); dir != "" {
		return dir
	}
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}", "code.gitea.io/gitea")
	cmd.Dir = filepath.Join(filepath.Dir(here), "../../../../deploy/local/stack")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("find Gitea's templates in %s (or set %s): %v", cmd.Dir, StaticEnv, err)
	}
	return strings.TrimSpace(string(out))
}

func config(t testing.TB, work, address, static string) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`RUN_MODE = prod
RUN_USER = %s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %s
ROOT_URL = http://%s/
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
STATIC_ROOT_PATH = %s
[database]
DB_TYPE = sqlite3
PATH = %s/gitea.db
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
SECRET_KEY = only-for-this-test
[oauth2]
JWT_SECRET = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[indexer]
ISSUE_INDEXER_TYPE = db
[session]
PROVIDER = memory
[actions]
ENABLED = false
[packages]
ENABLED = false
[mailer]
ENABLED = false
[log]
LEVEL = Warn
`, me.Username, work, port, address, static, work)
}
