// Package kube applies objects to a Kubernetes API server over plain HTTP: server-side apply needs no more, and a full
// client would make the first build of this command ten times as long.
package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"
)

type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Clusters       []struct {
		Name    string  `json:"name"`
		Cluster cluster `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string `json:"name"`
		User user   `json:"user"`
	} `json:"users"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
}

type cluster struct {
	Server   string `json:"server"`
	CA       string `json:"certificate-authority"`
	CAData   string `json:"certificate-authority-data"`
	Insecure bool   `json:"insecure-skip-tls-verify"`
	Name     string `json:"tls-server-name"`
}

type user struct {
	Cert     string `json:"client-certificate"`
	CertData string `json:"client-certificate-data"`
	Key      string `json:"client-key"`
	KeyData  string `json:"client-key-data"`
	Token    string `json:"token"`
	File     string `json:"tokenFile"`
	Username string `json:"username"`
	Password string `json:"password"`
	Exec     *struct {
		APIVersion string   `json:"apiVersion"`
		Command    string   `json:"command"`
		Args       []string `json:"args"`
		Env        []struct{ Name, Value string }
	} `json:"exec"`
}

// Load makes a client from the current context of a kubeconfig file.
func Load(path string) (*Client, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var k kubeconfig
	if err := yaml.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("%s is no kubeconfig: %w", path, err)
	}
	c, u, err := k.current()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	client, err := newClient(filepath.Dir(path), c, u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return client, nil
}

func (k kubeconfig) current() (c cluster, u user, err error) {
	for _, ctx := range k.Contexts {
		if ctx.Name != k.CurrentContext {
			continue
		}
		for _, v := range k.Clusters {
			if v.Name == ctx.Context.Cluster {
				c = v.Cluster
			}
		}
		for _, v := range k.Users {
			if v.Name == ctx.Context.User {
				u = v.User
			}
		}
	}
	if c.Server == "" {
		return c, u, fmt.Errorf("the current context %q names no cluster", k.CurrentContext)
	}
	return c, u, nil
}

func newClient(dir string, c cluster, u user) (*Client, error) {
	conf := &tls.Config{InsecureSkipVerify: c.Insecure, ServerName: c.Name} //nolint:gosec // as the person's file says
	ca, err := data(dir, c.CAData, c.CA)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if len(ca) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the certificate authority holds no certificate")
		}
	}
	client := &Client{server: c.Server, username: u.Username, password: u.Password, token: u.Token}
	if u.File != "" {
		b, err := os.ReadFile(abs(dir, u.File))
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		client.token = string(bytes.TrimSpace(b))
	}
	cert, err := data(dir, u.CertData, u.Cert)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	key, err := data(dir, u.KeyData, u.Key)
	if err != nil {
		return nil, fmt.Errorf("client key: %w", err)
	}
	if u.Exec != nil {
		if client.token, cert, key, err = runPlugin(u); err != nil {
			return nil, err
		}
	}
	if len(cert) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	client.http = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, ForceAttemptHTTP2: true,
	}}
	return client, nil
}

// runPlugin asks a credential plugin, as clusters in clouds use them.
func runPlugin(u user) (token string, cert, key []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.Exec.Command, u.Exec.Args...)
	cmd.Env = append(os.Environ(), `KUBERNETES_EXEC_INFO={"apiVersion":"`+u.Exec.APIVersion+`","kind":"ExecCredential","spec":{"interactive":false}}`)
	for _, e := range u.Exec.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	out, err := cmd.Output()
	if err != nil {
		return "", nil, nil, fmt.Errorf("the credential plugin %s: %w", u.Exec.Command, err)
	}
	var v struct {
		Status struct {
			Token string `json:"token"`
			Cert  string `json:"clientCertificateData"`
			Key   string `json:"clientKeyData"`
		} `json:"status"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return "", nil, nil, fmt.Errorf("the credential plugin %s answered something else than a credential: %w", u.Exec.Command, err)
	}
	return v.Status.Token, []byte(v.Status.Cert), []byte(v.Status.Key), nil
}

func data(dir, inline, file string) ([]byte, error) {
	if inline != "" {
		return base64.StdEncoding.DecodeString(inline)
	}
	if file == "" {
		return nil, nil
	}
	return os.ReadFile(abs(dir, file))
}

func abs(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}
