//go:build integration

package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
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
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// surroundings are an Environment, and what others have made there.
const surroundings = `
apiVersion: v1
kind: Namespace
metadata: {name: acme-dev}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: flux, namespace: acme-dev}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: other, namespace: acme-dev}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: flux, namespace: acme-dev}
rules:
  - apiGroups: ["", apps]
    resources: [configmaps, secrets, deployments, services]
    verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: flux, namespace: acme-dev}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: flux}
subjects:
  - {kind: ServiceAccount, name: flux, namespace: acme-dev}
  - {kind: ServiceAccount, name: other, namespace: acme-dev}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: most, namespace: acme-dev}
spec: {hard: {count/services: "0"}}
status: {hard: {count/services: "0"}, used: {count/services: "0"}}
`

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: acme-dev}
spec:
  replicas: %d
  selector: {matchLabels: {app: %s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
`

func TestInspect(t *testing.T) {
	s := start(t)
	rbac, err := os.ReadFile("../../../../deploy/local/cluster/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.apply(t, string(rbac)+"\n---\n"+surroundings, "test")
	s.apply(t, fmt.Sprintf(deployment, 2, "shop"), "helm-controller")
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: acme-dev}\nstringData: {password: canary-1}\n"
	s.apply(t, secret, "helm-controller")
	c := fromConfig(s.config("provisioning-token"))
	one := func(t *testing.T, now, next string) manifest.Finding {
		t.Helper()
		f := c.Inspect(t.Context(), "acme-dev", []manifest.Check{{Now: read(t, now), Next: read(t, next), Manager: "helm-controller"}})[0]
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		return f
	}
	able, err := c.Capabilities(t.Context())
	if err != nil || !strings.HasPrefix(able.Version, "v1.") || !strings.Contains(strings.Join(able.APIs, " ")+" ", "apps/v1 apps/v1/") {
		t.Errorf("it can %+v, %v", able, err)
	}
	same := fmt.Sprintf(deployment, 2, "shop")
	t.Run("drift", func(t *testing.T) {
		if f := one(t, same, same); f.Problem != "" || at(f.Live, "replicas") != "2" || at(f.Applied, "replicas") != "2" {
			t.Errorf("what runs as Git says: %+v", f)
		}
		s.scale(t, 5)
		if f := one(t, same, fmt.Sprintf(deployment, 3, "shop")); f.Problem != "" || at(f.Live, "replicas") != "5" || at(f.Applied, "replicas") != "2" {
			t.Errorf("what somebody scaled: %+v", f)
		}
	})
	for reason, next := range map[string]string{
		"immutable":       fmt.Sprintf(deployment, 2, "other"),
		"greater than":    fmt.Sprintf(deployment, -1, "shop"),
		"does not know":   "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\n",
		"cannot get":      "apiVersion: v1\nkind: Node\nmetadata: {name: x}\n",
		"cannot patch":    "apiVersion: v1\nkind: Namespace\nmetadata: {name: acme-dev}\n",
		"exceeded quota":  "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n",
		"other namespace": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}\n",
	} {
		f := one(t, "", next)
		ok := strings.Contains(f.Problem, reason) || strings.HasPrefix(reason, "cannot") && strings.Contains(f.Problem, "cannot patch") ||
			reason == "other namespace" && strings.Contains(f.Problem, `in the namespace "default"`)
		if !ok {
			t.Errorf("%s: got %q", reason, f.Problem)
		}
	}
	t.Run("nothing is there", func(t *testing.T) {
		if f := one(t, "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n"); f.Problem != "" || f.Live != nil {
			t.Errorf("%+v", f)
		}
		if f := one(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n", ""); f.Problem != "" || f.Live != nil || f.Applied == nil {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a secret is not repeated", func(t *testing.T) {
		f := one(t, secret, "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: acme-dev}\ntype: canary-2\ndata: {password: '%canary-3'}\n")
		if f.Problem == "" || strings.Contains(f.Problem, "canary") {
			t.Errorf("%q", f.Problem)
		}
	})
	t.Run("away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, f := range c.Inspect(ctx, "acme-dev", []manifest.Check{{Next: read(t, same)}}) {
			if !errors.Is(f.Err, context.Canceled) {
				t.Errorf("%+v", f)
			}
		}
		if _, err := fromConfig(&rest.Config{Host: "http://127.0.0.1:1"}).Capabilities(t.Context()); err == nil {
			t.Error("a cluster that is not there answered")
		}
	})
	t.Run("rights", func(t *testing.T) { rights(t, s, c) })
}

// rights tries what provisioning must not be able to do.
func rights(t *testing.T, s *apiServer, c *Cluster) {
	direct := client(t, s.config("provisioning-token"))
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	try := func(what string, err error) {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := direct.Resource(secrets).Namespace("acme-dev").Get(t.Context(), "s", metav1.GetOptions{})
	try("read for itself", err)
	for _, who := range []string{"system:serviceaccount:acme-dev:other", "catalyst:bootstrap", "system:admin"} {
		config := s.config("provisioning-token")
		config.Impersonate.UserName = who
		_, err := client(t, config).Resource(secrets).Namespace("acme-dev").Get(t.Context(), "s", metav1.GetOptions{})
		try("be "+who, err)
	}
	flux := client(t, c.as("acme-dev")).Resource(secrets).Namespace("acme-dev")
	try("delete", flux.Delete(t.Context(), "s", metav1.DeleteOptions{}))
	_, err = flux.List(t.Context(), metav1.ListOptions{})
	try("list", err)
	_, err = flux.Watch(t.Context(), metav1.ListOptions{})
	try("watch", err)
	_, err = flux.Create(t.Context(), &unstructured.Unstructured{Object: read(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: z}\n")}, metav1.CreateOptions{})
	try("create", err)
}

func at(o manifest.Object, field string) string {
	spec, _ := o["spec"].(map[string]any)
	return fmt.Sprint(spec[field])
}

func read(t *testing.T, doc string) manifest.Object {
	t.Helper()
	if doc == "" {
		return nil
	}
	raw, err := yaml.ToJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	o, err := manifest.ReadObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// apiServer is a real API server with its etcd.
type apiServer struct{ url string }

func (s *apiServer) config(token string) *rest.Config {
	return &rest.Config{Host: s.url, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
}

func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *apiServer) apply(t *testing.T, docs, manager string) {
	t.Helper()
	admin := fromConfig(s.config("admin-token"))
	all := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(docs)))
	for {
		doc, err := all.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		o := read(t, string(doc))
		if o == nil {
			continue
		}
		kind, err := admin.served.kind(t.Context(), admin.config, o.APIVersion(), o.Kind())
		if err != nil {
			t.Fatal(err)
		}
		resource, u := kind.in(client(t, admin.config), o.Namespace(), "default"), &unstructured.Unstructured{Object: o}
		options := metav1.ApplyOptions{FieldManager: manager, Force: true}
		if _, err := resource.Apply(t.Context(), o.Name(), u, options); err != nil {
			t.Fatal(err)
		}
		if _, has := o["status"]; has {
			if _, err := resource.ApplyStatus(t.Context(), o.Name(), u, options); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// scale is what somebody does past Git.
func (s *apiServer) scale(t *testing.T, replicas int) {
	t.Helper()
	_, err := client(t, s.config("admin-token")).Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace("acme-dev").
		Patch(t.Context(), "shop", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas), metav1.PatchOptions{FieldManager: "kubectl"})
	if err != nil {
		t.Fatal(err)
	}
}

// start runs the API server that the third-party build holds.
func start(t *testing.T) *apiServer {
	t.Helper()
	const variable = "CATALYST_KUBESTACK_BIN"
	bin := os.Getenv(variable)
	if bin == "" {
		t.Fatalf("this test needs a Kubernetes API server: set %s to the path of the kubestack binary", variable)
	}
	dir, port := t.TempDir(), freePorts(t, 3)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pair := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	write(t, dir, "sa.key", string(pair))
	write(t, dir, "tokens.csv", "admin-token,admin,admin,\"system:masters\"\nprovisioning-token,catalyst:provisioning,provisioning\n")
	etcd, peer := fmt.Sprintf("http://127.0.0.1:%d", port[0]), fmt.Sprintf("http://127.0.0.1:%d", port[1])
	background(t, dir, bin, "etcd", "--name=n1", "--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=n1="+peer, "--log-level=warn", "--unsafe-no-fsync")
	background(t, dir, bin, "apiserver", "--etcd-servers="+etcd, fmt.Sprintf("--secure-port=%d", port[2]), "--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1", "--cert-dir="+filepath.Join(dir, "certs"), "--service-cluster-ip-range=10.1.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+filepath.Join(dir, "sa.key"),
		"--service-account-signing-key-file="+filepath.Join(dir, "sa.key"), "--token-auth-file="+filepath.Join(dir, "tokens.csv"),
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount")
	s := &apiServer{url: fmt.Sprintf("https://127.0.0.1:%d", port[2])}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(2 * time.Minute); ; <-tick.C {
		_, err := get(t.Context(), s.config("admin-token"), "/readyz", new(any))
		if err == nil || strings.Contains(err.Error(), "invalid character") {
			return s // it says ok, which is no JSON
		}
		if time.Now().After(limit) {
			t.Fatalf("the API server is not ready: %v", err)
		}
	}
}

func background(t *testing.T, dir, bin string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(context.Background(), bin, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
		if t.Failed() {
			t.Logf("%s said at last:\n%s", args[0], log.Bytes()[max(0, log.Len()-2000):])
		}
	})
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()                                     //nolint:errcheck // it is free again
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it listens on TCP
	}
	return ports
}
