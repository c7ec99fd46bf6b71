package gitlayout_test

import (
	"fmt"
	"strings"
	"testing"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

func TestPlainSecrets(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"password", "hunter2"}, {"adminPassword", "correct"}, {"DB_PASSWORD", "S3cr3t!"}, {"db-passwd", "letmein"}, {"passphrase", "opensesame"},
		{"token", "f81d4fae7dec11d0a765"}, {"apiKey", "Zm9vYmFyMTIzNDU2Nzg5"}, {"clientSecret", "8Q~aB3xPq_7vZ1kLm"}, {"secret", "9f86d081884c7d659a2f"},
		{"anything", "ghp_" + strings.Repeat("a1B2", 9)}, {"note", "use AKIA" + "IOSFODNN7EXAMPLE"}, {"x", "-----BEGIN RSA " + "PRIVATE KEY-----\nMII"}, {"x", "-----BEGIN " + "PRIVATE KEY-----"},
		{"url", "postgres://shop:hunter2@db:5432/shop"}, {"url", "redis://:hunter2@cache"}, {"x", "xoxb-" + "1234567890-abcdef"}, {"x", "glpat-" + strings.Repeat("a1B-", 5)},
		{"x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"}, {"x", "SU" + strings.Repeat("A2", 28)}, {"x", "hvs." + strings.Repeat("a1", 14)},
	} {
		for where, values := range map[string]map[string]any{
			"/" + tt.name: {tt.name: tt.text}, "/a~1b/0/" + tt.name: {"a/b": []any{map[string]any{tt.name: tt.text}}}, "/" + tt.name + "/0": {tt.name: []any{tt.text}},
		} {
			got := gitlayout.PlainSecrets(values, blueprint.Schema{})
			if len(got) != 1 || got[0].Pointer != where {
				t.Errorf("%s: %s is no secret: %+v", tt.name, tt.text, got)
			}
			if strings.Contains(fmt.Sprint(got), tt.text) {
				t.Errorf("the value is told: %+v", got)
			}
		}
	}
}

// What is no secret must not be taken for one: a person who is told so in vain stops reading.
func TestNoSecrets(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"password", ""}, {"password", "changeme"}, {"password", "${DB_PASSWORD}"}, {"password", "$(PASSWORD)"}, {"password", "{{ .Values.x }}"}, {"password", "<password>"}, {"password", "vault:secret/data/shop#password"}, {"password", "********"},
		{"password", "true"}, {"passwordEnabled", "yes-please"}, {"passwordPolicy", "strong"}, {"passwordSecretName", "shop-db"}, {"passwordKey", "password"}, {"existingSecret", "shop-postgres-credentials"}, {"imagePullSecret", "registry-2026"},
		{"secretName", "tls-5f8d7c9b6d"}, {"tlsSecret", "wildcard-example-com-tls"}, {"secretRef", "a"}, {"tokenTTL", "3600"}, {"token", "shop-token"}, {"tokenPath", "/var/run/secrets/kubernetes.io/serviceaccount/token"},
		{"key", "app.kubernetes.io/name"}, {"key", "topology.kubernetes.io/zone"}, {"apiKeyHeader", "X-Api-Key"}, {"keyAlgorithm", "ECDSA-P256-SHA256"}, {"secretKey", "postgres-password"}, {"auth", "basic"}, {"auth", "oauth2-proxy"},
		{"image", "registry.example/shop@sha256:" + strings.Repeat("ab12", 16)}, {"commit", strings.Repeat("ab12", 10)}, {"url", "postgres://shop@db:5432/shop"}, {"url", "https://user:${PASSWORD}@host/"}, {"url", "https://host:8443/a@b"},
		{"message", "Your password is not here"}, {"color", "#34577c"}, {"id", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, {"sshPublicKey", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"}, {"publicKey", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"}, {"monkey", "f81d4fae7dec11d0a765"}, {"compass", "north"}, {"sidekick", "a1b2c3d4e5f6g7h8"},
	} {
		if got := gitlayout.PlainSecrets(map[string]any{tt.name: tt.text}, blueprint.Schema{}); len(got) > 0 {
			t.Errorf("%s: %q is taken for a secret: %+v", tt.name, tt.text, got)
		}
	}
}

func TestTheSchemaSaysWhatIsASecret(t *testing.T) {
	schema := blueprint.NewSchema(map[string]any{"type": "object", "properties": map[string]any{
		"pin":   map[string]any{"type": "string", "writeOnly": true},
		"login": map[string]any{"type": "object", "properties": map[string]any{"word": map[string]any{"type": "string", "format": "password"}}},
		"list":  map[string]any{"type": "array", "items": map[string]any{"type": "string", "x-secret": true}},
		"token": map[string]any{"type": "string", "enum": []any{"jwt-rs256-2048-bits"}},
	}})
	values := map[string]any{"pin": "abc", "login": map[string]any{"word": "x y"}, "list": []any{"a", "${b}"}, "token": "jwt-rs256-2048-bits", "count": int64(3), "none": nil}
	var got []string
	for _, f := range gitlayout.PlainSecrets(values, schema) {
		got = append(got, f.Pointer)
	}
	if strings.Join(got, " ") != "/list/0 /login/word /pin" {
		t.Errorf("found %v", got)
	}
}
