package file

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"parley/storage/keys"
)

// kind says what a wrapped file holds. It is part of what the seal is bound to.
type kind byte

const (
	dataKey   kind = 1
	tombstone kind = 2
	signing   kind = 3
	check     kind = 4
)

// wrapVersion begins every wrapped file: version(1) ‖ kind(1) ‖ nonce(12) ‖ AES-256-GCM.
const wrapVersion = 1

var errDamaged = errors.New("file is damaged or was wrapped by another root key")

// nameHash is a data key's name as it is stored.
type nameHash [sha256.Size]byte

// wrapper holds what is derived from the root key.
type wrapper struct {
	aead  cipher.AEAD
	names []byte
}

func newWrapper(root []byte) (wrapper, error) {
	wrapKey, err := hkdf.Key(sha256.New, root, nil, "parley vault wrap v1", 32)
	if err != nil {
		return wrapper{}, fmt.Errorf("derive key: %w", err)
	}
	names, err := hkdf.Key(sha256.New, root, nil, "parley vault names v1", 32)
	if err != nil {
		return wrapper{}, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(wrapKey)
	if err != nil {
		return wrapper{}, fmt.Errorf("derive key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return wrapper{}, fmt.Errorf("derive key: %w", err)
	}
	return wrapper{aead: aead, names: names}, nil
}

// hash is the keyed hash of a name: names hold user ids, file names must not (A4).
func (w wrapper) hash(n keys.Name) nameHash {
	m := hmac.New(sha256.New, w.names)
	m.Write([]byte(n))
	return nameHash(m.Sum(nil))
}

func (w wrapper) seal(k kind, name nameHash, plain []byte) []byte {
	return w.aead.Seal([]byte{wrapVersion, byte(k)}, nil, plain, boundTo(k, name))
}

// open returns what a file holds, whichever of the kinds it is.
func (w wrapper) open(file []byte, name nameHash, kinds ...kind) (kind, []byte, error) {
	if len(file) < 2 || file[0] != wrapVersion {
		return 0, nil, errDamaged
	}
	for _, k := range kinds {
		if file[1] != byte(k) {
			continue
		}
		plain, err := w.aead.Open(nil, nil, file[2:], boundTo(k, name))
		if err != nil {
			return 0, nil, errDamaged
		}
		return k, plain, nil
	}
	return 0, nil, errDamaged
}

func boundTo(k kind, name nameHash) []byte {
	return append([]byte{'p', 'a', 'r', 'l', 'e', 'y', wrapVersion, byte(k)}, name[:]...)
}
