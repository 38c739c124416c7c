package redis

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// minKey is the length of the shortest key that is accepted, in bytes.
const minKey = 32

// name stands for a user in Redis: a keyed hash, so that who reads Redis learns of nobody (A4).
type name [16]byte

func (n name) key() string { return "parley:user:" + hex.EncodeToString(n[:]) }

// secrets are made from the key that all nodes share.
type secrets struct {
	names []byte
	aead  cipher.AEAD
}

func newSecrets(key []byte) (secrets, error) {
	if len(key) < minKey {
		return secrets{}, fmt.Errorf("the key of the bus has %d bytes, it needs %d", len(key), minKey)
	}
	names, err := hkdf.Key(sha256.New, key, nil, "parley bus: names of users", sha256.Size)
	if err != nil {
		return secrets{}, fmt.Errorf("derive key of names: %w", err)
	}
	messages, err := hkdf.Key(sha256.New, key, nil, "parley bus: messages", chacha20poly1305.KeySize)
	if err != nil {
		return secrets{}, fmt.Errorf("derive key of messages: %w", err)
	}
	aead, err := chacha20poly1305.NewX(messages) // nonces of 24 bytes: many nodes can draw them at random for ever
	if err != nil {
		return secrets{}, fmt.Errorf("make cipher: %w", err)
	}
	return secrets{names: names, aead: aead}, nil
}

func (s secrets) name(user string) (n name) {
	h := hmac.New(sha256.New, s.names)
	h.Write([]byte(user))
	copy(n[:], h.Sum(nil))
	return n
}

// seal closes what goes to a channel; it can't be opened as a message of another one.
func (s secrets) seal(channel string, plain []byte) []byte {
	sealed := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	rand.Read(sealed)
	return s.aead.Seal(sealed, sealed, plain, []byte(channel))
}

var errSealed = errors.New("not sealed with the key of this cluster")

func (s secrets) open(channel string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(channel))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}
