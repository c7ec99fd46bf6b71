package jetstream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
)

// sessionKey is where a session is kept. It says nothing about the token.
func sessionKey(token string) string {
	sum := sha256.Sum256([]byte("catalyst session key\x00" + token))
	return hex.EncodeToString(sum[:])
}

// sealer encrypts with a key that only the token gives. Tokens are 256 random bits, so one hash is enough.
func sealer(token string) (cipher.AEAD, error) {
	sum := sha256.Sum256([]byte("catalyst session seal\x00" + token))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(token string, plain []byte) ([]byte, error) {
	aead, err := sealer(token)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, nil), nil
}

func unseal(token string, sealed []byte) ([]byte, bool) {
	aead, err := sealer(token)
	if err != nil {
		return nil, false
	}
	plain, err := aead.Open(nil, nil, sealed, nil)
	return plain, err == nil
}
