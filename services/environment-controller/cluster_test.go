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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kubestackEnv names the binary that is etcd and the API server.
const kubestackEnv = "CATALYST_KUBESTACK_BIN"

// apiServer is a real API server with its etcd, for one test.
type apiServer struct {
	url, dir string
	admin    client.Client
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
	writeFile(t, dir, "tokens.csv", "admin-token,test:admin,admin,\"system:masters\"\ncontroller-token,catalyst:environment-controller,environment-controller\n")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	writeFile(t, dir, "sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	writeFile(t, dir, "sa.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	background(t, dir, bin, "etcd", "--name", "n1", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", etcdURL,
		"--advertise-client-urls", etcdURL, "--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
		"--initial-cluster", "n1="+peerURL, "--log-level", "warn", "--unsafe-no-fsync")
	background(t, dir, bin, "apiserver", "--etcd-servers="+etcdURL, fmt.Sprintf("--secure-port=%d", secure), "--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1", "--cert-dir="+filepath.Join(dir, "certs"), "--service-cluster-ip-range=10.1.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+filepath.Join(dir, "sa.pub"),
		"--service-account-signing-key-file="+filepath.Join(dir, "sa.key"), "--token-auth-file="+filepath.Join(dir, "tokens.csv"),
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none")
	s := &apiServer{url: fmt.Sprintf("https://127.0.0.1:%d", secure), dir: dir}
	cfg := s.config("admin-token")
	hc, err := rest.HTTPClientFor(cfg)
	must(t, err)
	eventually(t, time.Minute, func() error {
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
	s.admin, err = client.New(cfg, client.Options{})
	must(t, err)
	return s
}

func (s *apiServer) config(token string) *rest.Config {
	return &rest.Config{Host: s.url, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
}

func (s *apiServer) kubeconfig(token string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: c, context: {cluster: c, user: u}}]}`, s.url, token)
}

// applyFiles applies every document of some YAML files, as the administrator.
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
			d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(string(b)), 4096)
			for {
				var u unstructured.Unstructured
				if err := d.Decode(&u); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", f, err)
				}
				if len(u.Object) > 0 {
					if err := s.apply(&u); err != nil {
						t.Fatalf("%s: %v", f, err)
					}
				}
			}
		}
	}
}

func (s *apiServer) apply(u *unstructured.Unstructured) error {
	return s.admin.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership)
}

func background(t *testing.T, dir, bin string, args ...string) {
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

var nextPort = 15100 + os.Getpid()%400

func freePort(t *testing.T) int {
	t.Helper()
	for ; nextPort < 16000; nextPort++ {
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", nextPort)); err == nil { //nolint:noctx // closed at once
			_ = ln.Close()
			nextPort++
			return nextPort - 1
		}
	}
	t.Fatal("no free port between 15100 and 15999")
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
	for {
		err := f()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %v", limit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func isInvalid(err error, message string) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), message)
}
