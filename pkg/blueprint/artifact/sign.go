package artifact

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/errdef"
)

// Names of cosign's key pair format, which Flux verifies as well.
const (
	simpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureAnnotation    = "dev.cosignproject.cosign/signature"
	payloadType            = "cosign container image signature"
	maxSignatures          = 20
	maxPayloadSize         = 64 << 10
)

// claim is the document that is signed (the "simple signing" format).
type claim struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			DockerManifestDigest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// GenerateKey makes a key pair that cosign and Flux can use, as PEM.
func GenerateKey() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	rawPrivate, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	rawPublic, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawPrivate}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rawPublic}), nil
}

// ParsePrivateKey reads an ECDSA key from PEM (PKCS #8 or SEC 1).
func ParsePrivateKey(raw []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("the private key is not PEM")
	}
	switch {
	case block.Type == "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case strings.HasPrefix(block.Type, "ENCRYPTED"):
		return nil, errors.New("the private key is encrypted; give it decrypted, for example from a secret store")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		return ec, nil
	}
	return nil, errors.New("the private key is not ECDSA")
}

// ParsePublicKeys reads every ECDSA public key from PEM: during a rotation there are two.
func ParsePublicKeys(raw []byte) ([]*ecdsa.PublicKey, error) {
	var keys []*ecdsa.PublicKey
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a public key cannot be read: %w", err)
		}
		ec, ok := key.(*ecdsa.PublicKey)
		if !ok {
			return nil, errors.New("a public key is not ECDSA")
		}
		keys = append(keys, ec)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no PEM public key")
	}
	return keys, nil
}

// SignatureTag is where the signatures of a digest are.
func SignatureTag(d digest.Digest) string { return d.Algorithm().String() + "-" + d.Encoded() + ".sig" }

// Sign adds a signature of the digest by key. It changes nothing if that key has signed it before.
func Sign(ctx context.Context, to oras.Target, repository string, d digest.Digest, key *ecdsa.PrivateKey) error {
	layers, err := signatures(ctx, to, d)
	if err != nil && !errors.Is(err, errdef.ErrNotFound) {
		return fmt.Errorf("read the signatures of %s: %w", d, err)
	}
	for _, l := range layers {
		if _, err := verifyOne(ctx, to, l, d, []*ecdsa.PublicKey{&key.PublicKey}); err == nil {
			return nil
		}
	}
	var c claim
	c.Critical.Identity.DockerReference = repository
	c.Critical.Image.DockerManifestDigest = d.String()
	c.Critical.Type = payloadType
	payload, err := json.Marshal(c)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(payload)
	signature, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	layer := newBlob(simpleSigningMediaType, payload)
	layer.descriptor.Annotations = map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(signature)}
	return pushSignatures(ctx, to, d, append(layers, layer.descriptor), layer)
}

func pushSignatures(ctx context.Context, to oras.Target, d digest.Digest, layers []ocispec.Descriptor, added blob) error {
	diffs := make([]string, 0, len(layers))
	for _, l := range layers {
		diffs = append(diffs, l.Digest.String())
	}
	rawConfig, err := json.Marshal(map[string]any{
		"architecture": "", "os": "", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return err
	}
	config := newBlob(ocispec.MediaTypeImageConfig, rawConfig)
	rawManifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config.descriptor, Layers: layers,
	})
	if err != nil {
		return err
	}
	return pushAll(ctx, to, newBlob(ocispec.MediaTypeImageManifest, rawManifest), SignatureTag(d), added, config)
}

// Verify returns nil when one of the keys has signed the digest, and a *RefusedError that says why not otherwise.
func Verify(ctx context.Context, from oras.ReadOnlyTarget, d digest.Digest, keys []*ecdsa.PublicKey) error {
	_, err := signer(ctx, from, d, keys)
	return err
}

// Fingerprint names a public key: the SHA-256 of its DER form, as `openssl pkey -pubin -outform DER | sha256sum` gives it.
func Fingerprint(key *ecdsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "unknown"
	}
	return digest.FromBytes(der).String()
}

// signer is the key that has signed the digest.
func signer(ctx context.Context, from oras.ReadOnlyTarget, d digest.Digest, keys []*ecdsa.PublicKey) (*ecdsa.PublicKey, error) {
	layers, err := signatures(ctx, from, d)
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, refuse("is not signed")
	}
	if err != nil {
		return nil, err
	}
	last := refuse("is not signed")
	for _, l := range layers {
		var key *ecdsa.PublicKey
		if key, last = verifyOne(ctx, from, l, d, keys); last == nil {
			return key, nil
		}
		var refused *RefusedError
		if !errors.As(last, &refused) {
			return nil, last
		}
	}
	return nil, last
}

// signatures lists the signature layers of a digest.
func signatures(ctx context.Context, from oras.ReadOnlyTarget, d digest.Digest) ([]ocispec.Descriptor, error) {
	desc, err := from.Resolve(ctx, SignatureTag(d))
	if err != nil {
		return nil, err
	}
	raw, err := fetch(ctx, from, desc, MaxManifestSize)
	if err != nil {
		return nil, err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, refuse("has a signature that cannot be read")
	}
	var layers []ocispec.Descriptor
	for _, l := range manifest.Layers {
		if l.MediaType == simpleSigningMediaType && len(layers) < maxSignatures {
			layers = append(layers, l)
		}
	}
	return layers, nil
}

func verifyOne(ctx context.Context, from oras.ReadOnlyTarget, layer ocispec.Descriptor, d digest.Digest, keys []*ecdsa.PublicKey) (*ecdsa.PublicKey, error) {
	signature, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureAnnotation])
	if err != nil {
		return nil, refuse("has a signature that cannot be read")
	}
	payload, err := fetch(ctx, from, layer, maxPayloadSize)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(payload)
	var by *ecdsa.PublicKey
	for _, k := range keys {
		if ecdsa.VerifyASN1(k, hash[:], signature) {
			by = k
			break
		}
	}
	if by == nil {
		return nil, refuse("is signed by a key that this Sovereign does not trust")
	}
	var c claim
	if err := json.Unmarshal(payload, &c); err != nil || c.Critical.Type != payloadType {
		return nil, refuse("has a signature of an unknown kind")
	}
	if c.Critical.Image.DockerManifestDigest != d.String() {
		return nil, refuse("carries the signature of something else (%s)", quoted(c.Critical.Image.DockerManifestDigest))
	}
	return by, nil
}
