package sovereign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Secrets are made once and kept with the state, readable by their owner alone.
type Secrets struct {
	WebhookSecret string `json:"webhookSecret"`
	OIDCSecret    string `json:"oidcClientSecret"`
	// Spine holds an nkey seed for each service that uses the spine, and two of the operator: see nats.go.
	Spine map[string]string `json:"spine"`
	// Kube holds a token for each user of the simulated cluster.
	Kube map[string]string `json:"kube"`
	// GiteaPassword and GiteaToken belong to the accounts of our services.
	GiteaPassword map[string]string `json:"giteaPassword"`
	GiteaToken    map[string]string `json:"giteaToken"`
	GiteaSecret   string            `json:"giteaSecret"`
	GiteaJWT      string            `json:"giteaJWT"`

	path string
}

// Accounts of our services in Gitea. The first administers it.
var GiteaAccounts = []string{"catalyst-controller", "catalyst-provisioning", "catalyst-observer", "catalyst-flux"}

// LoadSecrets reads the secrets and makes those that are not there yet.
func LoadSecrets(s Settings) (*Secrets, error) {
	path := s.File("secrets.json")
	sec := &Secrets{path: path}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(b, sec); err != nil {
			return nil, fmt.Errorf("%s is damaged (%w): `catalyst reset` starts anew", path, err)
		}
	}
	for _, m := range []*map[string]string{&sec.Spine, &sec.Kube, &sec.GiteaPassword, &sec.GiteaToken} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	for _, v := range []*string{&sec.WebhookSecret, &sec.OIDCSecret, &sec.GiteaSecret} {
		fill(v)
	}
	if sec.GiteaJWT == "" {
		// Gitea wants exactly 32 bytes in URL-safe base64 without padding: 43 characters.
		sec.GiteaJWT = base64Key()
	}
	if err := fillSeeds(sec.Spine); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): `catalyst reset` starts anew", path, err)
	}
	for _, user := range kubeUsers {
		fillKey(sec.Kube, user.name)
	}
	for _, account := range GiteaAccounts {
		fillKey(sec.GiteaPassword, account)
	}
	return sec, sec.Save()
}

// Save writes the secrets.
func (s *Secrets) Save() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(s.path, b, 0o600)
}

func fill(v *string) {
	if *v == "" {
		*v = randomHex()
	}
}

func fillKey(m map[string]string, k string) {
	if m[k] == "" {
		m[k] = randomHex()
	}
}

func randomHex() string {
	b := make([]byte, 20)
	rand.Read(b) //nolint:errcheck // it never fails: see its documentation
	return hex.EncodeToString(b)
}

// WriteFile replaces a file in one step, making its folder if need be.
func WriteFile(path string, b []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone after the rename
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Chmod(mode); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Keys makes the key pairs and certificates that are not there yet.
func Keys(s Settings) error {
	if err := signingKey(s); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	if !s.Simulated() {
		return nil
	}
	if err := serviceAccountKey(s); err != nil {
		return fmt.Errorf("service account key: %w", err)
	}
	if err := serverCertificate(s); err != nil {
		return fmt.Errorf("API server's certificate: %w", err)
	}
	return nil
}

// SigningKey and SigningPublicKey are the files of the pair that signs Blueprints.
func (s Settings) SigningKey() string       { return s.File("keys", "signing.key") }
func (s Settings) SigningPublicKey() string { return s.File("keys", "signing.pub") }

func signingKey(s Settings) error {
	if exists(s.SigningPublicKey()) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writePair(s.SigningKey(), s.SigningPublicKey(), key, &key.PublicKey)
}

func serviceAccountKey(s Settings) error {
	if exists(s.File("keys", "sa.pub")) {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writePair(s.File("keys", "sa.key"), s.File("keys", "sa.pub"), key, &key.PublicKey)
}

func writePair(private, public string, key, pub any) error {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	p, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return err
	}
	if err := WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), 0o600); err != nil {
		return err
	}
	return WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p}), 0o644)
}

// serverCertificate makes a self-signed certificate for the API server; it is its own authority.
func serverCertificate(s Settings) error {
	if exists(s.File("keys", "apiserver.crt")) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "catalyst-local"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 1, 0, 1)},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := WriteFile(s.File("keys", "apiserver.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), 0o600); err != nil {
		return err
	}
	return WriteFile(s.File("keys", "apiserver.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
