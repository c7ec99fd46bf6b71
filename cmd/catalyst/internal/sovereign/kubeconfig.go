package sovereign

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"crypto/rand"
)

// kubeUsers are who may talk to the simulated cluster. Kubernetes binds its own parts by their names; Flux applies what
// it is told as the service account of each Application, and needs to be an administrator to do so.
var kubeUsers = []struct{ name, user, groups string }{
	{"bootstrap", "catalyst:bootstrap", "system:masters"},
	{"controller-manager", "system:kube-controller-manager", "system:masters"}, // its controllers have no accounts of their own here
	{"scheduler", "system:kube-scheduler", ""},
	{"kwok", "catalyst:kwok", "system:masters"},
	{"flux", "catalyst:flux", "system:masters"},
	{"observer", "catalyst:observer", ""},
	{"environment-controller", "catalyst:environment-controller", ""},
	{"provisioning", "catalyst:provisioning", ""},
}

// tokenFile renders the API server's static tokens.
func tokenFile(tokens map[string]string) string {
	var b strings.Builder
	for _, u := range kubeUsers {
		fmt.Fprintf(&b, "%s,%s,%s", tokens[u.name], u.user, u.name)
		if u.groups != "" {
			fmt.Fprintf(&b, ",%q", u.groups)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func kubeconfig(server string, ca []byte, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: catalyst
clusters:
  - name: catalyst
    cluster:
      server: %s
      certificate-authority-data: %s
users:
  - name: catalyst
    user:
      token: %s
contexts:
  - name: catalyst
    context:
      cluster: catalyst
      user: catalyst
`, server, base64.StdEncoding.EncodeToString(ca), token)
}

// KubeconfigOf is the file that a component reads to reach the cluster.
func (s Settings) KubeconfigOf(user string) string {
	if !s.Simulated() {
		return s.Kubeconfig
	}
	return s.File("kubeconfig", user)
}

// WriteKubeconfigs writes the tokens of the simulated cluster and a kubeconfig for each of its users.
func WriteKubeconfigs(s Settings, sec *Secrets) error {
	if !s.Simulated() {
		return nil
	}
	if err := WriteFile(s.File("keys", "tokens.csv"), []byte(tokenFile(sec.Kube)), 0o600); err != nil {
		return err
	}
	ca, err := os.ReadFile(s.File("keys", "apiserver.crt"))
	if err != nil {
		return err
	}
	for _, u := range kubeUsers {
		if err := WriteFile(s.KubeconfigOf(u.name), []byte(kubeconfig(s.APIServerURL(), ca, sec.Kube[u.name])), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func base64Key() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // it never fails: see its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}
