package boot

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
	"catalyst.openova.io/cmd/catalyst/internal/toolchain"
)

func repo(t *testing.T) sovereign.Settings {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := sovereign.FindRepo(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sovereign.Settings{Repo: root, Home: filepath.Join(t.TempDir(), "home"), Cache: t.TempDir()}
}

func after(tasks []step.Task, id string) []string {
	for _, t := range tasks {
		if t.ID == id {
			return t.After
		}
	}
	return nil
}

func TestThePlan(t *testing.T) {
	s := repo(t)
	b := &Bootstrap{Settings: s}
	tasks := b.Tasks()
	if err := step.Check(tasks); err != nil {
		t.Fatal(err)
	}
	// Cold: one build after the other, in the order of first value.
	if a := after(tasks, "build-gitea"); a[0] != "build-services" {
		t.Errorf("Gitea is built after %v", a)
	}
	if a := after(tasks, "build-services"); a[0] != "console" {
		t.Errorf("the services are built after %v: the console comes first", a)
	}
	for _, stack := range []toolchain.Stack{toolchain.Gitea, toolchain.Cluster} {
		folder, err := stack.Folder(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := sovereign.WriteFile(filepath.Join(folder, "complete"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Warm: what is built waits for no other build.
	tasks = b.Tasks()
	if err := step.Check(tasks); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"build-gitea", "build-cluster"} {
		if a := after(tasks, id); len(a) != 1 || a[0] != "check" {
			t.Errorf("%s, which is there, waits for %v", id, a)
		}
	}
}

func TestCheckPortsNamesWhoIsThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // the test ends
	port := ln.Addr().(*net.TCPAddr).Port
	err = CheckPorts([]sovereign.Port{{Name: "Gitea", Number: port}}, 0)
	if err == nil {
		t.Fatal("a port that is taken was accepted")
	}
	for _, want := range []string{fmt.Sprint("port ", port), "Gitea", fmt.Sprint("process ", os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if !strings.Contains(step.Hint(err), "CATALYST_PORT_OFFSET=1000") {
		t.Errorf("the hint is %q", step.Hint(err))
	}
}

func TestEnough(t *testing.T) {
	dir := t.TempDir()
	if err := enough(filepath.Join(dir, "not", "there"), 1, "it"); err != nil {
		t.Error(err)
	}
	err := enough(dir, 1<<60, "it")
	if err == nil || !strings.Contains(err.Error(), "disk is full") || step.Hint(err) == "" {
		t.Errorf("got %v", err)
	}
	if err := enoughTogether(map[string]int64{dir: 1 << 59, filepath.Join(dir, "x"): 1 << 59}); err == nil {
		t.Error("what lies on the same disk was not added up")
	}
}

func TestAnExistingCluster(t *testing.T) {
	flux := `{"items":[{"metadata":{"name":"source-controller","namespace":"flux-system"}}]}`
	for _, tc := range []struct{ reason, answer, want string }{
		{"an empty cluster is fine", `{"items":[]}`, ""},
		{"a Flux that runs there is refused", flux, "Flux already runs"},
		{"no rights", "", "refuses"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tc.answer == "" {
				w.WriteHeader(http.StatusForbidden)
			}
			fmt.Fprint(w, tc.answer)
		}))
		check(t, tc.reason, srv.URL, tc.want)
		srv.Close()
		check(t, tc.reason+", gone", srv.URL, "does not answer")
	}
}

func check(t *testing.T, reason, server, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf("current-context: x\nclusters: [{name: x, cluster: {server: %q}}]\ncontexts: [{name: x, context: {cluster: x}}]\n", server)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	err := (&Bootstrap{Settings: sovereign.Settings{Kubeconfig: path}}).CheckExisting(t.Context())
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || step.Hint(err) == "") {
		t.Errorf("%s: got %v with hint %q", reason, err, step.Hint(err))
	}
}

func TestConditions(t *testing.T) {
	for _, tc := range []struct{ reason, status, want string }{
		{"no condition", "", "not ready yet"}, {"false", "False", "because"}, {"true", "True", ""},
	} {
		var c conditions
		c.Metadata.Name = "acme"
		if tc.status != "" {
			c.Status.Conditions = append(c.Status.Conditions, struct {
				Type    string `json:"type"`
				Status  string `json:"status"`
				Message string `json:"message"`
			}{"Ready", tc.status, "because"})
		}
		err := c.ready()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", tc.reason, err)
		}
	}
}

func TestManifestsAreThere(t *testing.T) {
	b := &Bootstrap{Settings: repo(t)}
	files := b.manifests()
	if len(files) < 4 {
		t.Errorf("only %v", files)
	}
	for _, f := range append(files, b.Settings.Source("deploy", "sovereign", "catalyst-config.yaml"), b.Settings.Source("deploy", "sovereign", "demo", "README.md")) {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
}
