//go:build integration

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// kubestackEnv names the binary that is etcd and the API server.
const kubestackEnv = "CATALYST_KUBESTACK_BIN"

// apiServer is a real API server with its etcd, for one test.
type apiServer struct {
	url, dir string
	process  *os.Process
	admin    dynamic.Interface
	mapper   *restmapper.DeferredDiscoveryRESTMapper
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	bin := os.Getenv(kubestackEnv)
	if bin == "" {
		t.Fatalf("this test needs a Kubernetes API server: set %s to the path of the kubestack binary", kubestackEnv)
	}
	dir := t.TempDir()
	etcd, peer, secure := freePort(t), freePort(t), freePort(t)
	etcdURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", etcd), fmt.Sprintf("http://127.0.0.1:%d", peer)
	writeFile(t, dir, "tokens.csv", "admin-token,test:admin,admin,\"system:masters\"\nobserver-token,catalyst:observer,observer\n")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	writeFile(t, dir, "sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	writeFile(t, dir, "sa.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	background(t, dir, bin, "etcd", "--name", "n1", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", etcdURL,
		"--advertise-client-urls", etcdURL, "--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
		"--initial-cluster", "n1="+peerURL, "--log-level", "warn", "--unsafe-no-fsync")
	process := background(t, dir, bin, "apiserver", "--etcd-servers="+etcdURL, fmt.Sprintf("--secure-port=%d", secure), "--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1", "--cert-dir="+filepath.Join(dir, "certs"), "--service-cluster-ip-range=10.1.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+filepath.Join(dir, "sa.pub"),
		"--service-account-signing-key-file="+filepath.Join(dir, "sa.key"), "--token-auth-file="+filepath.Join(dir, "tokens.csv"),
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount")
	s := &apiServer{url: fmt.Sprintf("https://127.0.0.1:%d", secure), dir: dir, process: process}
	cfg := s.config("admin-token")
	hc, err := rest.HTTPClientFor(cfg)
	must(t, err)
	eventually(t, 2*time.Minute, func() error {
		res, err := hc.Get(s.url + "/readyz") //nolint:noctx // bounded by eventually
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
	s.admin, err = dynamic.NewForConfig(cfg)
	must(t, err)
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	must(t, err)
	s.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	return s
}

func (s *apiServer) config(token string) *rest.Config {
	return &rest.Config{Host: s.url, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
}

func (s *apiServer) kubeconfig(token string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: c, context: {cluster: c, user: u}}]}`, s.url, token)
}

// client is where objects like one live.
func (s *apiServer) client(u *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := u.GroupVersionKind()
	m, err := s.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		s.mapper.Reset()
		return nil, err
	}
	if ns := u.GetNamespace(); ns != "" {
		return s.admin.Resource(m.Resource).Namespace(ns), nil
	}
	return s.admin.Resource(m.Resource), nil
}

// apply applies YAML documents, and their status if they have one.
func (s *apiServer) apply(t *testing.T, docs string) {
	t.Helper()
	d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(docs), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(u); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if len(u.Object) == 0 {
			continue
		}
		_, status := u.Object["status"]
		eventually(t, 20*time.Second, func() error {
			c, err := s.client(u)
			if err != nil {
				return err
			}
			o := metav1.ApplyOptions{FieldManager: "test", Force: true}
			if _, err := c.Apply(context.Background(), u.GetName(), u, o); err != nil {
				return err
			}
			if status && u.GetKind() != "CustomResourceDefinition" {
				_, err = c.ApplyStatus(context.Background(), u.GetName(), u, o)
			}
			return err
		})
	}
}

func (s *apiServer) applyFiles(t *testing.T, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		files, err := filepath.Glob(p)
		must(t, err)
		if len(files) == 0 {
			t.Fatalf("there is no file %s", p)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			must(t, err)
			s.apply(t, string(b))
		}
	}
}

// remove deletes an object that YAML names.
func (s *apiServer) remove(t *testing.T, doc string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	must(t, yaml.NewYAMLOrJSONDecoder(strings.NewReader(doc), 4096).Decode(u))
	c, err := s.client(u)
	must(t, err)
	if err := c.Delete(t.Context(), u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

func background(t *testing.T, dir, bin string, args ...string) *os.Process {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, args[0]+".log"))
	must(t, err)
	cmd := exec.CommandContext(context.Background(), bin, args...) //nolint:gosec // the test names the binary
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
		_ = log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("%s said at last:\n%s", args[0], b[max(0, len(b)-2000):])
		}
	})
	return cmd.Process
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = filepath.Join(root(t), "deploy/local/stack")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	must(t, err)
	return dir
}

var nextPort = 16100 + os.Getpid()%400

func freePort(t *testing.T) int {
	t.Helper()
	for ; nextPort < 17000; nextPort++ {
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", nextPort)); err == nil { //nolint:noctx // closed at once
			_ = ln.Close()
			nextPort++
			return nextPort - 1
		}
	}
	t.Fatal("no free port between 16100 and 16999")
	return 0
}

func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually fails the test if f does not return nil in time; it returns how long that took.
func eventually(t *testing.T, limit time.Duration, f func() error) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}
