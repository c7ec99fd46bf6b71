package renderer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst.openova.io/services/provisioning/internal/manifest"
	"catalyst.openova.io/services/provisioning/internal/renderer"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // the system clears its temporary files, too
	}
	os.Exit(code)
}

// built is the folder of the programs, once a test has needed them.
var built string

// programs builds the program as it is delivered, and one that tries what it must not do: the race detector in a test
// binary needs more than a renderer may have.
var programs = sync.OnceValues(func() (dir string, err error) {
	if built, err = os.MkdirTemp("", "renderer"); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", built+"/", "../../renderer", "./testdata/greedy").CombinedOutput() //nolint:noctx // the test's own time limit ends it
	if err != nil {
		return "", fmt.Errorf("build the programs: %w: %s", err, out)
	}
	return built, nil
})

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func started(t *testing.T, path string) manifest.Session {
	t.Helper()
	r, err := renderer.New(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T) manifest.Session {
	t.Helper()
	return started(t, program(t, renderer.Program))
}

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for name, text := range files {
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}
		if link, ok := strings.CutPrefix(text, "-> "); ok {
			header.Typeflag, header.Linkname, header.Size, text = tar.TypeSymlink, link, 0, ""
		}
		if err := tw.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func chart(t *testing.T, template, values string) manifest.Release {
	t.Helper()
	return manifest.Release{
		Owner: manifest.Object{
			"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
			"metadata": map[string]any{"name": "shop", "namespace": "acme-dev"},
			"spec":     map[string]any{"valuesFrom": []any{map[string]any{"kind": "ConfigMap", "name": "shop-values"}}},
		},
		Settings: manifest.Settings{"shop-values": {"values.yaml": values}},
		Digest:   "sha256:0123456789abcdef",
		Payload: archive(t, map[string]string{
			"bp-x/Chart.yaml": "apiVersion: v2\nname: bp-x\nversion: 1.0.0\n", "bp-x/templates/x.yaml": template,
		}),
	}
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {x: %s}\n"

// What a Blueprint's author wrote is given up within two seconds, says why, and leaves the service alone.
func TestHarmfulChartIsStopped(t *testing.T) {
	lol := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		lol += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 9), ","))
	}
	for name, tc := range map[string]struct{ template, values, want string }{
		"a loop that prints nothing": {`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`, "", "more than 2 s"},
		"a loop that prints":         {`{{ range until 30000 }}{{ range until 30000 }}{{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }}{{ end }}{{ end }}`, "", "was stopped"},
		"one huge text":              {`x: {{ repeat 2000000000 "x" }}`, "", "MiB of memory"},
		"more than is read":          {`x: {{ repeat 10000000 "x" }}`, "", "more than 4 MiB"},
		"many objects":               {`{{ range until 2000 }}` + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x{{ . }}}\n" + `{{ end }}`, "", "more than 1000 objects"},
		"a template in itself":       {`{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`, "", "helm"},
		"aliases in the values":      {fmt.Sprintf(configMap, "y"), lol, "excessive aliasing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			start := time.Now()
			_, err := s.Release(chart(t, tc.template, tc.values))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
			t.Logf("%s: %v", time.Since(start).Round(time.Millisecond), err)
		})
	}
}

// A Session that ended is an error and no wait; the next one works.
func TestSessionAfterItsEnd(t *testing.T) {
	s := open(t)
	if _, err := s.Release(chart(t, `x: {{ repeat 2000000000 "x" }}`, "")); err == nil {
		t.Fatal("it was rendered")
	}
	if _, err := s.Release(chart(t, fmt.Sprintf(configMap, "y"), "")); err == nil {
		t.Error("an ended session rendered")
	}
	got, err := open(t).Release(chart(t, "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\nspec: 12345678901234567\n", ""))
	if err != nil || len(got.Objects) != 1 || got.Objects[0].Name() != "x" || fmt.Sprint(got.Objects[0]["spec"]) != "12345678901234567" {
		t.Errorf("%+v, %v", got, err)
	}
}

// listener counts who connects.
func listener(t *testing.T) (address string, connections *atomic.Int32) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int32{}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close() // it must not have come
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String(), connections
}

func kustomization(t *testing.T, files map[string]string) manifest.Release {
	t.Helper()
	return manifest.Release{
		Owner: manifest.Object{
			"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
			"metadata": map[string]any{"name": "shop", "namespace": "acme-dev"},
			"spec":     map[string]any{"path": "./", "targetNamespace": "acme-dev"},
		},
		Payload: archive(t, files),
	}
}

// Test 24 of quality.md: what reaches beyond the files is refused, and no socket is opened and no program run.
func TestKustomizationThatReachesOut(t *testing.T) {
	address, connections := listener(t)
	mark := filepath.Join(t.TempDir(), "ran")
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte(fmt.Sprintf(configMap, "canary")), 0o600); err != nil {
		t.Fatal(err)
	}
	plugin := fmt.Sprintf("apiVersion: v1\nkind: Plugin\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: touch\n        args: [%s]\n", mark)
	for name, files := range map[string]map[string]string{
		"a remote file":          {"kustomization.yaml": "resources: [http://" + address + "/x.yaml]"},
		"a remote base":          {"kustomization.yaml": "resources: ['https://" + address + "/a/b.git?ref=main']"},
		"a base by ssh":          {"kustomization.yaml": "resources: [git@127.0.0.1:a/b.git]"},
		"an old remote base":     {"kustomization.yaml": "bases: [github.com/a/b]"},
		"a remote component":     {"kustomization.yaml": "components: [https://" + address + "/a//b]"},
		"a remote patch":         {"kustomization.yaml": "resources: [x.yaml]\npatches: [{path: 'http://" + address + "/p.yaml'}]", "x.yaml": fmt.Sprintf(configMap, "y")},
		"a remote file of data":  {"kustomization.yaml": "configMapGenerator: [{name: x, files: ['k=http://" + address + "/x']}]"},
		"a remote in a subtree":  {"kustomization.yaml": "resources: [sub]", "sub/kustomization.yaml": "resources: [http://" + address + "/x.yaml]"},
		"an absolute path":       {"kustomization.yaml": "resources: [" + outside + "]"},
		"a path that leads up":   {"kustomization.yaml": "resources: [../../.." + outside + "]"},
		"a symlink":              {"kustomization.yaml": "resources: [x.yaml]", "x.yaml": "-> " + outside},
		"an exec plugin":         {"kustomization.yaml": "generators: [p.yaml]", "p.yaml": plugin},
		"an exec transformer":    {"kustomization.yaml": "resources: [x.yaml]\ntransformers: [p.yaml]", "x.yaml": fmt.Sprintf(configMap, "y"), "p.yaml": plugin},
		"a validator":            {"kustomization.yaml": "resources: [x.yaml]\nvalidators: [p.yaml]", "x.yaml": fmt.Sprintf(configMap, "y"), "p.yaml": plugin},
		"a helm generator":       {"kustomization.yaml": "helmCharts: [{name: a, repo: 'http://" + address + "', version: 1.0.0, releaseName: a}]"},
		"an old helm generator":  {"kustomization.yaml": "helmChartInflationGenerator: [{chartName: a, chartRepoUrl: 'http://" + address + "'}]"},
		"a remote schema":        {"kustomization.yaml": "resources: [x.yaml]\nopenapi: {path: 'http://" + address + "/s.json'}", "x.yaml": fmt.Sprintf(configMap, "y")},
		"a remote configuration": {"kustomization.yaml": "resources: [x.yaml]\nconfigurations: ['http://" + address + "/c.yaml']", "x.yaml": fmt.Sprintf(configMap, "y")},
	} {
		got, err := open(t).Release(kustomization(t, files))
		if err == nil {
			t.Errorf("%s: rendered to %v", name, got.Objects)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	// A link in Git is a file that holds a path.
	got, err := open(t).Tree(manifest.Tree{Environment: "acme-dev", EnvType: "dev", Application: "shop", Files: map[string][]byte{
		"overlays/dev/kustomization.yaml": []byte("resources: [x.yaml]"), "overlays/dev/x.yaml": []byte(outside),
	}})
	if err == nil {
		t.Errorf("a link in Git: rendered to %v", got.Objects)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program was run")
	}
}

func TestProcessHasNothing(t *testing.T) {
	t.Setenv("CATALYST_GITEA_TOKEN", "canary")
	address, connections := listener(t)
	got, err := started(t, program(t, "greedy")).Tree(manifest.Tree{Application: address})
	if err != nil || len(got.Notes) > 0 || connections.Load() > 0 {
		t.Errorf("it %v (%d connections), %v", got.Notes, connections.Load(), err)
	}
}

// What waits for a turn can be given up.
func TestOnlySoManyAtOnce(t *testing.T) {
	r, err := renderer.New(program(t, renderer.Program))
	if err != nil {
		t.Fatal(err)
	}
	var running []manifest.Session
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		s, err := r.Open(ctx)
		if err != nil {
			cancel()
			break
		}
		t.Cleanup(cancel)
		if running = append(running, s); len(running) > 4 {
			t.Fatal("there is no bound")
		}
	}
	running[0].Close()
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(running[1:], s) {
		s.Close()
		s.Close()
	}
}
