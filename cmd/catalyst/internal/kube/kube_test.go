package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func configFor(server, user string) string {
	return fmt.Sprintf(`
current-context: here
clusters: [{name: c, cluster: {server: %q}}, {name: other, cluster: {server: "http://other"}}]
users: [{name: u, user: %s}]
contexts: [{name: here, context: {cluster: c, user: u}}]
`, server, user)
}

func TestLoad(t *testing.T) {
	for _, tc := range []struct{ reason, content, want string }{
		{"no context", "current-context: x", "names no cluster"},
		{"no YAML", ":\t:", "no kubeconfig"},
		{"a plugin that is not there", configFor("http://x", "{exec: {command: /does/not/exist}}"), "credential plugin"},
		{"a certificate that is none", configFor("http://x", "{client-certificate-data: eA==, client-key-data: eA==}"), "client certificate"},
	} {
		if _, err := Load(write(t, tc.content)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", tc.reason, err)
		}
	}
	c, err := Load(write(t, configFor("http://x", `{exec: {command: sh, args: [-c, 'echo "{\"status\":{\"token\":\"plugged\"}}"']}}`)))
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "plugged" || c.Server() != "http://x" {
		t.Errorf("got %+v", c)
	}
}

func TestApply(t *testing.T) {
	applied := map[string]map[string]any{}
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/api/v1":
			fmt.Fprint(w, `{"resources":[{"name":"namespaces","kind":"Namespace"},{"name":"namespaces/status","kind":"Namespace"},{"name":"secrets","kind":"Secret","namespaced":true}]}`)
		case r.Method == http.MethodGet && r.URL.Path == "/apis/example.org/v1":
			if asked++; asked < 3 { // its definition was applied a moment ago
				w.WriteHeader(http.StatusNotFound)
				return
			}
			fmt.Fprint(w, `{"resources":[{"name":"things","kind":"Thing","namespaced":true}]}`)
		case r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/apply-patch+yaml":
			if r.URL.Query().Get("fieldManager") != FieldManager || r.URL.Query().Get("force") != "true" {
				t.Errorf("query %s", r.URL.RawQuery)
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			var o map[string]any
			if err := json.Unmarshal(b, &o); err != nil {
				t.Error(err)
			}
			applied[r.URL.Path] = o
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"no such thing"}`)
		}
	}))
	defer srv.Close()
	c, err := Load(write(t, configFor(srv.URL, "{token: secret}")))
	if err != nil {
		t.Fatal(err)
	}
	stream := `# a comment
apiVersion: v1
kind: Namespace
metadata: {name: ns}
---
# nothing but a comment
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: ns}
stringData: {a: "1"}
---
apiVersion: example.org/v1
kind: Thing
metadata: {name: t, namespace: ns}
`
	if err := c.Apply(t.Context(), []byte(stream)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/namespaces/ns", "/api/v1/namespaces/ns/secrets/s", "/apis/example.org/v1/namespaces/ns/things/t"} {
		if applied[path] == nil {
			t.Errorf("%s was not applied", path)
		}
	}
	if len(applied) != 3 {
		t.Errorf("applied %v", applied)
	}
	for reason, doc := range map[string]string{"no name": "apiVersion: v1\nkind: Secret\n", "no namespace": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"} {
		if err := c.Apply(t.Context(), []byte(doc)); err == nil {
			t.Errorf("%s was applied", reason)
		}
	}
	if err := c.Get(t.Context(), "/api/v1/namespaces/gone", nil); !IsNotFound(err) || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
}
