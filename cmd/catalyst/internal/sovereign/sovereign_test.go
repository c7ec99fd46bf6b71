package sovereign

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func testSettings(t *testing.T) Settings {
	t.Helper()
	dir := t.TempDir()
	return Settings{Repo: "/repo", Home: filepath.Join(dir, "home"), Cache: filepath.Join(dir, "cache")}
}

func TestPorts(t *testing.T) {
	s := Settings{PortOffset: 1000}
	seen := map[int]string{}
	for _, p := range s.Ports() {
		if other := seen[p.Number]; other != "" {
			t.Errorf("port %d is for %s and for %s", p.Number, other, p.Name)
		}
		seen[p.Number] = p.Name
	}
	for number, component := range map[int]string{
		8079: "the supervisor's control", 8080: "the console", 8085: "environment-controller", 8090: "the OIDC issuer",
		8093: "NATS", 8097: "the Kubernetes API server", 8103: "source-controller's artifacts", 8107: "helm-controller's health",
	} {
		if seen[number] != component {
			t.Errorf("port %d is for %q, want %q", number, seen[number], component)
		}
	}
	s.Kubeconfig = "/some/file"
	for _, p := range s.Ports() {
		if p.Component == "etcd" || p.Component == "kwok" {
			t.Errorf("with an existing cluster, port %d is still wanted for %s", p.Number, p.Name)
		}
	}
}

func TestComponents(t *testing.T) {
	s := testSettings(t)
	sec, err := LoadSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	list := Components(s, sec, Binaries{Own: "/own", Gitea: "/gitea", Cluster: "/cluster"})
	names := map[string]Component{}
	for _, c := range list {
		if _, twice := names[c.Name]; twice {
			t.Errorf("%s is there twice", c.Name)
		}
		names[c.Name] = c
		if c.Title == "" || c.Binary == "" || c.Ready.URL == "" || c.Port == 0 {
			t.Errorf("%s lacks a title, binary, probe or port: %+v", c.Name, c)
		}
		if strings.Contains(strings.Join(c.Args, " "), "--events-addr") {
			t.Errorf("%s has --events-addr, on which nobody listens", c.Name)
		}
	}
	for _, c := range list {
		for _, a := range c.After {
			if _, ok := names[a]; !ok {
				t.Errorf("%s waits for %s, which is not there", c.Name, a)
			}
		}
	}

	s.Kubeconfig = "/their/kubeconfig"
	for _, c := range Components(s, sec, Binaries{}) {
		if clusterOwn[c.Name] {
			t.Errorf("with an existing cluster there is still %s", c.Name)
		}
		if k, ok := c.Env["KUBECONFIG"]; ok && k != s.Kubeconfig {
			t.Errorf("%s reads %s", c.Name, k)
		}
		if slices.Contains(c.After, "apiserver") {
			t.Errorf("%s waits for an API server that is not ours", c.Name)
		}
	}
}

func TestSecretsAreKept(t *testing.T) {
	s := testSettings(t)
	first, err := LoadSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	first.GiteaToken["catalyst-flux"] = "t0k3n"
	if err := first.Save(); err != nil {
		t.Fatal(err)
	}
	again, err := LoadSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	if again.WebhookSecret != first.WebhookSecret || again.Spine["gateway"] != first.Spine["gateway"] || again.GiteaToken["catalyst-flux"] != "t0k3n" {
		t.Error("the secrets changed")
	}
	if len(first.GiteaJWT) != 43 {
		t.Errorf("Gitea refuses a JWT secret of %d characters", len(first.GiteaJWT))
	}
	info, err := os.Stat(s.File("secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the secrets: %v", info.Mode())
	}
	if err := os.WriteFile(s.File("secrets.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecrets(s); err == nil || !strings.Contains(err.Error(), "catalyst reset") {
		t.Errorf("damaged secrets: %v", err)
	}
}

func TestKeys(t *testing.T) {
	s := testSettings(t)
	if err := Keys(s); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.SigningKey())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(before)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(s.SigningPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(pub)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.(*ecdsa.PrivateKey).PublicKey.Equal(public) {
		t.Error("the public key belongs to another")
	}
	if err := Keys(s); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(s.SigningKey()); err != nil || string(after) != string(before) {
		t.Errorf("the signing key changed (%v)", err)
	}
}

func TestGiteaConfig(t *testing.T) {
	s := testSettings(t)
	sec, err := LoadSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	if c := GiteaConfig(s, sec, "/assets", "ada"); strings.Contains(c, "UNSAFE") || !strings.Contains(c, "STATIC_ROOT_PATH = /assets") || strings.Contains(c, "%!") {
		t.Error(c)
	}
	if c := GiteaConfig(s, sec, "/assets", "root"); !strings.Contains(c, "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true") {
		t.Error("Gitea will not run as root")
	}
}

func TestFindRepo(t *testing.T) {
	dir := t.TempDir()
	if _, err := FindRepo(dir); err == nil {
		t.Error("found a repo where there is none")
	}
	if err := WriteFile(filepath.Join(dir, "deploy/local/stack/go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := FindRepo(inside); err != nil || got != dir {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestValidate(t *testing.T) {
	for name, s := range map[string]Settings{
		"negative offset": {PortOffset: -1}, "huge offset": {PortOffset: 60000}, "no kubeconfig": {Kubeconfig: "/does/not/exist"},
	} {
		if s.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := ParsePortOffset("ten"); err == nil {
		t.Error("a word was accepted as port offset")
	}
}
